//! The bodies of requests, however they arrive.

use serde_json::json;
use sessiond_test_support::{TestServer, connect, connect_and_send, read_head, within_deadline};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const RESPONSE: &str = r#"{"data":{"__typename":"Query"}}"#;

fn head(framing: &str) -> String {
    format!(
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         {framing}\r\n\r\n"
    )
}

async fn read_response(stream: &mut TcpStream) -> (String, String) {
    let head = read_head(stream).await;
    let mut body = vec![0; RESPONSE.len()];
    within_deadline(stream.read_exact(&mut body)).await.unwrap();
    (head, String::from_utf8(body).unwrap())
}

#[tokio::test]
async fn a_body_may_arrive_in_parts_and_the_connection_stays_open() {
    let server = TestServer::start().await;
    let body = json!({ "query": "{ __typename }" }).to_string();
    let (start, end) = body.split_at(7);
    let length = format!("content-length: {}", body.len());
    let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
    let mut stream = connect(server.address).await;
    for (framing, parts) in [
        (&*length, [start.to_owned(), end.to_owned()]),
        (
            "transfer-encoding: chunked",
            [chunk(start), chunk(end) + "0\r\n\r\n"],
        ),
        (
            "transfer-encoding: chunked",
            [chunk(start), chunk(end) + "0\r\nx-trailer: 1\r\n\r\n"],
        ),
    ] {
        let head = head(&format!("{framing}\r\nexpect: 100-continue"));
        stream.write_all(head.as_bytes()).await.unwrap();
        let head = read_head(&mut stream).await;
        assert!(head.starts_with("HTTP/1.1 100 "), "{head}");
        for part in parts {
            stream.write_all(part.as_bytes()).await.unwrap();
        }
        let (head, body) = read_response(&mut stream).await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{framing} {head}");
        assert!(!head.contains("connection:"), "{framing} {head}");
        assert_eq!(body, RESPONSE, "{framing}");
    }
}

#[tokio::test]
async fn a_body_in_chunks_is_rejected_when_it_exceeds_the_limit() {
    let server = TestServer::with_flags(&["--max-body=1024"]).await;
    let chunk = format!("200\r\n{}\r\n", " ".repeat(512));
    let request = head("transfer-encoding: chunked") + &chunk + &chunk + "1\r\n \r\n";
    let mut stream = connect_and_send(server.address, request.as_bytes()).await;
    let head = read_head(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 413 "), "{head}");
    assert!(head.contains("connection: close\r\n"), "{head}");
}
