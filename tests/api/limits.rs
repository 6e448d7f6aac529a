//! Requests beyond each limit.

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use sessiond_test_support::{
    EVENT_STREAM, MOBILE, SERVICE_KEY, Socket, TestServer, within_deadline,
};

const SUBSCRIPTION: &str =
    "subscription($mobile: String) { sessionAlerts(mobile: $mobile) { kind } }";

#[tokio::test]
async fn an_operation_beyond_a_limit_is_rejected() {
    for (flag, query) in [
        ("--max-query-tokens=7", "{ a: __typename b: __typename }"),
        ("--max-depth=2", "{ currentSession { user { id } } }"),
        (
            "--max-complexity=3",
            "{ a: currentSession { id } b: currentSession { id } }",
        ),
        ("--max-aliases=1", "{ a: __typename b: __typename }"),
        (
            "--max-directives=1",
            "{ __typename @include(if: true) @skip(if: false) }",
        ),
        (
            "--max-directives=1",
            "{ ... @include(if: true) @skip(if: false) { __typename } }",
        ),
        (
            "--introspection=false",
            "{ __schema { queryType { name } } }",
        ),
        (
            "--introspection=false",
            r#"{ ...S } fragment S on Query { type: __type(name: "User") { name } }"#,
        ),
    ] {
        let within = TestServer::start().await.run(query, json!({})).await;
        assert!(!within.has_errors(), "{flag} {}", within.0);
        let server = TestServer::with_flags(&[flag]).await;
        let beyond = server.run(query, json!({})).await;
        assert_eq!(beyond.error_code(), "BAD_REQUEST", "{flag} {}", beyond.0);
        assert!(!beyond.error_message().is_empty());
    }
}

#[tokio::test]
async fn the_copies_of_a_large_variable_are_bounded() {
    let server = TestServer::start().await;
    let many = json!({ "keys": vec![json!({ "a": 0 }); 6500] });
    for query in [
        format!(
            "query($keys: [ID!]!) {{ sessionsByKey(sessionKeys: [{}]) {{ id }} }}",
            "$keys ".repeat(980)
        ),
        format!(
            "query($keys: [ID!]!) {{ {} }} fragment F on Query {{ sessionsByKey(sessionKeys: $keys) {{ id }} }}",
            "...F ".repeat(100)
        ),
    ] {
        let response = server.run(&query, many.clone()).await;
        assert_eq!(response.error_code(), "BAD_REQUEST");
        let message = response.error()["message"].as_str().unwrap();
        assert!(
            message.starts_with("The document uses large variables too often"),
            "{message}"
        );
    }

    // A variable that is not declared is dropped, so that the validation does not copy it.
    let undeclared = format!(
        "{{ sessionsByKey(sessionKeys: [{}]) {{ id }} }}",
        "$keys ".repeat(980)
    );
    let response = server.run(&undeclared, many).await;
    assert_eq!(response, server.run(&undeclared, json!({})).await);
    let errors = response.0.to_string();
    assert!(errors.contains("is not defined"), "{errors}");
    assert!(errors.len() < 1000, "{errors}");
}

#[tokio::test]
async fn a_short_operation_with_a_long_response_is_rejected() {
    let server = TestServer::start().await;
    let nested = "{ __schema { types { interfaces { ...P } } } }
        fragment P on __Type { possibleTypes { interfaces { name } } }";
    let aliases = (0..5)
        .map(|n| format!("a{n}: __schema {{ ...S }}"))
        .collect::<Vec<_>>()
        .join(" ");
    let repeated = format!("{{ {aliases} }} fragment S on __Schema {{ types {{ name }} }}");
    // Without a limit each unknown directive would add one error to the response.
    let errors = format!("query {} {{ __typename }}", "@a ".repeat(900));
    for query in [nested, &repeated, &errors] {
        assert_eq!(
            server.run(query, json!({})).await.error_code(),
            "BAD_REQUEST",
            "{query}"
        );
    }
}

#[tokio::test]
async fn without_introspection_the_schema_is_hidden_and_type_names_are_not() {
    let server = TestServer::with_flags(&["--introspection=false"]).await;
    assert_eq!(
        server.get_status("/schema.graphql").await,
        StatusCode::NOT_FOUND
    );
    let response = server.run("{ __typename }", json!({})).await;
    assert_eq!(response.data("/__typename"), "Query");
}

#[tokio::test]
async fn only_development_mode_suggests_names_for_a_misspelled_one() {
    // The wording of async-graphql 8.0.0-rc.5.
    const SUGGESTION: &str = "Did you mean";
    let message = async |server: TestServer, bearer| {
        let response = server.run_as(bearer, "{ usr { id } }", json!({})).await;
        response.error_message().to_owned()
    };
    let in_development = message(TestServer::start().await, None).await;
    assert!(in_development.contains(SUGGESTION), "{in_development}");
    let server = TestServer::with_service_key().await;
    let in_production = message(server, Some(SERVICE_KEY)).await;
    assert!(!in_production.contains(SUGGESTION), "{in_production}");
}

/// A message whose text is `length` bytes long. `filling` points to a string in it.
fn message_of_length(length: usize, mut message: Value, filling: &str) -> Value {
    let missing = length - message.to_string().len();
    *message.pointer_mut(filling).unwrap() = "x".repeat(missing).into();
    message
}

#[tokio::test]
async fn a_body_and_a_socket_message_may_be_as_long_as_the_limit() {
    let server = TestServer::with_flags(&["--max-body=1000"]).await;
    let post_status = async |length| {
        let body = json!({ "query": "{ __typename }", "extensions": { "x": "" } });
        let body = message_of_length(length, body, "/extensions/x");
        let request = server.post("/graphql").json(&body);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(post_status(1000).await, 200);
    assert_eq!(post_status(1001).await, 413);

    let mut socket = server.socket(None).await;
    let ping = |length| {
        let ping = json!({ "type": "ping", "payload": { "x": "" } });
        message_of_length(length, ping, "/payload/x")
    };
    socket.send(ping(1000)).await;
    assert_eq!(socket.receive().await["type"], "pong");
    socket.send(ping(1001)).await;
    assert_eq!(socket.closed().await.0, 1009);
}

#[tokio::test]
async fn an_operation_beyond_the_limit_of_its_socket_closes_the_socket_with_4440() {
    let server = TestServer::with_flags(&["--max-subscriptions=2"]).await;
    let user = server.create_user(MOBILE).await;
    let variables = json!({ "mobile": MOBILE });
    let mut socket = server.socket(None).await;
    for id in ["1", "2"] {
        socket.start_with(id, SUBSCRIPTION, variables.clone()).await;
    }
    // A completed operation no longer counts.
    socket.complete("2").await;
    socket.start("3", "{ __typename }").await;
    socket.wait_for_complete("3").await;
    server.login(&user.mobile, json!({})).await;
    assert_eq!(socket.receive().await["id"], "1");

    for id in ["4", "5"] {
        socket.start_with(id, SUBSCRIPTION, variables.clone()).await;
    }
    let (code, reason) = socket.closed().await;
    assert_eq!(code, 4440);
    assert_eq!(reason, "Too many operations on one socket");
}

async fn open_event_stream(server: &TestServer) -> Response {
    let body = json!({ "query": SUBSCRIPTION, "variables": { "mobile": MOBILE } });
    let request = server.post("/graphql").header("accept", EVENT_STREAM);
    request.json(&body).send().await.unwrap()
}

#[tokio::test]
async fn a_socket_or_stream_beyond_the_limit_is_rejected_until_another_one_ends() {
    for (flag, status) in [
        ("--max-sockets=2", StatusCode::SERVICE_UNAVAILABLE),
        ("--max-sockets-per-address=2", StatusCode::TOO_MANY_REQUESTS),
    ] {
        let server = TestServer::with_flags(&[flag]).await;
        server.create_user(MOBILE).await;
        let first = server.socket(None).await;
        let second = open_event_stream(&server).await;
        assert_eq!(second.status(), StatusCode::OK);

        let third = open_event_stream(&server).await;
        assert_eq!(third.status(), status);
        assert_eq!(third.headers()["retry-after"], "10");
        let body: Value = third.json().await.unwrap();
        assert_eq!(body["errors"][0]["extensions"]["code"], "TOO_MANY_SOCKETS");
        assert_eq!(
            Socket::rejected_handshake(server.address).await,
            status.as_u16()
        );
        // The limit does not apply to queries.
        let query = server.run("{ __typename }", json!({})).await;
        assert_eq!(query.data("/__typename"), "Query");

        drop(first);
        within_deadline(async {
            while open_event_stream(&server).await.status() != StatusCode::OK {}
        })
        .await;
    }
}
