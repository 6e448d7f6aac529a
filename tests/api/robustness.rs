//! Clients that are slow, broken or hostile, over raw TCP connections to a server process.

use std::time::Duration;

use serde_json::{Value, json};
use sessiond_test_support::{
    EVENT_STREAM, MOBILE, ServerProcess, Socket, connect, connect_and_send, read_head, read_to_end,
    within_deadline,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::start_process;

const HANDSHAKE: &str = "GET /graphql HTTP/1.1\r\nhost: localhost\r\n\
     connection: upgrade\r\nupgrade: websocket\r\n\
     sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
     sec-websocket-protocol: graphql-transport-ws\r\n\r\n";

/// Waits until the server accepts another socket.
async fn wait_for_free_socket(server: &ServerProcess) {
    within_deadline(Box::pin(async {
        while Socket::try_connect(server.address).await.is_err() {}
    }))
    .await;
}

#[tokio::test]
async fn an_incomplete_handshake_is_closed_after_the_request_timeout() {
    let server = start_process(&["--request-timeout=1s"]).await;
    for part in ["", "GET", &HANDSHAKE[..HANDSHAKE.len() - 2]] {
        let mut stream = connect_and_send(server.address, part.as_bytes()).await;
        assert_eq!(read_to_end(&mut stream).await, "");
    }
}

/// Sends one byte every 100 ms. Returns the bytes that the server sends before it closes the
/// connection.
pub(crate) async fn trickle(stream: TcpStream, bytes: impl Iterator<Item = u8>) -> String {
    let (mut reader, mut writer) = stream.into_split();
    let trickle = async {
        for byte in bytes {
            if writer.write_all(&[byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        std::future::pending::<()>().await;
    };
    let mut read = Vec::new();
    tokio::select! {
        () = trickle => unreachable!("the writer never ends"),
        _ = within_deadline(reader.read_to_end(&mut read)) => {}
    }
    String::from_utf8(read).unwrap()
}

#[tokio::test]
async fn a_request_that_arrives_one_byte_at_a_time_is_closed_after_the_request_timeout() {
    let server = start_process(&["--request-timeout=1s"]).await;
    let head = "POST /graphql HTTP/1.1\r\nhost: localhost\r\n\
         content-type: application/json\r\ncontent-length: 1000\r\n\r\n";
    let slow_head = connect(server.address).await;
    assert_eq!(trickle(slow_head, head.bytes().cycle()).await, "");
    let slow_body = connect_and_send(server.address, head.as_bytes()).await;
    let response = trickle(slow_body, head.bytes().cycle()).await;
    assert!(
        response.starts_with("HTTP/1.1 408 Request Timeout"),
        "{response}"
    );
}

#[tokio::test]
async fn a_body_that_is_too_long_is_rejected_before_it_is_sent() {
    let server = start_process(&[]).await;
    let head = "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: 9999999\r\nexpect: 100-continue\r\n\r\n";
    let mut stream = connect_and_send(server.address, head.as_bytes()).await;
    let response = read_head(&mut stream).await;
    assert!(response.starts_with("HTTP/1.1 413"), "{response}");
}

#[tokio::test]
async fn a_head_that_is_too_long_is_rejected() {
    let server = start_process(&[]).await;
    let head = format!(
        "GET / HTTP/1.1\r\nhost: localhost\r\nx-long: {}\r\n\r\n",
        "x".repeat(100_000)
    );
    let mut stream = connect(server.address).await;
    // The server may close the connection before it has read everything.
    let _ = stream.write_all(head.as_bytes()).await;
    let response = read_to_end(&mut stream).await;
    assert!(response.starts_with("HTTP/1.1 431"), "{response}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_finishes_the_mutations_of_sockets_and_event_streams() {
    const MUTATIONS: usize = 30;
    let server = start_process(&[]).await;
    let query = "mutation($input: CreateUserInput!) { createUser(input: $input) { token } }";
    let variables = |mobile: &str| {
        let input = json!({ "mobile": mobile, "username": "N", "password": "correct horse" });
        json!({ "input": input })
    };
    let has_token = |message: &Value| message["payload"]["data"]["createUser"]["token"].is_string();

    // The server hashes one password per core at a time, so most of the mutations wait.
    let mut socket = Socket::open(server.address, None).await;
    for n in 0..MUTATIONS {
        let mobile = format!("90123456{:02}", n + 10);
        socket
            .start_with(&n.to_string(), query, variables(&mobile))
            .await;
    }
    let request = server
        .post("/graphql")
        .header("accept", EVENT_STREAM)
        .json(&json!({ "query": query, "variables": variables(MOBILE) }));
    // The response's head shows that the server has started the operation.
    let stream = within_deadline(request.send()).await.unwrap();
    // The pong shows that the server has read all earlier messages of the socket.
    socket.send(json!({ "type": "ping" })).await;
    let mut completed = 0;
    loop {
        let message = socket.receive().await;
        if message["type"] == "pong" {
            break;
        }
        completed += usize::from(has_token(&message));
    }

    server.signal("TERM");

    while completed < MUTATIONS {
        completed += usize::from(has_token(&socket.receive().await));
    }
    let events = within_deadline(stream.text()).await.unwrap();
    assert!(events.contains(r#""token""#), "{events}");
    assert!(events.contains("event: complete"), "{events}");
}

#[tokio::test]
async fn an_incomplete_request_does_not_delay_a_shutdown() {
    let server = start_process(&["--request-timeout=1s", "--shutdown-grace=10min"]).await;
    let _stream = connect_and_send(server.address, b"GET / HT").await;
    // A response on a later connection shows that the server has accepted the first one.
    server.run("{ __typename }", json!({})).await;
    server.signal("TERM");
    assert!(server.exit().await.success());
}

/// A WebSocket frame with a text of fewer than 126 bytes. A client must mask its frames (RFC 6455,
/// section 5.2). This one is masked with zeros.
fn masked_text_frame(text: &str) -> Vec<u8> {
    const FINAL_TEXT: u8 = 0x81;
    const MASKED: u8 = 0x80;
    let length = u8::try_from(text.len()).unwrap();
    assert!(length < 126);
    let head = [FINAL_TEXT, MASKED | length, 0, 0, 0, 0];
    [&head, text.as_bytes()].concat()
}

#[tokio::test]
async fn a_client_that_sends_no_pong_is_disconnected() {
    let server = start_process(&["--keep-alive=1s", "--max-sockets=1"]).await;
    let mut stream = connect_and_send(server.address, HANDSHAKE.as_bytes()).await;
    let response = read_head(&mut stream).await;
    assert!(response.starts_with("HTTP/1.1 101"), "{response}");
    let init = masked_text_frame(r#"{"type":"connection_init"}"#);
    stream.write_all(&init).await.unwrap();

    // From now on the client neither reads nor sends, as if its network were cut.
    wait_for_free_socket(&server).await;

    let received = read_to_end(&mut stream).await;
    assert!(received.contains("connection_ack"), "{received}");
}

/// The deadline of a test is shorter than the init timeout, so the first ping does not wait for it.
#[tokio::test]
async fn the_first_ping_follows_the_init_and_not_the_init_timeout() {
    let server = start_process(&["--keep-alive=1s", "--init-timeout=1h"]).await;
    let mut socket = Socket::open(server.address, None).await;
    socket.wait_for_ping().await;
}

#[tokio::test]
async fn a_client_that_sends_pongs_stays_connected() {
    let server = start_process(&["--keep-alive=1s"]).await;
    let mut socket = Socket::open(server.address, None).await;
    for _ in 0..3 {
        socket.wait_for_ping().await;
    }
    let response = socket.run("{ __typename }", json!({})).await;
    assert_eq!(response.data("/__typename"), "Query");
}
