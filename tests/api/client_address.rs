//! The address of a client behind a proxy.

use reqwest::RequestBuilder;
use serde_json::json;
use sessiond_test_support::{ApiClient, GraphQlResponse, SERVICE_KEY, ServerProcess, TestServer};

use crate::SESSIOND;

const CREATE: &str = "mutation($input: CreateUserInput!) { createUser(input: $input) {
    session { ipAddress userAgent } } }";

/// A request of the service that registers a user.
fn create_user(server: &ApiClient, mobile: usize) -> RequestBuilder {
    let input = json!({ "mobile": format!("90123{mobile:05}"), "username": "N" });
    let body = json!({ "query": CREATE, "variables": { "input": input } });
    let request = server.post("/graphql").bearer_auth(SERVICE_KEY);
    request.json(&body)
}

async fn session_field(request: RequestBuilder, field: &str) -> String {
    let response = GraphQlResponse(request.send().await.unwrap().json().await.unwrap());
    response.data_str(&format!("/createUser/session/{field}"))
}

#[tokio::test]
async fn the_address_comes_from_the_header_of_the_proxy() {
    for header in [
        "x-forwarded-for",
        "x-real-ip",
        "x-envoy-external-address",
        "cf-connecting-ip",
        "cloudfront-viewer-address",
        "fly-client-ip",
        "true-client-ip",
    ] {
        let source = format!("--client-ip-source={header}");
        let server = TestServer::with_service_key_and_flags(&[&source]).await;
        for (mobile, (lines, address)) in [
            (&["203.0.113.9:51234"][..], "203.0.113.9"),
            (&["[2001:db8::1]:443"], "2001:db8::1"),
            (&["[::ffff:203.0.113.9]:443"], "203.0.113.9"),
            // The client forged the first address. The proxy added the last one.
            (&["198.51.100.7, 203.0.113.9:51234"], "203.0.113.9"),
            (&["198.51.100.7", "203.0.113.9:51234"], "203.0.113.9"),
            // A request that did not pass through the proxy, and one that cannot be read.
            (&[], "127.0.0.1"),
            (&["nonsense"], "127.0.0.1"),
        ]
        .into_iter()
        .enumerate()
        {
            let mut request = create_user(&server, mobile);
            for line in lines {
                request = request.header(header, *line);
            }
            let found = session_field(request, "ipAddress").await;
            assert_eq!(found, address, "{header} {lines:?}");
        }
    }
}

#[tokio::test]
async fn the_address_comes_from_the_forwarded_header() {
    let server = TestServer::with_service_key_and_flags(&["--client-ip-source=forwarded"]).await;
    let forwarded = "for=198.51.100.7, for=\"[2001:db8::1]:443\";proto=https";
    let request = create_user(&server, 1).header("forwarded", forwarded);
    assert_eq!(session_field(request, "ipAddress").await, "2001:db8::1");
}

#[tokio::test]
async fn a_user_agent_outside_ascii_is_kept_as_far_as_it_is_utf_8() {
    let server = TestServer::with_service_key().await;
    for (mobile, (bytes, text)) in [
        (
            "Überland/0.16 (iPhone; iOS 17.5)".as_bytes(),
            "Überland/0.16 (iPhone; iOS 17.5)",
        ),
        (
            b"\xdcberland/0.16 (iPhone; iOS 17.5)",
            "\u{fffd}berland/0.16 (iPhone; iOS 17.5)",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let request = create_user(&server, mobile).header("user-agent", bytes);
        assert_eq!(session_field(request, "userAgent").await, text);
    }
}

/// Starts a server with a service key and this source. Sends three requests with this header.
/// Returns the log.
async fn log_of(source: &str, header: (&str, &str)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let flag = format!("--client-ip-source={source}");
    let server = SESSIOND
        .server()
        .service_key()
        .flags(&[&flag])
        .log_to(&log)
        .start()
        .await;
    send_three(&server, header).await;
    drop(server);
    std::fs::read_to_string(log).unwrap()
}

async fn send_three(server: &ServerProcess, (name, value): (&str, &str)) {
    for mobile in 0..3 {
        let request = create_user(server, mobile).header(name, value);
        assert_eq!(session_field(request, "ipAddress").await, "127.0.0.1");
    }
}

/// Returns the warnings that name the setting.
fn warnings(log: &str) -> Vec<&str> {
    let lines = log.lines().filter(|line| line.contains(" WARN "));
    lines
        .filter(|line| line.contains("--client-ip-source"))
        .collect()
}

#[tokio::test]
async fn a_header_that_cannot_be_read_is_logged_once_a_minute_with_its_count() {
    let log = log_of("x-real-ip", ("x-real-ip", "secret.example")).await;
    let lines = warnings(&log);
    assert_eq!(lines.len(), 1, "{log}");
    for part in ["header=\"x-real-ip\"", "count=1"] {
        assert!(lines[0].contains(part), "{part} {log}");
    }
    assert!(!log.contains("secret.example"), "{log}");
}

#[tokio::test]
async fn a_header_of_a_proxy_that_the_setting_does_not_name_is_logged_once() {
    for (source, header) in [
        ("peer", ("x-forwarded-for", "203.0.113.9")),
        ("peer", ("forwarded", "for=203.0.113.9")),
        ("peer", ("x-real-ip", "203.0.113.9")),
        ("x-real-ip", ("x-forwarded-for", "203.0.113.9")),
    ] {
        let log = log_of(source, header).await;
        let lines = warnings(&log);
        assert_eq!(lines.len(), 1, "{log}");
        let header = format!("header=\"{}\"", header.0);
        let source = format!("source=\"{source}\"");
        for part in [&header, &source] {
            assert!(lines[0].contains(part), "{part} {log}");
        }
        assert!(!log.contains("203.0.113.9"), "{log}");
    }
}
