//! Each limit, gone over.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{SERVICE_KEY, Server, Socket, Users};

/// Runs `query` on a server with `flag`, and on one without; answers the first one's message.
async fn refused_by(flag: &str, query: &str) -> String {
    let within = Server::start().await.run(query, json!({})).await;
    assert_eq!(within.0.get("errors"), None, "{flag} {}", within.0);
    let beyond = Server::with(&[flag]).await.run(query, json!({})).await;
    assert_eq!(beyond.code(), "BAD_REQUEST", "{flag} {}", beyond.0);
    beyond.0["errors"][0]["message"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn an_operation_over_a_limit_is_refused() {
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
            "{ ...S } fragment S on Query { type: __type(name: \"User\") { name } }",
        ),
    ] {
        assert!(!refused_by(flag, query).await.is_empty());
    }
}

#[tokio::test]
async fn a_short_operation_has_no_long_answer() {
    let server = Server::start().await;
    let nested = "{ __schema { types { interfaces { ...P } } } } fragment P on __Type \
         { possibleTypes { interfaces { name } } }";
    let aliases = (0..5)
        .map(|n| format!("a{n}: __schema {{ ...S }}"))
        .collect::<Vec<_>>()
        .join(" ");
    let repeated = format!("{{ {aliases} }} fragment S on __Schema {{ types {{ name }} }}");
    // Each unknown directive would be an error of its own.
    let errors = format!("query {} {{ __typename }}", "@a ".repeat(900));
    for query in [nested, &repeated, &errors] {
        assert_eq!(
            server.run(query, json!({})).await.code(),
            "BAD_REQUEST",
            "{query}"
        );
    }
}

#[tokio::test]
async fn without_introspection_the_schema_is_not_served_either_and_a_type_name_still_is() {
    let server = Server::with(&["--introspection=false"]).await;
    assert_eq!(
        server.get("/schema.graphql").send().await.unwrap().status(),
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        server
            .run("{ __typename }", json!({}))
            .await
            .text("/__typename"),
        "Query"
    );
}

#[tokio::test]
async fn a_misspelt_name_is_answered_with_names_that_exist_in_development_mode_only() {
    let message = async |server: Server, bearer| {
        let answer = server
            .run_as(bearer, "{ usr(mobile: \"9012345678\") { id } }", json!({}))
            .await;
        answer.0["errors"][0]["message"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert!(
        message(Server::start().await, None)
            .await
            .contains("Did you mean")
    );
    assert!(
        !message(Server::secured().await, Some(SERVICE_KEY))
            .await
            .contains("Did you mean")
    );
}

#[tokio::test]
async fn a_body_and_a_message_are_as_long_as_they_may_be() {
    let server = Server::with(&["--max-body=1000"]).await;
    let text = |length: usize| {
        let bare =
            json!({ "query": "{ __typename }", "operationName": null, "extensions": { "x": "" } })
                .to_string();
        let filling = "x".repeat(length - bare.len());
        bare.replace("\"x\":\"\"", &format!("\"x\":\"{filling}\""))
    };
    let post = async |length| {
        let request = server
            .post("/graphql")
            .header("content-type", "application/json")
            .body(text(length));
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!((post(1000).await, post(1001).await), (200, 413));
    let mut socket = server.socket(None).await;
    let ping = |length: usize| {
        let bare = json!({ "type": "ping", "payload": { "x": "" } })
            .to_string()
            .len();
        json!({ "type": "ping", "payload": { "x": "x".repeat(length - bare) } })
    };
    socket.send(ping(1000)).await;
    assert_eq!(socket.receive().await["type"], "pong");
    socket.send(ping(1001)).await;
    assert_eq!(u16::from(socket.closed().await.code), 1009);
}

#[tokio::test]
async fn one_operation_too_many_closes_its_socket_with_4440() {
    let server = Server::with(&["--max-subscriptions=2"]).await;
    let user = server.register("9012345678").await;
    let listen = "subscription { sessionAlerts(mobile: \"9012345678\") { kind } }";
    let mut socket = server.socket(None).await;
    socket.operate("1", listen).await;
    socket.operate("2", listen).await;
    // One that has ended counts no longer.
    socket.send(json!({ "type": "complete", "id": "2" })).await;
    socket.operate("3", "{ __typename }").await;
    while socket.receive().await != json!({ "type": "complete", "id": "3" }) {}
    server.login(&user.mobile, json!({})).await;
    assert_eq!(socket.receive().await["id"], "1");
    socket.operate("4", listen).await;
    socket.operate("5", listen).await;
    let frame = socket.closed().await;
    assert_eq!(
        (u16::from(frame.code), frame.reason.as_str()),
        (4440, "Too many operations on one socket")
    );
}

#[tokio::test]
async fn one_socket_or_stream_too_many_is_refused_until_another_ends() {
    for (flags, status) in [
        (["--max-sockets=2"], StatusCode::SERVICE_UNAVAILABLE),
        (
            ["--max-sockets-per-address=2"],
            StatusCode::TOO_MANY_REQUESTS,
        ),
    ] {
        let server = Server::with(&flags).await;
        server.register("9012345678").await;
        let listen =
            json!({ "query": "subscription { sessionAlerts(mobile: \"9012345678\") { kind } }" });
        let stream = async || {
            let request = server
                .post("/graphql")
                .header("accept", "text/event-stream")
                .json(&listen);
            request.send().await.unwrap()
        };
        let first = server.socket(None).await;
        let second = stream().await;
        assert_eq!(second.status(), StatusCode::OK);
        let third = stream().await;
        assert_eq!(
            (third.status(), &third.headers()["retry-after"]),
            (status, &"10".parse().unwrap())
        );
        let body: Value = third.json().await.unwrap();
        assert_eq!(body["errors"][0]["extensions"]["code"], "TOO_MANY_SOCKETS");
        assert_eq!(Socket::refused(server.address).await, status.as_u16());
        // Queries are not meant.
        assert_eq!(
            server
                .run("{ __typename }", json!({}))
                .await
                .text("/__typename"),
            "Query"
        );
        drop(first);
        crate::support::soon(async { while stream().await.status() != StatusCode::OK {} }).await;
    }
}
