//! GraphQL over HTTP, and the routes beside it.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sessiond_test_support::{MOBILE, TestServer, connect_and_send, read_to_end};

const RESPONSE: &str = "application/graphql-response+json";
const JSON: &str = "application/json; charset=utf-8";
const GRAPHQL: &str = "application/graphql-response+json; charset=utf-8";

#[tokio::test]
async fn the_status_and_the_content_type_follow_the_accept_header() {
    let server = TestServer::start().await;
    let unknown_field = "query($mobile: String!) { user(mobile: $mobile) { id } nope }";
    for (accept, query, status, content_type, is_executed) in [
        (RESPONSE, "{ __typename }", 200, GRAPHQL, true),
        (RESPONSE, "{ nope }", 400, GRAPHQL, false),
        (RESPONSE, "{", 400, GRAPHQL, false),
        (RESPONSE, unknown_field, 400, GRAPHQL, false),
        // An error of a field is part of an execution.
        (
            RESPONSE,
            r#"{ user(mobile: "x") { id } }"#,
            200,
            GRAPHQL,
            true,
        ),
        ("application/json", "{ nope }", 200, JSON, false),
        ("*/*", "{ nope }", 200, JSON, false),
        ("text/html", "{ __typename }", 406, GRAPHQL, false),
    ] {
        let request = server
            .post("/graphql")
            .header("accept", accept)
            .json(&json!({ "query": query }));
        let response = request.send().await.unwrap();
        let context = format!("{accept} {query}");
        assert_eq!(response.status(), status, "{context}");
        assert_eq!(
            response.headers()["content-type"],
            content_type,
            "{context}"
        );
        let body: Value = response.json().await.unwrap();
        assert_eq!(body.get("data").is_some(), is_executed, "{context} {body}");
        for error in body["errors"].as_array().into_iter().flatten() {
            assert!(error["extensions"]["code"].is_string(), "{error}");
        }
    }
}

#[tokio::test]
async fn a_body_that_is_not_a_graphql_request_is_rejected_with_a_code() {
    let server = TestServer::start().await;
    let large = json!({ "query": " ".repeat(64 * 1024) }).to_string();
    let (malformed, media_type) = ((400, "BAD_REQUEST"), (415, "UNSUPPORTED_MEDIA_TYPE"));
    for (content_type, body, (status, code)) in [
        ("application/json", "", malformed),
        ("application/json", "[]", malformed),
        ("application/json", r#"["{ __typename }"]"#, malformed),
        ("application/json", r#"{"query": 7}"#, malformed),
        ("application/json", r#"{"variables": {}}"#, malformed),
        ("application/json", &large, (413, "PAYLOAD_TOO_LARGE")),
        ("application/json; charset=utf-16", "{}", media_type),
        ("text/plain", r#"{"query":"{ __typename }"}"#, media_type),
        (
            "application/x-www-form-urlencoded",
            "query={__typename}",
            media_type,
        ),
        ("multipart/form-data; boundary=x", "--x--", media_type),
    ] {
        let request = server
            .post("/graphql")
            .header("content-type", content_type)
            .body(body.to_owned());
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status, "{content_type} {code}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["errors"][0]["extensions"]["code"], code);
    }
}

#[tokio::test]
async fn an_input_of_the_wrong_type_is_rejected_with_a_code_and_not_repeated() {
    let server = TestServer::start().await;
    for input in [
        r#""hunter2""#,
        r#"["hunter2"]"#,
        "7777777",
        r#"{ mobile: ["hunter2"], username: "N" }"#,
    ] {
        let query = format!("mutation {{ login(input: {input}) {{ message }} }}");
        let response = server.run(&query, json!({})).await;
        assert_eq!(response.error_code(), "BAD_REQUEST", "{}", response.0);
        assert!(
            !response.0.to_string().contains("hunter2"),
            "{}",
            response.0
        );
    }
}

#[tokio::test]
async fn an_upgrade_to_another_protocol_than_websocket_is_ignored() {
    let server = TestServer::start().await;
    let response = server
        .get("/graphql")
        .query(&[("query", "{ __typename }")])
        .header("connection", "upgrade")
        .header("upgrade", "h2c")
        .send()
        .await
        .unwrap();
    assert_eq!(
        response.json::<Value>().await.unwrap(),
        json!({ "data": { "__typename": "Query" } })
    );
}

#[tokio::test]
async fn a_get_executes_queries_only() {
    let server = TestServer::start().await;
    let user = server.create_user(MOBILE).await;
    let get = |parameters: &[(&str, &str)]| server.get("/graphql").query(parameters).send();
    let query = "query One { __typename } query Two($m: String!) { user(mobile: $m) { username } }";
    let variables = json!({ "m": user.mobile }).to_string();
    let found = get(&[
        ("query", query),
        ("operationName", "Two"),
        ("variables", &variables),
    ])
    .await
    .unwrap();
    assert_eq!(
        found.json::<Value>().await.unwrap(),
        json!({ "data": { "user": { "username": "SavingsBank" } } })
    );
    let delete = r#"mutation M { deleteUser(input: { mobile: "9012345678" }) { message } }"#;
    for parameters in [
        &[("query", delete)][..],
        &[("query", delete), ("operationName", "M")],
        &[("query", "subscription { sessionAlerts { id } }")],
        // The executor would reject these. They are not for GET all the same.
        &[("query", "mutation A { __typename } query B { __typename }")],
        &[("query", "mutation { __typename }"), ("operationName", "A")],
        &[("query", "mutation { __typename }"), ("operationName", "")],
    ] {
        let rejected = get(parameters).await.unwrap();
        assert_eq!(rejected.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(rejected.headers()["allow"], "POST");
    }
    for bad in [&[][..], &[("query", "{ __typename }"), ("variables", "{")]] {
        assert_eq!(get(bad).await.unwrap().status(), StatusCode::BAD_REQUEST);
    }
    let client = reqwest::Client::new();
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        let response = client
            .request(method, server.url("/graphql"))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers()["allow"], "GET,HEAD,POST");
    }
    assert_eq!(server.session_status(&user.token).await, "ACTIVE");
}

#[tokio::test]
async fn a_response_to_head_has_the_headers_of_a_get_and_no_body() {
    let server = TestServer::start().await;
    for path in [
        "/graphql?query=%7B__typename%7D",
        "/healthz",
        "/schema.graphql",
    ] {
        let response_to = async |method: &str| {
            let request = format!(
                "{method} {path} HTTP/1.1\r\nhost: localhost\r\nx-request-id: 1\r\n\
                     connection: close\r\n\r\n"
            );
            let mut stream = connect_and_send(server.address, request.as_bytes()).await;
            read_to_end(&mut stream).await
        };
        let (head, get) = (response_to("HEAD").await, response_to("GET").await);
        let (get_head, body) = get.split_once("\r\n\r\n").unwrap();
        assert!(!body.is_empty(), "{path}");
        let fields = |response: &str| -> Vec<String> {
            let lines = response.trim_end().lines();
            lines
                .filter(|line| !line.starts_with("date:"))
                .map(str::to_owned)
                .collect()
        };
        assert_eq!(fields(&head), fields(get_head), "{path}");
    }
}

#[tokio::test]
async fn every_response_has_the_headers_that_protect_it() {
    let server = TestServer::start().await;
    for (path, status) in [
        ("/graphql?query=%7B__typename%7D", 200),
        ("/verify", 401),
        ("/healthz", 200),
        ("/nothing", 404),
        ("/graphql", 400),
    ] {
        let response = server.get(path).send().await.unwrap();
        assert_eq!(response.status(), status, "{path}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(response.headers()[name], value, "{path} {name}");
        }
    }
}

#[tokio::test]
async fn health_checks_and_the_schema_need_no_credentials() {
    let server = TestServer::with_service_key().await;
    let get_text = async |path| {
        let response = server.get(path).send().await.unwrap();
        response.text().await.unwrap()
    };
    let healthy = concat!("ok\nsessiond ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(get_text("/healthz").await, healthy);
    assert_eq!(get_text("/readyz").await, healthy);
    assert_eq!(
        get_text("/schema.graphql").await,
        include_str!("../../schema.graphql")
    );
    assert_eq!(server.get_status("/nothing").await, 404);
}
