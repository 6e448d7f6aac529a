//! Requests whose body the server does not read, and connections that end with a response.

use serde_json::json;
use sessiond_test_support::{
    MOBILE, TestServer, connect, connect_and_send, read_head, read_to_end, within_deadline,
};
use tokio::io::AsyncWriteExt;

use crate::start_process;

#[tokio::test]
async fn a_check_does_not_wait_for_the_body_and_closes_the_connection() {
    let server = TestServer::start().await;
    let user = server.create_user(MOBILE).await;
    for (framing, token, status) in [
        ("content-length: 100000000", &*user.token, 200),
        ("content-length: 1", &user.token, 200),
        ("transfer-encoding: chunked", &user.token, 200),
        (
            "content-length: 100000000\r\nexpect: 100-continue",
            &user.token,
            200,
        ),
        ("content-length: 100000000", "sd1_x", 401),
    ] {
        let request = format!(
            "POST /verify HTTP/1.1\r\nhost: localhost\r\n{framing}\r\n\
             authorization: Bearer {token}\r\n\r\n"
        );
        let mut stream = connect_and_send(server.address, request.as_bytes()).await;
        let head = read_head(&mut stream).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        assert!(head.contains("connection: close\r\n"), "{head}");
    }
}

#[tokio::test]
async fn a_client_that_sends_a_large_body_first_receives_the_response() {
    const SIZE: usize = 20_000_000;
    let server = TestServer::start().await;
    let user = server.create_user(MOBILE).await;
    for (path, status) in [("/verify", 200), ("/graphql", 415), ("/nothing", 404)] {
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {SIZE}\r\n\
             authorization: Bearer {}\r\n\r\n",
            user.token
        );
        let mut stream = connect_and_send(server.address, request.as_bytes()).await;
        within_deadline(stream.write_all(&vec![b'x'; SIZE]))
            .await
            .unwrap();
        let response = read_to_end(&mut stream).await;
        assert!(
            response.starts_with(&format!("HTTP/1.1 {status} ")),
            "{response}"
        );
        assert!(response.contains("connection: close\r\n"), "{response}");
    }
}

#[tokio::test]
async fn a_connection_is_kept_open_after_a_check_without_a_body() {
    let server = TestServer::start().await;
    let user = server.create_user(MOBILE).await;
    let check = |method: &str, token: &str| {
        format!(
            "{method} /verify HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\
             authorization: Bearer {token}\r\n\r\n"
        )
    };
    let mut stream = connect(server.address).await;
    for (method, token, status) in [
        ("POST", &*user.token, 200),
        ("HEAD", "sd1_x", 401),
        ("OPTIONS", &user.token, 200),
    ] {
        let request = check(method, token);
        stream.write_all(request.as_bytes()).await.unwrap();
        let head = read_head(&mut stream).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        assert!(!head.contains("connection:"), "{head}");
    }
}

#[tokio::test]
async fn the_discarded_body_does_not_delay_a_shutdown() {
    let server = start_process(&["--request-timeout=10min", "--shutdown-grace=10min"]).await;
    let request = b"POST /verify HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n";
    let mut stream = connect_and_send(server.address, request).await;
    let head = read_head(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 401 "), "{head}");
    server.signal("TERM");
    assert!(server.exit().await.success());
    assert_eq!(read_to_end(&mut stream).await, "");
}

#[tokio::test]
async fn the_last_response_before_a_shutdown_closes_the_connection() {
    let server = start_process(&[]).await;
    let body = json!({ "query": "{ __typename }" }).to_string();
    let request = format!(
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nexpect: 100-continue\r\n\r\n",
        body.len()
    );
    let mut stream = connect_and_send(server.address, request.as_bytes()).await;
    // The server has begun to process the request.
    let head = read_head(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 100 "), "{head}");
    server.signal("TERM");
    // New connections are refused when the shutdown has begun.
    within_deadline(async { while server.get("/healthz").send().await.is_ok() {} }).await;
    stream.write_all(body.as_bytes()).await.unwrap();
    let response = read_to_end(&mut stream).await;
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    assert!(response.contains("connection: close\r\n"), "{response}");
    assert!(server.exit().await.success());
}

#[tokio::test]
async fn a_response_to_a_malformed_request_closes_the_connection() {
    let server = TestServer::start().await;
    for malformed in [
        "GET / HTTP/1.1\r\nhost localhost\r\n\r\n",
        "POST /verify HTTP/1.1\r\nhost: localhost\r\ncontent-length: x\r\n\r\n",
    ] {
        let mut stream = connect_and_send(server.address, malformed.as_bytes()).await;
        let response = read_to_end(&mut stream).await;
        assert!(response.starts_with("HTTP/1.1 400 "), "{response}");
        assert!(response.contains("connection: close\r\n"), "{response}");
    }
}
