//! The ids of requests: in the log, in responses and in errors.

use std::path::PathBuf;

use reqwest::Response;
use serde_json::{Value, json};
use sessiond_test_support::{Account, GraphQlResponse, MOBILE, ServerProcess, within_deadline};
use tempfile::TempDir;

use crate::SESSIOND;

/// A server whose log and database a test can read and damage.
struct Logged {
    server: ServerProcess,
    folder: TempDir,
}

impl Logged {
    async fn start(flags: &[&str]) -> Self {
        Self::start_at(flags, false).await
    }

    async fn start_at(flags: &[&str], trace: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let builder = SESSIOND.server();
        let builder = if trace { builder.trace() } else { builder };
        let server = builder
            .database_file(&folder.path().join("test.db"))
            .flags(flags)
            .log_to(&folder.path().join("log"))
            .start()
            .await;
        Self { server, folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The lines of the log with this text, after one of them has arrived.
    async fn lines(&self, text: &str) -> Vec<String> {
        within_deadline(async {
            loop {
                let log = std::fs::read_to_string(self.path("log")).unwrap();
                let lines: Vec<_> = log.lines().filter(|line| line.contains(text)).collect();
                if !lines.is_empty() {
                    return lines.into_iter().map(str::to_owned).collect();
                }
                tokio::task::yield_now().await;
            }
        })
        .await
    }

    /// Changes the database behind the back of the server, which has no cache.
    fn damage(&self, sql: &str) {
        let connection = rusqlite::Connection::open(self.path("test.db")).unwrap();
        connection.execute_batch(sql).unwrap();
    }

    async fn send(&self, id: Option<&str>, query: &str) -> Response {
        let mut request = self.server.post("/graphql");
        if let Some(id) = id {
            request = request.header("x-request-id", id);
        }
        let request = request.json(&json!({ "query": query }));
        within_deadline(request.send()).await.unwrap()
    }

    async fn account(&self) -> Account {
        self.server.create_user(MOBILE).await
    }
}

fn id_of(response: &Response) -> String {
    let id = &response.headers()["x-request-id"];
    id.to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_lines_of_a_request_have_the_id_that_its_response_has() {
    let logged = Logged::start(&["--log-format=json"]).await;
    let create = |mobile: &str| {
        format!(
            "mutation {{ createUser(input: {{ mobile: \"{mobile}\", username: \"Abc\" }}) {{ message }} }}"
        )
    };
    let given = logged
        .send(Some("of-the-gateway"), &create("9012345670"))
        .await;
    assert_eq!(id_of(&given), "of-the-gateway");
    let made = logged.send(Some("not an id"), &create("9012345671")).await;
    let other = logged.send(None, &create("9012345672")).await;
    let ids = [id_of(&given), id_of(&made), id_of(&other)];
    within_deadline(async {
        while logged.lines("session active").await.len() < 3 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let lines = logged.lines("session active").await;
    for (line, id) in lines.iter().zip(&ids) {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["span"]["request_id"], *id, "{line}");
    }
    assert_ne!(ids[1], ids[2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_internal_error_has_the_id_of_the_line_with_its_cause() {
    let logged = Logged::start(&["--cache-size=0"]).await;
    logged.account().await;
    logged.damage("UPDATE records SET version = -1 WHERE part = 0");
    let query = format!("{{ user(mobile: \"{MOBILE}\") {{ id }} }}");
    let response = logged.send(None, &query).await;
    let id = id_of(&response);
    let failed = GraphQlResponse(within_deadline(response.json()).await.unwrap());
    assert_eq!(failed.error_code(), "INTERNAL");
    assert_eq!(failed.0["errors"][0]["extensions"]["requestId"], *id);
    let [line] = &logged.lines("a request failed").await[..] else {
        panic!("not one line")
    };
    assert!(line.contains(&id) && line.contains("damaged"), "{line}");

    // The operations of a WebSocket have the id of its handshake.
    let mut socket = logged.server.service_socket().await;
    let failed = socket.run(&query, json!({})).await;
    let id = &failed.0["errors"][0]["extensions"]["requestId"];
    let lines = logged.lines(id.as_str().unwrap()).await;
    assert!(lines[0].contains("a request failed"), "{lines:?}");

    // An error of the client has none.
    let response = logged.send(None, "{ nothing }").await;
    let failed: Value = within_deadline(response.json()).await.unwrap();
    assert_eq!(failed["errors"][0]["extensions"].get("requestId"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_away_is_logged_once_a_minute_with_the_id_of_a_request() {
    let logged = Logged::start(&["--cache-size=0"]).await;
    let token = logged.account().await.token;
    logged.damage("DROP VIEW sessions");
    let verify = |id: &str| {
        let request = logged.server.get("/verify").bearer_auth(&token);
        within_deadline(request.header("x-request-id", id).send())
    };
    for id in ["first", "second", "third"] {
        assert_eq!(verify(id).await.unwrap().status(), 503);
    }
    let query = "{ currentSession { status } }";
    for _ in 0..3 {
        let failed = logged.server.run_as(Some(&token), query, json!({})).await;
        assert_eq!(failed.error_code(), "UNAVAILABLE");
    }
    for message in ["token check failed", "a request failed"] {
        let [line] = &logged.lines(message).await[..] else {
            panic!("{message} was not logged once")
        };
        assert!(line.contains("count=1"), "{line}");
    }
    assert!(logged.lines("token check failed").await[0].contains("request_id=first"));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_has_one_line_at_the_level_debug() {
    let logged = Logged::start_at(&[], true).await;
    let request = logged.server.get("/verify/orders?password=telltale");
    let sent = request.header("x-request-id", "a-check").send();
    assert_eq!(within_deadline(sent).await.unwrap().status(), 401);
    let lines = logged.lines("request_id=a-check").await;
    let access: Vec<_> = lines
        .iter()
        .filter(|line| line.contains("latency"))
        .collect();
    let [line] = access[..] else {
        panic!("{lines:?}")
    };
    for part in [
        "DEBUG",
        "method=GET",
        "route=\"/verify/{*path}\"",
        "status=401",
    ] {
        assert!(line.contains(part), "{line}");
    }
}
