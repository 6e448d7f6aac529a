//! Requests as clients really send them: bodies that are nearly right, empty parameters,
//! subscriptions without a stream, and variables of the wrong shape.

use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use sessiond_test_support::TestServer;
use tokio_tungstenite::tungstenite::Message;

const GRAPHQL: &str = "application/graphql-response+json";

/// The status, the code and the message of a response with one error.
async fn rejection(request: RequestBuilder) -> (u16, String, String) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    let error = &body["errors"][0];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (
        status,
        text(&error["extensions"]["code"]),
        text(&error["message"]),
    )
}

#[tokio::test]
async fn a_body_that_is_nearly_right_gets_its_own_sentence_over_http_and_websocket() {
    let server = TestServer::start().await;
    for (body, sentence) in [
        (
            r#"{"query":"{ __typename }","variables":"{}"}"#,
            "`variables` must be an object, but you sent a string.",
        ),
        (
            r#"{"query":"{ __typename }","operationName":1}"#,
            "`operationName` must be a string, but you sent a number.",
        ),
        (
            r#"{"query":["{ __typename }"]}"#,
            "`query` must be a string, but you sent a list.",
        ),
        (
            r#"{"query":"{ __typename }","extensions":[]}"#,
            "`extensions` must be an object, but you sent a list.",
        ),
        (r#"{"variables":{}}"#, "The request has no `query`."),
    ] {
        let post = server
            .post("/graphql")
            .header("content-type", "application/json")
            .body(body);
        let expected = (400, "BAD_REQUEST".to_owned(), sentence.to_owned());
        assert_eq!(rejection(post).await, expected, "{body}");

        let mut socket = server.socket(None).await;
        let text = format!(r#"{{"type":"subscribe","id":"1","payload":{body}}}"#);
        socket.send_frame(Message::text(text)).await;
        assert_eq!(socket.closed().await, (4400, sentence.to_owned()));
    }
    let lone_surrogate = r#"{"query":"{ __typename }","variables":{"a":"\ud83d"}}"#;
    let post = server
        .post("/graphql")
        .header("content-type", "application/json")
        .body(lone_surrogate);
    let (status, _, message) = rejection(post).await;
    assert_eq!(status, 400);
    assert!(message.contains("half of a surrogate pair"), "{message}");
}

#[tokio::test]
async fn a_compressed_body_or_another_charset_is_rejected_with_what_is_accepted() {
    let server = TestServer::start().await;
    let post = |content_type: &str| {
        server
            .post("/graphql")
            .header("content-type", content_type)
            .body("\u{FEFF}{\"query\":\"{ __typename }\"}")
    };
    for content_type in ["application/json", "application/json; charset=utf8"] {
        assert_eq!(post(content_type).send().await.unwrap().status(), 200);
    }
    let charset = rejection(post("application/json; charset=latin1")).await;
    assert_eq!(charset.0, 415);
    assert_eq!(charset.2, "The charset of the Content-Type must be utf-8.");

    let compressed = post("application/json").header("content-encoding", "gzip");
    let compressed = compressed.send().await.unwrap();
    assert_eq!(compressed.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(compressed.headers()["accept-encoding"], "identity");
    let body: Value = compressed.json().await.unwrap();
    assert_eq!(
        body["errors"][0]["message"],
        "Send the body without a Content-Encoding."
    );
}

#[tokio::test]
async fn an_empty_parameter_is_an_absent_one() {
    let server = TestServer::start().await;
    let executed = json!({ "data": { "__typename": "Query" } });
    let named = "query Q { __typename }";
    for query in ["{ __typename }", named] {
        let get = server.get("/graphql").query(&[
            ("query", query),
            ("operationName", ""),
            ("variables", ""),
            ("extensions", ""),
        ]);
        let response: Value = get.send().await.unwrap().json().await.unwrap();
        assert_eq!(response, executed, "{query}");
    }
    let body = json!({ "query": named, "operationName": "" });
    let post = server.post("/graphql").json(&body);
    let response: Value = post.send().await.unwrap().json().await.unwrap();
    assert_eq!(response, executed);

    let mutation = "mutation M { deleteUser(input: { mobile: \"1\" }) { message } }";
    let parameters = [("query", mutation), ("operationName", "")];
    let get = server.get("/graphql").query(&parameters);
    let rejected = get.send().await.unwrap();
    assert_eq!(rejected.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(rejected.headers()["allow"], "POST");
}

#[tokio::test]
async fn a_subscription_without_a_stream_is_told_where_subscriptions_go() {
    let server = TestServer::start().await;
    let query = "subscription { sessionAlerts { id } }";
    let post = server
        .post("/graphql")
        .header("accept", GRAPHQL)
        .json(&json!({ "query": query }));
    let get = server.get("/graphql").query(&[("query", query)]);
    for (request, status) in [(post, 400), (get, 405)] {
        let (found, _, message) = rejection(request).await;
        assert_eq!(found, status);
        for place in ["WebSocket", "graphql-transport-ws", "text/event-stream"] {
            assert!(message.contains(place), "{message}");
        }
    }
}

#[tokio::test]
async fn a_get_beyond_a_limit_gets_the_error_of_the_limit() {
    let server = TestServer::with_flags(&["--max-query-tokens=4"]).await;
    let query = "mutation { deleteUser(input: { mobile: \"1\" }) { message } }";
    let get = server.get("/graphql").query(&[("query", query)]);
    let (_, code, message) = rejection(get.header("accept", GRAPHQL)).await;
    assert_eq!(code, "BAD_REQUEST");
    assert_eq!(message, "The operation has more than 4 tokens.");
}

#[tokio::test]
async fn a_variable_of_the_wrong_shape_is_a_request_error_that_does_not_repeat_it() {
    let server = TestServer::start().await;
    let login = "mutation($v: LoginInput!) { login(input: $v) { message } }";
    let user = "query($v: String!) { user(mobile: $v) { id } }";
    for (query, value, message) in [
        (
            login,
            json!(["hunter2"]),
            "The variable $v must be an object.",
        ),
        (
            login,
            json!("hunter2"),
            "The variable $v must be an object.",
        ),
        (
            user,
            json!(["hunter2"]),
            "The variable $v must be one value, and not a list.",
        ),
    ] {
        let post = server
            .post("/graphql")
            .header("accept", GRAPHQL)
            .json(&json!({ "query": query, "variables": { "v": value } }));
        let expected = (400, "BAD_REQUEST".to_owned(), message.to_owned());
        assert_eq!(rejection(post).await, expected);
    }
    // One value may stand for a list of one (GraphQL specification, 3.11).
    let list = "query($v: [ID!]!) { sessionsByKey(sessionKeys: $v) { id } }";
    let uuid = "00000000-0000-4000-8000-000000000000";
    let response = server.run(list, json!({ "v": uuid })).await;
    assert_eq!(response.data("/sessionsByKey"), &json!([null]));
}
