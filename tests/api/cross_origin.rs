//! The origins and hosts whose requests are accepted, and CORS.

use reqwest::{Method, RequestBuilder, Response, header::HeaderValue};
use serde_json::json;
use sessiond_test_support::{ApiClient, EVENT_STREAM, TestServer};

use crate::{SESSIOND, handshake::upgrade_request};

const PROTOCOL: &str = "graphql-transport-ws";

pub(crate) fn post(server: &ApiClient) -> RequestBuilder {
    let request = server.post("/graphql");
    request.json(&json!({ "query": "{ __typename }" }))
}

pub(crate) fn preflight(server: &ApiClient, origin: &str, headers: &str) -> RequestBuilder {
    reqwest::Client::new()
        .request(Method::OPTIONS, server.url("/graphql"))
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", headers)
}

pub(crate) async fn send(request: RequestBuilder) -> Response {
    request.send().await.unwrap()
}

/// Returns the statuses of a POST and of a handshake with this Origin and Host.
pub(crate) async fn statuses(server: &TestServer, origin: &str, host: &str) -> (u16, u16) {
    let with_headers = |request: RequestBuilder| {
        let request = request.header("origin", origin);
        send(request.header("host", host))
    };
    let posted = with_headers(post(server)).await;
    let upgraded = with_headers(upgrade_request(server, "13", PROTOCOL)).await;
    (posted.status().as_u16(), upgraded.status().as_u16())
}

#[track_caller]
pub(crate) fn assert_header(response: &Response, name: &str, value: &str) {
    let found = response.headers().get(name).map(HeaderValue::as_bytes);
    assert_eq!(found, Some(value.as_bytes()), "{name}");
}

#[tokio::test]
async fn the_own_origin_is_accepted_however_its_default_port_is_written() {
    let server = TestServer::with_service_key().await;
    for (host, origin) in [
        ("app.example.com", "https://app.example.com"),
        ("app.example.com:443", "https://app.example.com"),
        ("app.example.com:80", "http://app.example.com"),
        ("app.example.com", "https://app.example.com:443"),
        ("APP.example.com", "https://app.example.com"),
        ("[::1]:443", "https://[::1]"),
        ("[::1]", "https://[::1]:443"),
        ("localhost:3000", "http://localhost:3000"),
    ] {
        assert_eq!(
            statuses(&server, origin, host).await,
            (200, 101),
            "{host} {origin}"
        );
    }
    for (host, origin) in [
        ("app.example.com:444", "https://app.example.com"),
        ("app.example.com", "https://app.example.com:444"),
        ("app.example.com:80", "https://app.example.com"),
        ("app.example.com", "https://evil.example"),
        ("app.example.com", "https://app.example.com.evil.example"),
        ("app.example.com", "capacitor://app.example.com"),
        ("app.example.com", "null"),
        ("localhost:3000", "http://localhost:5173"),
    ] {
        assert_eq!(
            statuses(&server, origin, host).await,
            (403, 403),
            "{host} {origin}"
        );
    }
}

#[tokio::test]
async fn an_allowed_origin_is_accepted_and_returned_as_it_was_sent() {
    let server = TestServer::with_service_key_and_flags(&[
        "--allowed-origin=https://app.example.com:443,capacitor://localhost",
        "--allowed-origin=ionic://localhost,tauri://localhost,app://.",
        "--allowed-origin=chrome-extension://abcdefghijklmnopabcdefghijklmnop",
    ])
    .await;
    for origin in [
        "https://app.example.com",
        "https://app.example.com:443",
        "capacitor://localhost",
        "ionic://localhost",
        "tauri://localhost",
        "app://.",
        "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
    ] {
        assert_eq!(
            statuses(&server, origin, "api.example").await,
            (200, 101),
            "{origin}"
        );
        // A browser sends both headers with a request from another site.
        let request = server.get("/graphql").query(&[("query", "{ __typename }")]);
        let request = request.header("origin", origin);
        let response = send(request.header("sec-fetch-site", "cross-site")).await;
        assert_eq!(response.status(), 200, "{origin}");
        assert_header(&response, "access-control-allow-origin", origin);
        let response = send(preflight(&server, origin, "authorization")).await;
        assert_eq!(response.status(), 200, "{origin}");
        assert_header(&response, "access-control-allow-origin", origin);
    }
    for origin in [
        "https://app.example.com:444",
        "capacitor://localhost.evil",
        "null",
    ] {
        assert_eq!(
            statuses(&server, origin, "api.example").await,
            (403, 403),
            "{origin}"
        );
        let response = send(preflight(&server, origin, "authorization")).await;
        assert_eq!(response.status(), 403, "{origin}");
        assert!(
            !response
                .headers()
                .contains_key("access-control-allow-origin")
        );
    }
}

#[tokio::test]
async fn a_page_of_another_site_without_an_origin_is_rejected() {
    let server = TestServer::start().await;
    for (site, status) in [
        ("cross-site", 403),
        ("same-site", 403),
        ("same-origin", 200),
        ("none", 200),
    ] {
        let response = send(post(&server).header("sec-fetch-site", site)).await;
        assert_eq!(response.status(), status, "{site}");
    }
}

#[tokio::test]
async fn a_response_that_depends_on_the_origin_says_so() {
    let origin = "https://app.example.com";
    let server = TestServer::with_service_key_and_flags(&["--allowed-origin", origin]).await;
    for request in [
        post(&server),
        post(&server).header("origin", origin),
        preflight(&server, origin, "authorization"),
    ] {
        let response = send(request).await;
        assert_header(&response, "vary", "origin, access-control-request-headers");
    }
}

#[tokio::test]
async fn a_preflight_request_of_an_allowed_origin_may_announce_any_header() {
    let origin = "https://app.example.com";
    let server = TestServer::with_service_key_and_flags(&["--allowed-origin", origin]).await;
    for headers in [
        "authorization,content-type",
        "traceparent,tracestate,baggage,sentry-trace",
        "apollo-require-preflight,graphql-require-preflight,x-apollo-operation-name,x-request-id",
        "apollographql-client-name,apollographql-client-version,x-correlation-id",
        "b3,x-b3-traceid,x-datadog-trace-id,newrelic,x-requested-with,cache-control,last-event-id",
    ] {
        let response = send(preflight(&server, origin, headers)).await;
        assert_eq!(response.status(), 200);
        assert_header(&response, "access-control-allow-headers", headers);
        assert_header(&response, "access-control-allow-methods", "GET,POST");
    }
}

#[tokio::test]
async fn an_options_request_without_an_origin_or_a_method_is_no_preflight_request() {
    let origin = "https://app.example.com";
    let server = TestServer::with_service_key_and_flags(&["--allowed-origin", origin]).await;
    let options = reqwest::Client::new().request(Method::OPTIONS, server.url("/graphql"));
    let method = ("access-control-request-method", "POST");
    for header in [None, Some(("origin", origin)), Some(method)] {
        let mut request = options.try_clone().unwrap();
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let response = send(request).await;
        assert_eq!(response.status(), 405, "{header:?}");
        let mut names = response.headers().keys();
        assert!(!names.any(|name| name.as_str().starts_with("access-control")));
    }
}

#[tokio::test]
async fn a_page_may_read_when_to_try_again() {
    let origin = "https://app.example.com";
    let server = TestServer::with_service_key_and_flags(&[
        "--allowed-origin=https://app.example.com",
        "--max-sockets-per-address=1",
    ])
    .await;
    let _socket = server.socket(None).await;
    let body = json!({ "query": "subscription { sessionAlerts { id } }" });
    let request = server.post("/graphql").header("accept", EVENT_STREAM);
    let response = send(request.header("origin", origin).json(&body)).await;
    assert_eq!(response.status(), 429);
    assert_header(&response, "retry-after", "10");
    assert_header(
        &response,
        "access-control-expose-headers",
        "retry-after, x-request-id",
    );
}

#[tokio::test]
async fn health_checks_respond_to_any_host_and_origin() {
    for server in [
        TestServer::start().await,
        TestServer::with_service_key().await,
    ] {
        for path in ["/healthz", "/readyz"] {
            for (name, value) in [
                ("host", "any.example"),
                ("origin", "https://bank.example"),
                ("origin", "null"),
                ("sec-fetch-site", "cross-site"),
            ] {
                let response = send(server.get(path).header(name, value)).await;
                assert_eq!(response.status(), 200, "{path} {value}");
                let body = response.text().await.unwrap();
                let version = concat!("sessiond ", env!("CARGO_PKG_VERSION"));
                assert_eq!(body.lines().collect::<Vec<_>>(), ["ok", version]);
            }
            let head = reqwest::Client::new().head(server.url(path));
            let response = send(head.header("host", "any.example")).await;
            assert_eq!(response.status(), 200, "{path}");
        }
    }
}

#[tokio::test]
async fn a_rejected_request_of_a_page_is_logged_once_a_minute() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let server = SESSIOND.server().log_to(&log).start().await;
    for (name, value) in [
        ("origin", "http://evil.example:5173"),
        ("host", "rebound.example"),
        ("x-forwarded-for", "203.0.113.9"),
        ("sec-fetch-site", "cross-site"),
    ] {
        for _ in 0..3 {
            assert_eq!(send(post(&server).header(name, value)).await.status(), 403);
        }
    }
    drop(server);

    let log = std::fs::read_to_string(log).unwrap();
    for expected in [
        "--allowed-origin allows it count=1 origin=\"http://evil.example:5173\"",
        "the Host must be a loopback name count=1 host=\"rebound.example\"",
        "set a service key count=1 header=\"x-forwarded-for\"",
        "without an Origin count=1",
    ] {
        assert_eq!(log.matches(expected).count(), 1, "{expected}\n{log}");
    }
    assert!(!log.contains("203.0.113.9"), "{log}");
}
