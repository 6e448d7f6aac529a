//! The identity of devices: by their ids, or by their user agents and addresses.

use std::time::Duration;

use serde_json::{Value, json};
use sessiond_test_support::{Account, AlertSubscription, MOBILE, TestServer};

const ALERTS: &str = "user(mobile: $mobile) { alerts(first: 100) { nodes {
    kind message session { sessionKey } attempt { id userAgent ipAddress } } } }";

/// A server with one user.
async fn server_with_user() -> (TestServer, Account) {
    let server = TestServer::start().await;
    let user = server.create_user(MOBILE).await;
    (server, user)
}

/// Asks for approval with this input. Returns the key and the token of the waiting session.
async fn ask(server: &TestServer, mut input: Value) -> (String, String) {
    input["onConflict"] = json!("ASK");
    let login = server.login(MOBILE, input).await;
    assert_eq!(login.data("/login/outcome"), "AWAITING_APPROVAL");
    assert_eq!(login.data("/login/session/status"), "PENDING");
    (
        login.data_str("/login/session/sessionKey"),
        login.data_str("/login/token"),
    )
}

/// All alerts of the user, newest first.
async fn alerts(server: &TestServer) -> Vec<Value> {
    let query = format!("query($mobile: String!) {{ {ALERTS} }}");
    let response = server.run(&query, json!({ "mobile": MOBILE })).await;
    response.data_array("/user/alerts/nodes").to_vec()
}

async fn current_session(server: &TestServer, token: &str) -> Value {
    let query = "{ currentSession { sessionKey ipAddress userAgent expiresAt } }";
    let response = server.run_as(Some(token), query, json!({})).await;
    response.data("/currentSession").clone()
}

async fn count_sessions(server: &TestServer) -> Value {
    server.user(MOBILE, "sessions { totalCount }").await["sessions"]["totalCount"].clone()
}

#[tokio::test]
async fn the_phone_that_registers_is_known_at_its_next_login() {
    let server = TestServer::start().await;
    let query = "mutation($input: CreateUserInput!) { createUser(input: $input) { token } }";
    let device_id = "c1f0a5f2-3f0e-4ae8-9d57-cc1f0a5f2e11";
    let input = json!({ "mobile": MOBILE, "username": "SavingsBank", "deviceId": device_id });
    let created = server.run(query, json!({ "input": input })).await;
    let first_token = created.data_str("/createUser/token");

    let stranger = json!({ "deviceId": "another", "onConflict": "REJECT" });
    let login = server.login(MOBILE, stranger).await;
    assert_eq!(login.data("/login/outcome"), "REFUSED");
    let phone = json!({
        "deviceId": device_id,
        "onConflict": "REJECT",
        "userAgent": "App/2",
        "ipAddress": "198.51.100.7",
    });
    let login = server.login(MOBILE, phone).await;
    assert_eq!(login.data("/login/outcome"), "LOGGED_IN");
    assert_eq!(server.session_status(&first_token).await, "ENDED");

    let too_long = json!({
        "mobile": "9012345670",
        "username": "SavingsBank",
        "deviceId": "x".repeat(129),
    });
    let rejected = server.run(query, json!({ "input": too_long })).await;
    assert_eq!(rejected.error_code(), "INVALID_INPUT");
    assert_eq!(rejected.invalid_field(), "deviceId");
}

#[tokio::test]
async fn a_device_that_moves_asks_once_and_the_holder_sees_its_latest_address() {
    let (server, holder) = server_with_user().await;
    let socket = server.socket(Some(&holder.token)).await;
    let mut live = AlertSubscription::start(socket, MOBILE).await;
    let mut asked = Vec::new();
    for (number, address) in ["203.0.113.9", "198.51.100.7"]
        .iter()
        .cycle()
        .take(6)
        .enumerate()
    {
        // The label stays `App 1`: another one would raise an alert at once.
        let user_agent = format!("App/1.{number}");
        let input = json!({ "deviceId": "tablet", "ipAddress": address, "userAgent": user_agent });
        asked.push(ask(&server, input).await);
        server.advance(Duration::from_secs(5));
    }
    let (key, latest) = asked.pop().unwrap();
    for (same_key, earlier) in &asked {
        assert_eq!(same_key, &key);
        assert_eq!(current_session(&server, earlier).await, Value::Null);
        assert_eq!(server.verify_status(earlier).await, 401);
    }
    let waiting = current_session(&server, &latest).await;
    assert_eq!(waiting["ipAddress"], "198.51.100.7");
    assert_eq!(waiting["userAgent"], "App/1.5");
    assert_eq!(count_sessions(&server).await, 2);

    let live_alert = live.next_alert().await;
    assert_eq!(live_alert["kind"], "LOGIN_PENDING");
    let log = alerts(&server).await;
    let [alert] = &log[..] else {
        panic!("not one alert: {log:?}")
    };
    assert_eq!(alert["attempt"]["id"], live_alert["attempt"]["id"]);
    assert_eq!(alert["attempt"]["ipAddress"], "198.51.100.7");
    assert_eq!(alert["attempt"]["userAgent"], "App/1.5");
    let message = alert["message"].as_str().unwrap();
    assert!(message.contains("198.51.100.7"), "{message}");
    assert_eq!(alert["session"]["sessionKey"], holder.session.as_str());

    let attempt = alert["attempt"]["id"].as_str().unwrap();
    let approved = server
        .decide_login_as(Some(&holder.token), attempt, "APPROVE")
        .await;
    assert_eq!(
        approved.data("/decideLogin/session/sessionKey"),
        key.as_str()
    );
    assert_eq!(server.session_status(&latest).await, "ACTIVE");
}

#[tokio::test]
async fn a_device_that_asks_200_times_waits_in_one_session_until_its_first_deadline() {
    let (server, _) = server_with_user().await;
    let input = json!({ "deviceId": "tablet" });
    let (key, token) = ask(&server, input.clone()).await;
    let deadline = current_session(&server, &token).await["expiresAt"].clone();
    let mut last = String::new();
    for _ in 0..199 {
        let (same, token) = ask(&server, input.clone()).await;
        assert_eq!(same, key);
        last = token;
    }
    server.advance(Duration::from_secs(61));
    // The cooldown has passed, so the holder is alerted again, about the same attempt.
    let (_, renewed) = ask(&server, input).await;
    assert_eq!(current_session(&server, &last).await, Value::Null);
    assert_eq!(
        current_session(&server, &renewed).await["expiresAt"],
        deadline
    );
    assert_eq!(count_sessions(&server).await, 2);
    let log = alerts(&server).await;
    assert_eq!(log.len(), 2);
    assert_eq!(log[0]["attempt"]["id"], log[1]["attempt"]["id"]);
    server.advance(Duration::from_secs(59));
    assert_eq!(server.session_status(&renewed).await, "ENDED");
}

#[tokio::test]
async fn the_stream_of_a_replaced_token_ends_and_does_not_see_the_approval() {
    let (server, holder) = server_with_user().await;
    let (_, first) = ask(&server, json!({ "deviceId": "tablet" })).await;
    let mut old = AlertSubscription::start_own(server.socket(Some(&first)).await).await;
    let (_, second) = ask(&server, json!({ "deviceId": "tablet" })).await;
    let mut new = AlertSubscription::start_own(server.socket(Some(&second)).await).await;
    let attempt = server.last_attempt_id(MOBILE).await;
    server
        .decide_login_as(Some(&holder.token), &attempt, "APPROVE")
        .await
        .data_str("/decideLogin/message");
    old.assert_completed().await;
    assert_eq!(new.next_kind().await, "LOGIN_APPROVED");
}

#[tokio::test]
async fn an_approval_never_lets_in_another_device_that_describes_itself_as_the_first_one() {
    for user_agent in [
        "unknown",
        "Firefox",
        "UNKNOWN",
        "\u{fffd}berland/0.16 (iPhone; iOS 17.5)",
    ] {
        let (server, holder) = server_with_user().await;
        let input = json!({ "userAgent": user_agent });
        let (shown, _) = ask(&server, input.clone()).await;
        let shown_attempt = server.last_attempt_id(MOBILE).await;
        let (stranger, token) = ask(&server, input).await;
        assert_ne!(shown, stranger);
        assert_ne!(shown_attempt, server.last_attempt_id(MOBILE).await);

        let decided = server
            .decide_login_as(Some(&holder.token), &shown_attempt, "APPROVE")
            .await;
        assert_eq!(decided.error_code(), "NOT_FOUND");
        assert_eq!(server.session_status(&token).await, "PENDING");
        let kinds: Vec<_> = alerts(&server)
            .await
            .iter()
            .map(|a| a["kind"].clone())
            .collect();
        assert_eq!(
            kinds,
            ["LOGIN_PENDING", "LOGIN_NOT_APPROVED", "LOGIN_PENDING"]
        );
    }
}

#[tokio::test]
async fn a_header_that_says_nothing_or_cannot_be_read_is_never_a_known_device() {
    let query = "mutation($input: LoginInput!) { login(input: $input) { outcome } }";
    let input = json!({ "mobile": MOBILE, "username": "SavingsBank", "onConflict": "ASK" });
    let body = json!({ "query": query, "variables": { "input": input } });
    for (header, user_agent) in [
        (&b""[..], "unknown"),
        (
            b"\xdcberland/0.16 (iPhone; iOS 17.5)",
            "\u{fffd}berland/0.16 (iPhone; iOS 17.5)",
        ),
    ] {
        let (server, holder) = server_with_user().await;
        let mut attempts = Vec::new();
        for _ in 0..2 {
            let request = server
                .post("/graphql")
                .header("user-agent", header)
                .json(&body);
            let response = request.send().await.unwrap().text().await.unwrap();
            assert!(response.contains("AWAITING_APPROVAL"), "{response}");
            let newest = &alerts(&server).await[0];
            assert_eq!(newest["kind"], "LOGIN_PENDING");
            assert_eq!(newest["attempt"]["userAgent"], user_agent);
            attempts.push(server.last_attempt_id(MOBILE).await);
        }
        assert_ne!(attempts[0], attempts[1]);
        let decided = server
            .decide_login_as(Some(&holder.token), &attempts[0], "APPROVE")
            .await;
        assert_eq!(decided.error_code(), "NOT_FOUND");
    }
}

#[tokio::test]
async fn one_address_in_two_notations_is_one_device() {
    let (server, _) = server_with_user().await;
    for address in ["203.0.113.9", "::ffff:203.0.113.9"] {
        let input = json!({ "ipAddress": address, "onConflict": "REJECT" });
        server.login(MOBILE, input).await.data_str("/login/outcome");
    }
    assert_eq!(alerts(&server).await.len(), 1);
}
