//! A subscription executes its whole document for each alert: for those that it reads from the log
//! when it starts, and for those that are raised while it waits.

use std::collections::HashMap;

use serde_json::{Value, json};
use sessiond_test_support::{MOBILE, Socket, TestServer, merge};

/// A subscription, and its expected response to each of three alerts: a take-over, a refused login
/// in the log, and a refused login while the subscription waits.
struct Case {
    document: &'static str,
    /// Variables beside `mobile` and `after`.
    variables: Value,
    operation_name: Option<&'static str>,
    expected: [Value; 3],
}

impl Case {
    fn new(document: &'static str, variables: Value, expected: [Value; 3]) -> Self {
        Self {
            document,
            variables,
            operation_name: None,
            expected,
        }
    }
}

fn data(alerts: [Value; 3]) -> [Value; 3] {
    alerts.map(|alert| json!({ "data": { "sessionAlerts": alert } }))
}

fn cases(active: &str) -> Vec<Case> {
    let sequences = || data([1, 2, 3].map(|sequence| json!({ "sequence": sequence })));
    let kinds = ["SESSION_REPLACED", "LOGIN_REFUSED", "LOGIN_REFUSED"];
    vec![
        Case::new(
            "subscription($mobile: String, $after: ID) {
                news: sessionAlerts(mobile: $mobile, after: $after) { number: sequence what: kind } }",
            json!({}),
            [1, 2, 3].map(|number| {
                json!({ "data": { "news": { "number": number, "what": kinds[number - 1] } } })
            }),
        ),
        Case::new(
            "subscription($mobile: String, $after: ID) {
                sessionAlerts(mobile: $mobile, after: $after) {
                    ...Parts ... on SessionAlert { kind } ... on Node { __typename }
                    attempt { device { __typename } } } }
            fragment Parts on SessionAlert { attempt { ...Attempt } }
            fragment Attempt on LoginAttempt { __typename userAgent }",
            json!({}),
            data(["Tablet", "logged", "live"].map(|agent| {
                let kind = kinds[usize::from(agent != "Tablet")];
                json!({
                    "attempt": {
                        "__typename": "LoginAttempt",
                        "userAgent": agent,
                        "device": { "__typename": "Device" },
                    },
                    "kind": kind,
                    "__typename": "SessionAlert",
                })
            })),
        ),
        Case::new(
            "subscription($mobile: String, $after: ID, $kind: Boolean!, $skip: Boolean = true) {
                sessionAlerts(mobile: $mobile, after: $after) {
                    sequence kind @include(if: $kind) id @skip(if: $skip) } }",
            json!({ "kind": false }),
            sequences(),
        ),
        Case::new(
            "subscription($mobile: String, $after: ID, $kind: Boolean!) {
                sessionAlerts(mobile: $mobile, after: $after) {
                    sequence @skip(if: $kind) kind @include(if: $kind) } }",
            json!({ "kind": true }),
            data(kinds.map(|kind| json!({ "kind": kind }))),
        ),
        Case {
            operation_name: Some("B"),
            ..Case::new(
                "query A { __typename }
                subscription B($mobile: String, $after: ID) {
                    sessionAlerts(mobile: $mobile, after: $after) { sequence sequence } }",
                json!({}),
                sequences(),
            )
        },
        Case::new(
            "subscription($after: ID) {
                sessionAlerts(mobile: \"9012345678\", after: $after) { sequence } }",
            json!({}),
            sequences(),
        ),
        // The session that was replaced is damaged.
        Case::new(
            "subscription($mobile: String, $after: ID) {
                a: sessionAlerts(mobile: $mobile, after: $after) {
                    s: session { sessionKey status } } }",
            json!({}),
            [
                json!({
                    "data": null,
                    "errors": [{
                        "message": "The server failed, and has logged the error.",
                        "locations": [{ "line": 3, "column": 21 }],
                        "path": ["a", "s"],
                        "extensions": { "code": "INTERNAL" },
                    }],
                }),
                json!({ "data": { "a": { "s": { "sessionKey": active, "status": "ACTIVE" } } } }),
                json!({ "data": { "a": { "s": { "sessionKey": active, "status": "ACTIVE" } } } }),
            ],
        ),
    ]
}

/// The payload of the next response of each operation, by id.
async fn next_of_each(socket: &mut Socket, count: usize) -> HashMap<String, Value> {
    let mut payloads = HashMap::new();
    while payloads.len() < count {
        let mut message = socket.receive().await;
        assert_eq!(message["type"], "next", "{message}");
        let id = message["id"].as_str().unwrap().to_owned();
        let mut payload = message["payload"].take();
        // Each run has other ids of requests.
        if let Some(Value::Object(extensions)) = payload.pointer_mut("/errors/0/extensions") {
            extensions.remove("requestId");
        }
        let earlier = payloads.insert(id, payload);
        assert_eq!(earlier, None, "{message}");
    }
    payloads
}

#[tokio::test]
async fn each_alert_gets_the_response_of_the_whole_document() {
    let server = TestServer::start().await;
    server.create_user(MOBILE).await;
    let cursor = server.alert_cursor(MOBILE).await;
    let take_over = json!({ "onConflict": "TAKE_OVER", "userAgent": "Tablet" });
    let login = server.login(MOBILE, take_over).await;
    let active = login.data_str("/login/session/sessionKey");
    server.raise_alert(MOBILE, "logged").await;
    let server = server
        .restart_with_database(|path| {
            rusqlite::Connection::open(path)
                .unwrap()
                .execute(
                    "UPDATE records SET address = 'nowhere' WHERE part = 1 AND number = 1",
                    [],
                )
                .unwrap();
        })
        .await;
    let cases = cases(&active);

    let mut socket = server.socket(None).await;
    for (number, case) in cases.iter().enumerate() {
        let mut variables = json!({ "mobile": MOBILE, "after": cursor });
        merge(&mut variables, case.variables.clone());
        let payload = json!({
            "query": case.document,
            "variables": variables,
            "operationName": case.operation_name,
        });
        socket
            .send(json!({ "type": "subscribe", "id": number.to_string(), "payload": payload }))
            .await;
        // Both responses from the log, so that the next message is of the next operation.
        for expected in &case.expected[..2] {
            let received = next_of_each(&mut socket, 1).await;
            assert_eq!(
                received[&number.to_string()],
                *expected,
                "{}",
                case.document
            );
        }
    }
    server.raise_alert(MOBILE, "live").await;
    let received = next_of_each(&mut socket, cases.len()).await;
    for (number, case) in cases.iter().enumerate() {
        let payload = &received[&number.to_string()];
        assert_eq!(*payload, case.expected[2], "{}", case.document);
    }
}

#[tokio::test]
async fn a_subscription_without_a_field_to_execute_completes_without_a_response() {
    let server = TestServer::start().await;
    server.create_user(MOBILE).await;
    let mut socket = server.socket(None).await;
    let variables = json!({ "mobile": MOBILE, "skip": true });
    let document = "subscription($mobile: String, $skip: Boolean!) {
        sessionAlerts(mobile: $mobile) @skip(if: $skip) { id } }";
    socket.start_with("1", document, variables).await;
    socket.assert_completed("1").await;
}
