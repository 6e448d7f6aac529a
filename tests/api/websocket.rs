//! WebSockets: the messages of the protocol, and the close codes.

use std::collections::HashMap;

use serde_json::{Value, json};
use sessiond_test_support::{AlertSubscription, MOBILE, Socket, TestServer, UNBOUNDED_ALERTS};
use tokio_tungstenite::tungstenite::Message;

const ALERTS: &str = "subscription($mobile: String, $after: ID) {
    sessionAlerts(mobile: $mobile, after: $after) { sequence } }";

/// The code and the reason of a close frame.
pub fn close_frame(code: u16, reason: &str) -> (u16, String) {
    (code, reason.to_owned())
}

#[tokio::test]
async fn a_shutdown_closes_sockets_with_1001_and_loses_no_alert() {
    let mut server = TestServer::start().await;
    let user = server.create_user(MOBILE).await;
    let socket = server.socket(Some(&user.token)).await;
    let mut alerts = AlertSubscription::start(socket, MOBILE).await;
    server.login(&user.mobile, json!({})).await;
    let alert = alerts.next_alert().await;
    server.raise_alert(MOBILE, "just before the shutdown").await;

    server.stop().await;

    assert_eq!(
        alerts.closed().await,
        close_frame(1001, "The server is shutting down")
    );
    let server = server.start_again().await;
    let mut alerts = server
        .socket(Some(&user.token))
        .await
        .subscribe_to_alerts(json!({ "after": alert["id"] }))
        .await;
    assert_eq!(
        alerts.next_alert().await["attempt"]["userAgent"],
        "just before the shutdown"
    );
}

/// The code with which the server closes an initialized socket after these messages.
async fn close_code_after(server: &TestServer, messages: &[Message]) -> u16 {
    let mut socket = server.socket(None).await;
    for message in messages {
        socket.send_frame(message.clone()).await;
    }
    socket.closed().await.0
}

#[tokio::test]
async fn a_message_that_violates_the_protocol_closes_the_socket_with_4400() {
    let server = TestServer::start().await;
    let long_id = format!(r#"{{"type":"complete","id":"{}"}}"#, "i".repeat(129));
    for message in [
        "",
        "{",
        "[]",
        "{}",
        r#"{"type":7}"#,
        r#"{"type":"start","id":"1","payload":{"query":"{ __typename }"}}"#,
        r#"{"type":"next","id":"1","payload":{}}"#,
        r#"{"type":"subscribe","payload":{"query":"{ __typename }"}}"#,
        r#"{"type":"subscribe","id":"","payload":{"query":"{ __typename }"}}"#,
        r#"{"type":"subscribe","id":7,"payload":{"query":"{ __typename }"}}"#,
        r#"{"type":"subscribe","id":"1"}"#,
        r#"{"type":"subscribe","id":"1","payload":{}}"#,
        r#"{"type":"subscribe","id":"1","payload":{"query":null}}"#,
        r#"{"type":"subscribe","id":"1","payload":{"query":"{ __typename }","variables":[]}}"#,
        r#"{"type":"subscribe","id":"1","payload":{"query":"{ __typename }","operationName":7}}"#,
        r#"{"type":"subscribe","id":"1","payload":{"query":"{ __typename }","extensions":"x"}}"#,
        r#"["subscribe","1",{"query":"{ __typename }"}]"#,
        r#"{"type":"subscribe","id":"1","payload":["{ __typename }"]}"#,
        r#"{"type":"ping","payload":"x"}"#,
        r#"{"type":"complete"}"#,
        &long_id,
    ] {
        let code = close_code_after(&server, &[Message::text(message)]).await;
        assert_eq!(code, 4400, "{message}");
    }
    let binary = Message::binary(r#"{"type":"ping"}"#);
    assert_eq!(close_code_after(&server, &[binary]).await, 4400);
}

#[tokio::test]
async fn a_second_init_closes_the_socket_with_4429() {
    let server = TestServer::start().await;
    let init = Message::text(r#"{"type":"connection_init"}"#);
    assert_eq!(close_code_after(&server, &[init]).await, 4429);
}

#[tokio::test]
async fn an_id_may_be_used_again_when_its_operation_is_complete() {
    let server = TestServer::start().await;
    server.create_user(MOBILE).await;
    let variables = json!({ "mobile": MOBILE });
    let mut socket = server.socket(None).await;
    for _ in 0..3 {
        let response = socket.run("{ __typename }", json!({})).await;
        assert_eq!(response.data("/__typename"), "Query");
        // The server sends nothing about an operation that the client completes.
        socket.start_with("alerts", ALERTS, variables.clone()).await;
        socket.complete("alerts").await;
    }
    socket.complete("never started").await;
    socket.start_with("alerts", ALERTS, variables).await;

    // Only the last of the four subscriptions with this id still runs, so no alert is sent twice.
    let last = last_sequence_after_logins(&server, &mut socket, 20).await;
    assert!(last > 0, "no alert was received");

    socket.start("alerts", "{ __typename }").await;
    assert_eq!(
        socket.closed().await,
        close_frame(4409, "Subscriber for alerts already exists")
    );
}

/// Raises one alert for each login, and reads the messages of the subscription `alerts`. Panics if
/// the sequences do not increase. Returns the last sequence, or 0.
async fn last_sequence_after_logins(
    server: &TestServer,
    socket: &mut Socket,
    logins: usize,
) -> u64 {
    let mut last = 0;
    for device in 0..logins {
        let device = format!("device {device}");
        server.raise_alert(MOBILE, &device).await;
        socket.start(&device, "{ currentSession { id } }").await;
        loop {
            let message = socket.receive().await;
            if message == json!({ "type": "complete", "id": device }) {
                break;
            }
            if message["id"] == "alerts" {
                let alert = &message["payload"]["data"]["sessionAlerts"];
                let sequence = alert["sequence"].as_u64().unwrap();
                assert!(sequence > last, "{sequence} after {last}");
                last = sequence;
            }
        }
    }
    last
}

#[tokio::test]
async fn an_operation_that_cannot_be_executed_gets_an_error_message() {
    let server = TestServer::start().await;
    let mut socket = server.socket(None).await;
    for query in [
        "",
        "{",
        "{ nope }",
        "subscription { nope }",
        "query($a: Int!) { nodes(ids: []) { id } }",
        "subscription { a: sessionAlerts { id } b: sessionAlerts { id } }",
        "subscription { ...F }
         fragment F on Subscription { a: sessionAlerts { id } ... { b: sessionAlerts { id } } }",
    ] {
        socket.start("1", query).await;
        let message = socket.receive().await;
        assert_eq!(message["type"], "error", "{message}");
        assert_eq!(message["id"], "1", "{message}");
        let errors = message["payload"].as_array().unwrap();
        assert!(!errors.is_empty());
        for error in errors {
            assert_eq!(error["extensions"]["code"], "BAD_REQUEST", "{error}");
            let text = error["message"].as_str().unwrap();
            assert!(!text.contains('\n'), "not one sentence: {error}");
        }
    }
}

#[tokio::test]
async fn an_error_of_a_field_is_part_of_a_response() {
    let server = TestServer::start().await;
    let mut socket = server.socket(None).await;
    let query = "query($mobile: String!) { user(mobile: $mobile) { id } }";
    let response = socket.run(query, json!({ "mobile": "x" })).await;
    assert_eq!(response.error_code(), "INVALID_INPUT");
}

#[tokio::test]
async fn a_pong_repeats_the_payload_of_its_ping() {
    let server = TestServer::start().await;
    // A ping is allowed before the init as well.
    let mut socket = Socket::connect(server.address).await;
    socket.send(json!({ "type": "ping" })).await;
    assert_eq!(socket.receive().await, json!({ "type": "pong" }));
    socket.send(json!({ "type": "pong" })).await;
    socket
        .send(json!({ "type": "ping", "payload": { "at": 7 } }))
        .await;
    assert_eq!(
        socket.receive().await,
        json!({ "type": "pong", "payload": { "at": 7 } })
    );
}

#[tokio::test]
async fn a_socket_executes_the_named_operation_of_a_document() {
    let server = TestServer::start().await;
    let user = server.create_user(MOBILE).await;
    let mut socket = server.socket(None).await;
    let query = "mutation Login($input: LoginInput!) { login(input: $input) { outcome } }
        query Other { __typename }";
    let input = json!({ "mobile": MOBILE, "username": "SavingsBank" });
    let payload = json!({
        "query": query,
        "operationName": "Login",
        "variables": { "input": input },
    });
    socket
        .send(json!({ "type": "subscribe", "id": "1", "payload": payload }))
        .await;
    assert_eq!(
        socket.receive().await["payload"]["data"]["login"]["outcome"],
        "REFUSED"
    );
    socket.assert_completed("1").await;
    assert_eq!(server.session_status(&user.token).await, "ACTIVE");
}

#[tokio::test]
async fn a_busy_subscription_does_not_starve_other_operations() {
    const ALERT_COUNT: usize = 200;
    let server = TestServer::with_flags(&[UNBOUNDED_ALERTS]).await;
    let user = server.create_user(MOBILE).await;
    let cursor = server.alert_cursor(MOBILE).await;
    server.raise_alerts(&user.mobile, ALERT_COUNT).await;

    let variables = json!({ "mobile": MOBILE, "after": cursor });
    let mut socket = server.socket(None).await;
    socket.start_with("a", ALERTS, variables.clone()).await;
    socket.start_with("b", ALERTS, variables).await;
    socket.start("query", "{ __typename }").await;
    let mut received = HashMap::from([("a", 0), ("b", 0), ("query", 0)]);
    while received["a"].max(received["b"]) < ALERT_COUNT {
        let message: Value = socket.receive().await;
        let id = message["id"].as_str().unwrap();
        *received.get_mut(id).unwrap() += 1;
    }

    // The query's response and completion came while both subscriptions were busy.
    assert_eq!(received["query"], 2, "{received:?}");
    assert!(received["a"].min(received["b"]) > 0, "{received:?}");
}
