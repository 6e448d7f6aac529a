//! `/verify`, with which a gateway checks the token of a request.

use std::time::Duration;

use serde_json::json;
use sessiond_test_support::{
    ApiClient, MOBILE, SERVICE_KEY, TestServer, connect_and_send, read_to_end,
};

/// Methods that gateways forward, and one that no specification defines.
const METHODS: [&str; 11] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "QUERY",
    "X-ANY",
];

const NO_TOKEN: &str = "www-authenticate: Bearer\r\n";
const INVALID: &str = "www-authenticate: Bearer error=\"invalid_token\"\r\n";

/// Sends a request and returns the whole response. `fields` are header lines.
async fn send(server: &ApiClient, method: &str, target: &str, fields: &[&str]) -> String {
    let mut lines = vec![format!("{method} {target} HTTP/1.1")];
    lines.push("host: app.example.com\r\nconnection: close".to_owned());
    lines.extend(fields.iter().map(ToString::to_string));
    let request = format!("{}\r\n\r\n", lines.join("\r\n"));
    let mut stream = connect_and_send(server.address, request.as_bytes()).await;
    read_to_end(&mut stream).await
}

fn bearer(token: &str) -> String {
    format!("authorization: Bearer {token}")
}

#[track_caller]
fn assert_status(response: &str, status: u16) {
    let expected = format!("HTTP/1.1 {status} ");
    assert!(response.starts_with(&expected), "not {status}: {response}");
}

#[tokio::test]
async fn verify_identifies_the_session_of_a_valid_token() {
    let server = TestServer::with_service_key().await;
    let query = "mutation($input: CreateUserInput!) { createUser(input: $input) {
        token user { id } session { sessionKey expiresAt } } }";
    let input = json!({ "mobile": "+91 90123 45678", "username": "Zoë 100%" });
    let created = server
        .run_as_service(query, json!({ "input": input }))
        .await;
    let token = created.data_str("/createUser/token");

    let request = server.get("/verify").bearer_auth(&token);
    let verified = request.send().await.unwrap();

    assert_eq!(verified.status(), 200);
    let headers = verified.headers();
    for (name, value) in [
        (
            "x-session-key",
            &*created.data_str("/createUser/session/sessionKey"),
        ),
        (
            "x-session-expires-at",
            &created.data_str("/createUser/session/expiresAt"),
        ),
        ("x-user-id", &created.data_str("/createUser/user/id")),
        ("x-user-mobile", "+919012345678"),
        ("x-user-name", "Zo%C3%AB 100%25"),
        ("cache-control", "no-store"),
        ("vary", "Authorization, Cookie"),
        ("content-length", "0"),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
    assert!(verified.bytes().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_check_moves_the_expiry_that_it_returns() {
    let server = TestServer::start().await;
    let user = server.create_user(MOBILE).await;
    let expires_at = async || {
        let request = server.get("/verify").bearer_auth(&user.token);
        let headers = request.send().await.unwrap().headers().clone();
        headers["x-session-expires-at"].to_str().unwrap().to_owned()
    };
    // The idle timeout is 30 minutes.
    let first = expires_at().await;
    assert!(first.ends_with("T11:15:47.209Z"), "{first}");
    server.advance(Duration::from_mins(5));
    let second = expires_at().await;
    assert!(second.ends_with("T11:20:47.209Z"), "{second}");
    let query = "{ currentSession { expiresAt } }";
    let session = server.run_as(Some(&user.token), query, json!({})).await;
    assert_eq!(session.data("/currentSession/expiresAt"), &*second);
}

#[tokio::test]
async fn every_method_and_every_path_is_judged_by_the_token() {
    let server = TestServer::with_service_key().await;
    let user = server.create_user(MOBILE).await;
    let token = bearer(&user.token);
    for method in METHODS {
        for target in ["/verify", "/verify/", "/verify/orders/7?x=1"] {
            let valid = send(&server, method, target, &[&token]).await;
            assert_status(&valid, 200);
            let missing = send(&server, method, target, &[]).await;
            assert_status(&missing, 401);
            for response in [valid, missing] {
                assert!(response.ends_with("\r\n\r\n"), "no body: {response}");
            }
        }
    }
}

#[tokio::test]
async fn a_path_below_verify_may_contain_anything() {
    let server = TestServer::with_service_key().await;
    let user = server.create_user(MOBILE).await;
    for target in [
        "/verify?",
        "/verify?token=1&%ff",
        "/verify//",
        "/verify//a",
        "/verify/../a",
        "/verify/%2e%2e/a",
        "/verify/%2F",
        "/verify/%ff",
        "/verify/%00",
        "/verify/%",
        "/verify/{id}/*",
        "/verify/verify/graphql",
        "http://app.example.com/verify/a",
    ] {
        let valid = send(&server, "GET", target, &[&bearer(&user.token)]).await;
        assert_status(&valid, 200);
        assert_status(&send(&server, "GET", target, &[]).await, 401);
    }
    for target in ["/verifyx", "/verify%2f", "/Verify"] {
        let other = send(&server, "GET", target, &[&bearer(&user.token)]).await;
        assert_status(&other, 404);
    }
}

#[tokio::test]
async fn the_headers_of_a_browser_do_not_matter() {
    let flags = ["--allowed-origin=https://app.example.com"];
    for server in [
        TestServer::with_service_key().await,
        TestServer::with_flags(&flags).await,
    ] {
        let user = server.create_user(MOBILE).await;
        let token = bearer(&user.token);
        for field in [
            "origin: https://bank.example",
            "origin: https://app.example.com",
            "origin: null",
            "sec-fetch-site: cross-site",
            "x-forwarded-for: 203.0.113.9\r\nx-forwarded-host: app.example.com",
            "forwarded: for=203.0.113.9\r\nvia: 1.1 proxy",
            "upgrade: websocket\r\nsec-websocket-version: 13",
            "x-user-id: forged\r\nx-session-key: forged",
            "expect: 100-continue",
        ] {
            let valid = send(&server, "GET", "/verify", &[field, &token]).await;
            assert_status(&valid, 200);
            assert!(!valid.contains("access-control-"), "{valid}");
            assert!(!valid.contains("forged"), "{valid}");
            assert_status(&send(&server, "GET", "/verify", &[field]).await, 401);
        }
        // A preflight request of a browser has no token, and the gateway's client is no browser.
        let preflight = [
            "origin: https://app.example.com",
            "access-control-request-method: POST",
        ];
        let response = send(&server, "OPTIONS", "/verify", &preflight).await;
        assert_status(&response, 401);
        assert!(!response.contains("access-control-"), "{response}");
    }
}

#[tokio::test]
async fn verify_accepts_only_the_bearer_token_of_a_valid_session() {
    let server = TestServer::with_service_key().await;
    let user = server.create_user(MOBILE).await;
    let token = &user.token;
    let pending = server
        .login(MOBILE, json!({ "onConflict": "ASK" }))
        .await
        .data_str("/login/token");
    for (authorization, challenge) in [
        (String::new(), NO_TOKEN),
        (token.clone(), NO_TOKEN),
        (format!("Token {token}"), NO_TOKEN),
        (format!("Bearer{token}"), NO_TOKEN),
        ("Basic dXNlcjpwYXNzd29yZA==".to_owned(), NO_TOKEN),
        ("Bearer".to_owned(), NO_TOKEN),
        (format!("Bearer {pending}"), INVALID),
        (format!("Bearer {SERVICE_KEY}"), INVALID),
        ("Bearer sd1_nonsense".to_owned(), INVALID),
        (format!("Bearer {token}, Bearer {token}"), INVALID),
        (format!("Bearer Bearer {token}"), INVALID),
        (format!("Bearer \"{token}\""), INVALID),
        ("Bearer \u{fc}".to_owned(), INVALID),
    ] {
        let field = format!("authorization: {authorization}");
        let response = send(&server, "GET", "/verify", &[&field]).await;
        assert_status(&response, 401);
        assert!(response.contains(challenge), "{authorization}: {response}");
        assert!(
            response.contains("vary: Authorization, Cookie\r\n"),
            "{response}"
        );
        assert!(!response.contains("x-session"), "{response}");
    }
    assert_eq!(server.verify_status(token).await, 200);

    server
        .invalidate_session_as(Some(token), &user.session)
        .await
        .data_str("/invalidateSession/message");
    let ended = send(&server, "GET", "/verify", &[&bearer(token)]).await;
    assert_status(&ended, 401);
    assert!(ended.contains(INVALID), "{ended}");
}

#[tokio::test]
async fn two_authorization_headers_are_rejected_in_either_order() {
    let server = TestServer::with_service_key().await;
    let user = server.create_user(MOBILE).await;
    let token = bearer(&user.token);
    for other in [
        &token,
        "authorization: Bearer sd1_x",
        "Authorization: Basic eA==",
    ] {
        for fields in [[&token, other], [other, &token]] {
            let response = send(&server, "GET", "/verify", &fields).await;
            assert_status(&response, 400);
            assert!(response.contains("BAD_REQUEST"), "{response}");
        }
    }
}

#[tokio::test]
async fn a_head_request_gets_the_headers_of_a_get_request_and_no_body() {
    let server = TestServer::with_service_key().await;
    let user = server.create_user(MOBILE).await;
    let token = bearer(&user.token);
    let cases: [&[&str]; 3] = [&[&token], &[], &[&token, &token]];
    for fields in cases {
        let get = send(&server, "GET", "/verify", fields).await;
        let head = send(&server, "HEAD", "/verify", fields).await;
        let (get, _) = get.split_once("\r\n\r\n").unwrap();
        let (head, body) = head.split_once("\r\n\r\n").unwrap();
        assert_eq!(sorted_fields(head), sorted_fields(get));
        assert_eq!(body, "");
    }
}

fn sorted_fields(head: &str) -> Vec<&str> {
    let lines = head.lines();
    let mut fields: Vec<_> = lines.filter(|line| !line.starts_with("date:")).collect();
    fields.sort_unstable();
    fields
}
