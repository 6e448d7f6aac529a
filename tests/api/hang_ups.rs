//! Clients that send an operation and hang up: a change is logged, and a wrong password is counted.

use std::{net::SocketAddr, time::Duration};

use serde_json::{Value, json};
use sessiond_test_support::{
    EVENT_STREAM, MOBILE, ServerProcess, Socket, TestServer, connect_and_send, within_deadline,
};
use tokio::time::sleep;

use crate::{SESSIOND, logging::wait_for_line};

const CREATE: &str = "mutation($input: CreateUserInput!) { createUser(input: $input) { token } }";
const LOGIN: &str = "mutation($input: LoginInput!) { login(input: $input) { outcome } }";
const GUESSES: usize = 30;

/// A client that sends one operation by POST and hangs up after `pause`.
struct RudeClient {
    address: SocketAddr,
    accept: &'static str,
    pause: Duration,
}

impl RudeClient {
    fn new(address: SocketAddr, pause: Duration) -> Self {
        Self {
            address,
            accept: "application/json",
            pause,
        }
    }

    async fn run(&self, query: &str, variables: Value) {
        let body = json!({ "query": query, "variables": variables }).to_string();
        let request = format!(
            "POST /graphql HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
             accept: {}\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            self.accept,
            body.len()
        );
        let stream = connect_and_send(self.address, request.as_bytes()).await;
        sleep(self.pause).await;
        drop(stream);
    }
}

fn credentials(password: &str) -> Value {
    json!({ "input": { "mobile": MOBILE, "username": "SavingsBank", "password": password } })
}

/// A server with a user who has a password.
async fn server_with_password() -> TestServer {
    let server = TestServer::with_service_key().await;
    let created = server.run(CREATE, credentials("correct horse")).await;
    created.data_str("/createUser/token");
    server
}

/// Waits until the right password is rejected because of the wrong ones. A right password does not
/// count as a failure.
async fn wait_for_rate_limit(server: &TestServer) {
    within_deadline(async {
        loop {
            let login = server.run(LOGIN, credentials("correct horse")).await;
            if login.has_errors() {
                assert_eq!(login.error_code(), "RATE_LIMITED");
                return;
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_counts_even_if_its_client_hangs_up() {
    for accept in ["application/json", EVENT_STREAM] {
        let server = server_with_password().await;
        let client = RudeClient {
            accept,
            ..RudeClient::new(server.address, Duration::from_millis(4))
        };
        for _ in 0..GUESSES {
            client.run(LOGIN, credentials("wrong horse")).await;
        }
        wait_for_rate_limit(&server).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_counts_even_if_its_socket_completes_it_or_closes() {
    for closes in [false, true] {
        let server = server_with_password().await;
        let mut socket = Socket::open(server.address, None).await;
        for guess in 0..GUESSES {
            let id = guess.to_string();
            socket
                .start_with(&id, LOGIN, credentials("wrong horse"))
                .await;
            sleep(Duration::from_millis(4)).await;
            if closes {
                drop(socket);
                socket = Socket::open(server.address, None).await;
            } else {
                socket.complete(&id).await;
            }
        }
        wait_for_rate_limit(&server).await;
    }
}

fn mobiles() -> impl Iterator<Item = (usize, String)> {
    (0..18).map(|number| (number, format!("90123450{number:02}")))
}

/// The key of the active session, if any.
async fn active_session(server: &ServerProcess, mobile: &str) -> Option<String> {
    let user = server.user(mobile, "activeSession { sessionKey }").await;
    user["activeSession"]["sessionKey"]
        .as_str()
        .map(ToOwned::to_owned)
}

/// Each client hangs up after 1 to 8 ms, and every ninth after 200 ms, so that some changes are
/// committed on a busy machine too. Returns the client of this number.
fn rude_client(server: &ServerProcess, number: usize) -> RudeClient {
    let pause = match number % 9 {
        0 => 200,
        short => short as u64,
    };
    RudeClient::new(server.address, Duration::from_millis(pause))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_committed_change_is_logged_even_if_its_client_hangs_up() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let server = SESSIOND.server().log_to(&log).start().await;
    let input = |mobile: &str| json!({ "mobile": mobile, "username": "SavingsBank" });

    for (number, mobile) in mobiles() {
        let client = rude_client(&server, number);
        client.run(CREATE, json!({ "input": input(&mobile) })).await;
    }
    let mut created = Vec::new();
    for (number, mobile) in mobiles() {
        let user = server
            .user(&mobile, "id activeSession { sessionKey }")
            .await;
        if user.is_null() {
            continue;
        }
        let id = user["id"].as_str().unwrap();
        let key = user["activeSession"]["sessionKey"].as_str().unwrap();
        wait_for_line(&log, &["user created", id]).await;
        wait_for_line(&log, &["session active", key]).await;
        created.push((number, mobile, id.to_owned(), key.to_owned()));
    }
    assert!(!created.is_empty());

    let take_over = |mobile: &str| {
        let mut input = input(mobile);
        input["onConflict"] = "TAKE_OVER".into();
        json!({ "input": input })
    };
    for (number, mobile, ..) in &created {
        let client = rude_client(&server, *number);
        client.run(LOGIN, take_over(mobile)).await;
    }
    for (_, mobile, _, first) in &created {
        let active = active_session(&server, mobile).await.unwrap();
        wait_for_line(&log, &["session active", &active]).await;
        if active != *first {
            let replaced = format!("replaced={first}");
            wait_for_line(&log, &["session active", &active, &replaced]).await;
        }
    }

    let decide = "mutation($input: DecideLoginInput!) { decideLogin(input: $input) { message } }";
    for (number, mobile, ..) in &created {
        let ask = json!({ "onConflict": "ASK", "userAgent": "Second device" });
        let login = server.login(mobile, ask).await;
        let pending = login.data_str("/login/session/sessionKey");
        let attempt = server.last_attempt_id(mobile).await;
        let input = json!({ "attemptId": attempt, "decision": "APPROVE" });
        let client = rude_client(&server, *number);
        client.run(decide, json!({ "input": input })).await;
        if active_session(&server, mobile).await.as_ref() == Some(&pending) {
            wait_for_line(&log, &["session active", &pending]).await;
        }
    }

    let set = "mutation($input: SetPasswordInput!) { setPassword(input: $input) { message } }";
    let end = "mutation($key: ID!) { invalidateSession(input: { sessionKey: $key }) { message } }";
    for (number, mobile, ..) in &created {
        let Some(active) = active_session(&server, mobile).await else {
            continue;
        };
        let client = rude_client(&server, *number);
        let reason = if number % 2 == 0 {
            client.run(end, json!({ "key": active })).await;
            "reason=\"INVALIDATED\""
        } else {
            let input = json!({ "mobile": mobile, "newPassword": "correct horse" });
            client.run(set, json!({ "input": input })).await;
            "reason=\"PASSWORD_CHANGED\""
        };
        if active_session(&server, mobile).await.is_none() {
            wait_for_line(&log, &["session ended", &active, reason]).await;
        }
    }

    let delete =
        "mutation($mobile: String!) { deleteUser(input: { mobile: $mobile }) { message } }";
    for (number, mobile, id, _) in &created {
        let client = rude_client(&server, *number);
        client.run(delete, json!({ "mobile": mobile })).await;
        if server.user(mobile, "id").await.is_null() {
            wait_for_line(&log, &["user deleted", id]).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_waits_for_the_logins_whose_clients_have_hung_up() {
    // Few enough that no login waits too long for a slot to hash in, even on a busy machine.
    const LOGINS: usize = 16;
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let server = SESSIOND.server().service_key().log_to(&log).start().await;
    let mut socket = Socket::open(server.address, None).await;
    for number in 0..LOGINS {
        let mut variables = credentials("wrong horse");
        variables["input"]["mobile"] = format!("90123450{number:02}").into();
        socket
            .start_with(&number.to_string(), LOGIN, variables)
            .await;
    }
    // The operations of a socket take turns, so every login has started after a further operation
    // has ended. The second one allows for a turn that was cut short.
    for id in ["first", "second"] {
        socket.start_with(id, "{ __typename }", json!({})).await;
        while socket.receive().await != json!({ "type": "complete", "id": id }) {}
    }
    drop(socket);
    server.signal("TERM");
    assert!(server.exit().await.success());
    drop(server);
    let log = std::fs::read_to_string(log).unwrap();
    let counted = log
        .lines()
        .filter(|line| line.contains("password check failed"));
    assert_eq!(counted.count(), LOGINS, "{log}");
}
