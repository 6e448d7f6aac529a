//! GraphQL over HTTP, and the routes beside it.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{SERVICE_KEY, Server, Users};

const RESPONSE: &str = "application/graphql-response+json";
const JSON: &str = "application/json; charset=utf-8";
const GRAPHQL: &str = "application/graphql-response+json; charset=utf-8";

#[tokio::test]
async fn the_status_and_the_type_follow_the_accept_header() {
    let server = Server::start().await;
    for (accept, query, status, content_type) in [
        (RESPONSE, "{ __typename }", 200, GRAPHQL),
        (RESPONSE, "{ nope }", 400, GRAPHQL),
        (RESPONSE, "{", 400, GRAPHQL),
        (
            RESPONSE,
            "query($mobile: String!) { user(mobile: $mobile) { id } nope }",
            400,
            GRAPHQL,
        ),
        // A field that fails is part of an execution.
        (RESPONSE, "{ user(mobile: \"x\") { id } }", 200, GRAPHQL),
        ("application/json", "{ nope }", 200, JSON),
        ("*/*", "{ nope }", 200, JSON),
        ("text/html", "{ __typename }", 406, GRAPHQL),
    ] {
        let request = server
            .post("/graphql")
            .header("accept", accept)
            .json(&json!({ "query": query }));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status, "{accept} {query}");
        assert_eq!(
            response.headers()["content-type"],
            content_type,
            "{accept} {query}"
        );
        let body: Value = response.json().await.unwrap();
        assert_eq!(
            body.get("data").is_some(),
            !query.contains("nope") && query != "{" && accept != "text/html",
            "{body}"
        );
        for error in body["errors"].as_array().into_iter().flatten() {
            assert!(error["extensions"]["code"].is_string(), "{error}");
        }
    }
}

#[tokio::test]
async fn what_is_no_graphql_request_is_refused_with_a_code() {
    let server = Server::start().await;
    let large = format!("{{\"query\":\"{}\"}}", " ".repeat(64 * 1024));
    for (content_type, body, status, code) in [
        ("application/json", "", 400, "BAD_REQUEST"),
        ("application/json", "[]", 400, "BAD_REQUEST"),
        (
            "application/json",
            "[\"{ __typename }\"]",
            400,
            "BAD_REQUEST",
        ),
        ("application/json", "{\"query\": 7}", 400, "BAD_REQUEST"),
        (
            "application/json",
            "{\"variables\": {}}",
            400,
            "BAD_REQUEST",
        ),
        ("application/json", &large, 413, "PAYLOAD_TOO_LARGE"),
        (
            "application/json; charset=utf-16",
            "{}",
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        (
            "text/plain",
            "{\"query\":\"{ __typename }\"}",
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        (
            "application/x-www-form-urlencoded",
            "query={__typename}",
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        (
            "multipart/form-data; boundary=x",
            "--x--",
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
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
async fn an_input_of_another_shape_is_refused_with_a_code_and_not_echoed() {
    let server = Server::start().await;
    for input in [
        "\"hunter2\"",
        "[\"hunter2\"]",
        "7777777",
        "{ mobile: [\"hunter2\"], username: \"N\" }",
    ] {
        let answer = server
            .run(
                &format!("mutation {{ login(input: {input}) {{ message }} }}"),
                json!({}),
            )
            .await;
        assert_eq!(answer.code(), "BAD_REQUEST", "{}", answer.0);
        assert!(!answer.0.to_string().contains("hunter2"), "{}", answer.0);
    }
}

#[tokio::test]
async fn an_upgrade_to_anything_but_a_websocket_is_passed_over() {
    let server = Server::start().await;
    let request = server.get("/graphql").query(&[("query", "{ __typename }")]);
    let answer = request
        .header("connection", "upgrade")
        .header("upgrade", "h2c")
        .send()
        .await
        .unwrap();
    assert_eq!(
        answer.json::<Value>().await.unwrap(),
        json!({ "data": { "__typename": "Query" } })
    );
}

#[tokio::test]
async fn a_get_runs_queries_only() {
    let server = Server::start().await;
    let user = server.register("9012345678").await;
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
    let delete = "mutation M { deleteUser(input: { mobile: \"9012345678\" }) { message } }";
    for parameters in [
        &[("query", delete)][..],
        &[("query", delete), ("operationName", "M")],
        &[("query", "subscription { sessionAlerts { id } }")],
    ] {
        let refused = get(parameters).await.unwrap();
        assert_eq!(
            (refused.status(), &refused.headers()["allow"]),
            (StatusCode::METHOD_NOT_ALLOWED, &"POST".parse().unwrap())
        );
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
    }
    server.register("9012345679").await;
    assert_eq!(server.status(&user.token).await, "ACTIVE");
}

#[tokio::test]
async fn another_sites_page_is_refused_and_an_allowed_one_is_not() {
    let server = Server::with(&["--allowed-origin", "https://app.example.com"]).await;
    let status = async |name: &str, value: &str| {
        let request = server
            .post("/graphql")
            .header(name, value)
            .json(&json!({ "query": "{ __typename }" }));
        request.send().await.unwrap().status().as_u16()
    };
    let own = server.url("");
    assert_eq!(status("origin", &own).await, 200);
    assert_eq!(status("origin", "https://app.example.com").await, 200);
    for foreign in [
        "https://evil.example.com",
        "http://localhost:1",
        "null",
        "https://app.example.com.evil",
    ] {
        assert_eq!(status("origin", foreign).await, 403, "{foreign}");
    }
    assert_eq!(status("sec-fetch-site", "cross-site").await, 403);
    assert_eq!(status("sec-fetch-site", "same-origin").await, 200);
    // DNS rebinding: the request reaches this machine by another name.
    assert_eq!(status("host", "evil.example.com").await, 403);
    assert_eq!(status("host", "localhost:3000").await, 200);

    let preflight = reqwest::Client::new()
        .request(Method::OPTIONS, server.url("/graphql"))
        .header("origin", "https://app.example.com")
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "authorization,content-type",
        );
    let preflight = preflight.send().await.unwrap();
    assert_eq!(
        preflight.headers()["access-control-allow-origin"],
        "https://app.example.com"
    );
}

#[tokio::test]
async fn a_server_with_a_key_answers_under_any_name() {
    let server = Server::secured().await;
    let request = server
        .post("/graphql")
        .header("host", "sessions.example.com")
        .bearer_auth(SERVICE_KEY);
    assert_eq!(
        request
            .json(&json!({ "query": "{ __typename }" }))
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
}

#[tokio::test]
async fn a_gateway_learns_whose_token_it_is() {
    let server = Server::secured().await;
    let create = "mutation { createUser(input: { mobile: \"+91 90123 45678\", username: \"Zoë 100%\" }) \
         { token user { id } session { sessionKey } } }";
    let created = server.run_as(Some(SERVICE_KEY), create, json!({})).await;
    let token = created.text("/createUser/token");
    let verified = server
        .get("/verify")
        .bearer_auth(&token)
        .send()
        .await
        .unwrap();
    assert_eq!(verified.status(), 204);
    let headers = verified.headers();
    assert_eq!(
        headers["x-session-key"],
        *created.text("/createUser/session/sessionKey")
    );
    assert_eq!(headers["x-user-id"], *created.text("/createUser/user/id"));
    assert_eq!(headers["x-user-mobile"], "+919012345678");
    assert_eq!(headers["x-user-name"], "Zo%C3%AB 100%25");

    // The token is valid, but without its scheme, or under another, it is no bearer token.
    for authorization in [
        token.clone(),
        format!("Token {token}"),
        format!("Bearer{token}"),
    ] {
        let refused = server
            .get("/verify")
            .header("authorization", authorization)
            .send()
            .await
            .unwrap();
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    }

    let end = "mutation($key: ID!) { invalidateSession(input: { sessionKey: $key }) { message } }";
    let key = created.text("/createUser/session/sessionKey");
    server
        .run_as(Some(&token), end, json!({ "key": key }))
        .await
        .text("/invalidateSession/message");
    for request in [
        server.get("/verify").bearer_auth(&token),
        server.get("/verify").bearer_auth(SERVICE_KEY),
        server.get("/verify").bearer_auth("sd1_nonsense"),
        server.get("/verify").basic_auth("user", Some("password")),
        server.get("/verify"),
    ] {
        let refused = request.send().await.unwrap();
        assert_eq!(
            (refused.status(), &refused.headers()["www-authenticate"]),
            (StatusCode::UNAUTHORIZED, &"Bearer".parse().unwrap())
        );
    }
}

#[tokio::test]
async fn the_proxys_header_tells_the_address_and_without_it_the_connection() {
    let server = Server::with(&["--client-ip-source", "x-forwarded-for"]).await;
    let create = async |mobile: &str, forwarded: Option<&str>| {
        let query = format!(
            "mutation {{ createUser(input: {{ mobile: \"{mobile}\", username: \"N\" }}) {{ session {{ ipAddress }} }} }}"
        );
        let request = server.post("/graphql").json(&json!({ "query": query }));
        let request = forwarded.into_iter().fold(request, |request, value| {
            request.header("x-forwarded-for", value)
        });
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        answer["data"]["createUser"]["session"]["ipAddress"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    // What the client made up stands before what the proxy added.
    assert_eq!(
        create("9012345670", Some("198.51.100.7, 203.0.113.9")).await,
        "203.0.113.9"
    );
    assert_eq!(create("9012345671", None).await, "127.0.0.1");
    assert_eq!(create("9012345672", Some("nonsense")).await, "127.0.0.1");
}

#[tokio::test]
async fn health_and_the_schema_are_there_for_anyone() {
    let server = Server::secured().await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(
            server.get(path).send().await.unwrap().text().await.unwrap(),
            "ok\n"
        );
    }
    let schema = server
        .get("/schema.graphql")
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert_eq!(schema, include_str!("../../schema.graphql"));
    let settings: Value = server
        .get("/settings.json")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        settings,
        json!({ "developmentMode": false, "introspection": true })
    );
    assert_eq!(server.get("/nothing").send().await.unwrap().status(), 404);
}
