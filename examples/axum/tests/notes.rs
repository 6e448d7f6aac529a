//! The example as a process of its own, against a real server.

#![expect(clippy::unwrap_used, reason = "a failure is the failure of a test")]

use std::process::Stdio;

use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use sessiond_test_support::{MOBILE, OTHER_MOBILE, SERVICE_KEY, TestServer, within_deadline};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

/// The example, which is killed when it is dropped.
struct Example {
    url: String,
    http: Client,
    _process: Child,
}

impl Example {
    async fn start(sessiond: &str) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_sessiond-example-axum"))
            .env("SESSIOND_URL", sessiond)
            .env("SESSIOND_SERVICE_KEY", SERVICE_KEY)
            .env("LISTEN", "127.0.0.1:0")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = within_deadline(lines.next_line()).await.unwrap().unwrap();
        let url = line.strip_prefix("listening on ").unwrap().to_owned();
        Self {
            url,
            http: Client::new(),
            _process: process,
        }
    }

    fn notes(&self, token: &str) -> RequestBuilder {
        self.http
            .get(format!("{}/notes", self.url))
            .bearer_auth(token)
    }

    async fn read(&self, token: &str) -> Value {
        let response = within_deadline(self.notes(token).send()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        response.json().await.unwrap()
    }

    async fn status(&self, request: RequestBuilder) -> StatusCode {
        within_deadline(request.send()).await.unwrap().status()
    }
}

#[tokio::test]
async fn each_user_reads_their_own_notes_until_another_device_takes_the_session() {
    let server = TestServer::with_service_key().await;
    let example = Example::start(&server.url("")).await;
    let user = server.create_user(MOBILE).await;
    let other = server.create_user(OTHER_MOBILE).await;

    let write = example.http.post(format!("{}/notes", example.url));
    let write = write.bearer_auth(&user.token).body("buy milk");
    assert_eq!(example.status(write).await, StatusCode::CREATED);
    let notes = json!({ "name": "SavingsBank", "notes": ["buy milk"] });
    assert_eq!(example.read(&user.token).await, notes);
    assert_eq!(example.read(&other.token).await["notes"], json!([]));

    let login = json!({ "onConflict": "TAKE_OVER" });
    let second = server.login(MOBILE, login).await.data_str("/login/token");
    assert_eq!(example.read(&second).await, notes);
    within_deadline(async {
        while example.status(example.notes(&user.token)).await != StatusCode::UNAUTHORIZED {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn without_a_token_only_the_health_page_responds() {
    let server = TestServer::with_service_key().await;
    let example = Example::start(&server.url("")).await;
    let notes = example.http.get(format!("{}/notes", example.url));
    assert_eq!(example.status(notes).await, StatusCode::UNAUTHORIZED);
    let health = example.http.get(format!("{}/health", example.url));
    assert_eq!(example.status(health).await, StatusCode::OK);
}
