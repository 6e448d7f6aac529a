//! How long a connection stays open without a request, over raw TCP connections to a server process.

use sessiond_test_support::{connect, read_head, read_to_end, within_deadline};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{robustness::trickle, start_process};

/// The server serves the first one itself. With each of the others, the connection goes to hyper.
const REQUESTS: [&str; 3] = [
    "GET /verify HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
     transfer-encoding: chunked\r\n\r\n18\r\n{\"query\":\"{__typename}\"}\r\n0\r\n\r\n",
];

/// Sends a request, or the rest of one, and reads its response.
async fn exchange(stream: &mut TcpStream, request: &str) {
    within_deadline(stream.write_all(request.as_bytes()))
        .await
        .unwrap();
    let head = read_head(stream).await;
    assert!(head.starts_with("HTTP/1.1 "), "{head}");
    let mut lines = head.lines();
    let length = lines.find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.unwrap().parse().unwrap()];
    within_deadline(stream.read_exact(&mut body)).await.unwrap();
}

#[tokio::test]
async fn a_connection_with_a_response_waits_longer_for_a_request_than_a_new_one() {
    let server = start_process(&["--request-timeout=1s"]).await;
    for request in REQUESTS {
        let mut used = connect(server.address).await;
        exchange(&mut used, request).await;
        let mut new = connect(server.address).await;
        assert_eq!(read_to_end(&mut new).await, "");
        // This connection has waited for longer than the one that has just ended.
        exchange(&mut used, request).await;
    }
}

#[tokio::test]
async fn a_connection_is_closed_after_the_idle_timeout_although_a_request_may_take_longer() {
    let flags = ["--connection-idle-timeout=1s", "--request-timeout=10min"];
    let server = start_process(&flags).await;
    for request in REQUESTS {
        let mut new = connect(server.address).await;
        let mut slow = connect(server.address).await;
        exchange(&mut slow, request).await;
        let (first, rest) = request.split_at(10);
        slow.write_all(first.as_bytes()).await.unwrap();

        let mut idle = connect(server.address).await;
        exchange(&mut idle, request).await;
        assert_eq!(read_to_end(&mut idle).await, "");

        exchange(&mut slow, rest).await;
        exchange(&mut new, request).await;
    }
}

#[tokio::test]
async fn a_later_head_must_arrive_within_the_request_timeout_of_its_first_byte() {
    let flags = ["--request-timeout=1s", "--connection-idle-timeout=10min"];
    let server = start_process(&flags).await;
    let next = REQUESTS[1];
    for request in REQUESTS {
        let mut stream = connect(server.address).await;
        exchange(&mut stream, request).await;
        assert_eq!(trickle(stream, next.bytes()).await, "", "{request}");

        let mut stream = connect(server.address).await;
        exchange(&mut stream, request).await;
        stream.write_all(&next.as_bytes()[..10]).await.unwrap();
        assert_eq!(read_to_end(&mut stream).await, "", "{request}");
    }
}

#[tokio::test]
async fn idle_connections_do_not_delay_a_shutdown() {
    let flags = [
        "--connection-idle-timeout=10min",
        "--request-timeout=10min",
        "--shutdown-grace=10min",
    ];
    let server = start_process(&flags).await;
    let mut connections = vec![connect(server.address).await];
    for request in REQUESTS {
        let mut idle = connect(server.address).await;
        exchange(&mut idle, request).await;
        connections.push(idle);
    }
    server.signal("TERM");
    for mut idle in connections {
        assert_eq!(read_to_end(&mut idle).await, "");
    }
    assert!(server.exit().await.success());
}
