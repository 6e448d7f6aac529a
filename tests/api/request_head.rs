//! Request heads that are malformed or ambiguous, over raw connections.

use std::net::SocketAddr;

use sessiond_test_support::{EVENT_STREAM, TestServer, connect_and_send, read_head, read_to_end};

/// Sends a request without a body. Returns the response, or only its head if the connection stays
/// open.
async fn send(address: SocketAddr, request_line: &str, headers: &[String]) -> String {
    let head = format!("{request_line}\r\n{}\r\n", headers.concat());
    let mut stream = connect_and_send(address, head.as_bytes()).await;
    let head = read_head(&mut stream).await;
    if head
        .to_ascii_lowercase()
        .contains("\r\nconnection: close\r\n")
    {
        return head + &read_to_end(&mut stream).await;
    }
    head
}

fn lines(headers: &[&str]) -> Vec<String> {
    headers.iter().map(|line| format!("{line}\r\n")).collect()
}

/// The requests of every kind of route and transport, without the Host.
fn requests() -> Vec<(&'static str, Vec<String>)> {
    let event_stream = format!("accept: {EVENT_STREAM}");
    vec![
        ("POST /graphql HTTP/1.1", lines(&["content-length: 0"])),
        ("GET /graphql?query={__typename} HTTP/1.1", lines(&[])),
        (
            "GET /graphql?query={__typename} HTTP/1.1",
            lines(&[&event_stream]),
        ),
        (
            "GET /graphql HTTP/1.1",
            lines(&[
                "connection: upgrade",
                "upgrade: websocket",
                "sec-websocket-version: 13",
                "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
                "sec-websocket-protocol: graphql-transport-ws",
            ]),
        ),
        (
            "OPTIONS /graphql HTTP/1.1",
            lines(&["access-control-request-method: POST"]),
        ),
        ("GET /verify HTTP/1.1", lines(&[])),
        ("GET /healthz HTTP/1.1", lines(&[])),
        ("GET /readyz HTTP/1.1", lines(&[])),
        ("GET /settings.json HTTP/1.1", lines(&[])),
        ("GET /schema.graphql HTTP/1.1", lines(&[])),
        ("GET /nothing HTTP/1.1", lines(&[])),
    ]
}

#[tokio::test]
async fn a_header_that_decides_may_not_be_sent_twice() {
    let server = TestServer::with_service_key().await;
    for (request_line, headers) in requests() {
        let close = if headers.concat().contains("upgrade") {
            ""
        } else {
            "connection: close"
        };
        for (name, one, other) in [
            ("Host", "localhost", "other.example"),
            ("Host", "localhost", "localhost"),
            ("Authorization", "Bearer one", "Bearer other"),
            ("Content-Type", "application/json", "text/plain"),
            ("Origin", "http://localhost", "https://evil.example"),
        ] {
            for (first, second) in [(one, other), (other, one)] {
                let mut headers = headers.clone();
                headers.push(format!("{name}: {first}\r\n{name}: {second}\r\n"));
                if name != "Host" {
                    headers.push("host: localhost\r\n".to_owned());
                }
                if !close.is_empty() {
                    headers.push(format!("{close}\r\n"));
                }
                let response = send(server.address, request_line, &headers).await;
                let context = format!("{request_line} {name}: {response}");
                assert!(response.starts_with("HTTP/1.1 400 "), "{context}");
                let sentence = format!("A request must have only one {name} header.");
                let has_body = !close.is_empty();
                assert_eq!(response.contains(&sentence), has_body, "{context}");
            }
        }
    }
}

#[tokio::test]
async fn a_request_without_a_well_formed_host_is_rejected() {
    for server in [
        TestServer::start().await,
        TestServer::with_service_key().await,
    ] {
        for (request_line, headers) in requests() {
            for host in [
                None,
                Some(""),
                Some("a/b"),
                Some("a b"),
                Some("u@h"),
                Some("h:x"),
            ] {
                let mut headers = headers.clone();
                headers.extend(host.map(|host| format!("host: {host}\r\n")));
                let response = send(server.address, request_line, &headers).await;
                assert!(
                    response.starts_with("HTTP/1.1 400 "),
                    "{request_line} {host:?}: {response}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_request_by_http_1_0_needs_no_host() {
    let server = TestServer::with_service_key().await;
    for (target, status) in [("/healthz", "200"), ("/graphql?query={__typename}", "200")] {
        let response = send(server.address, &format!("GET {target} HTTP/1.0"), &[]).await;
        assert!(
            response.contains(&format!(" {status} ")),
            "{target}: {response}"
        );
    }
}

#[tokio::test]
async fn a_host_in_the_request_target_replaces_the_host_header() {
    let server = TestServer::start().await;
    for (target, host, status) in [
        (
            "http://localhost:3000/graphql?query={__typename}",
            "evil.example",
            200,
        ),
        (
            "http://evil.example/graphql?query={__typename}",
            "localhost:3000",
            403,
        ),
        (
            "http://u@localhost/graphql?query={__typename}",
            "localhost",
            400,
        ),
    ] {
        let headers = lines(&[&format!("host: {host}"), "connection: close"]);
        let response = send(server.address, &format!("GET {target} HTTP/1.1"), &headers).await;
        assert!(
            response.starts_with(&format!("HTTP/1.1 {status} ")),
            "{target}: {response}"
        );
    }
}
