//! Limits on the connections of a server process.

use std::path::Path;

use serde_json::json;
use sessiond_test_support::{
    ApiClient, MOBILE, ServerBuilder, Socket, connect, connect_and_send, read_to_end,
    within_deadline,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{SESSIOND, start_process};

/// A server under this limit on open files. Idle connections stay open.
fn server_with_open_files(limit: &str) -> ServerBuilder {
    SESSIOND
        .server()
        .limit(limit)
        .flags(&["--request-timeout=10min"])
}

async fn wait_until_healthy(client: &ApiClient) {
    // A connection beyond the limit is closed, so each attempt uses a new one.
    let health = client.url("/healthz");
    within_deadline(async { while reqwest::get(&health).await.is_err() {} }).await;
}

#[tokio::test]
async fn a_low_limit_on_open_files_is_raised() {
    let server = server_with_open_files("-S -n 64").start().await;
    let mut sockets = Vec::new();
    for _ in 0..100 {
        sockets.push(Socket::open(server.address, None).await);
    }
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed_and_a_socket_counts_until_it_ends() {
    for flag in ["--max-connections=2", "--max-connections-per-address=2"] {
        let server = SESSIOND
            .server()
            .flags(&[flag, "--request-timeout=10min"])
            .start()
            .await;
        let socket = Socket::open(server.address, None).await;
        let _idle = connect(server.address).await;
        let mut beyond = connect(server.address).await;
        assert_eq!(read_to_end(&mut beyond).await, "", "{flag}");
        drop(socket);
        wait_until_healthy(&server).await;
    }
}

#[tokio::test]
async fn connections_leave_open_files_for_the_store() {
    let server = server_with_open_files("-n 320").start().await;
    let mut socket = Socket::open(server.address, None).await;
    let mut idle = Vec::new();
    for _ in 0..400 {
        idle.push(connect(server.address).await);
    }
    assert_eq!(read_to_end(idle.last_mut().unwrap()).await, "");

    let query = "mutation($mobile: String!) {
        createUser(input: { mobile: $mobile, username: \"N\" }) { token } }";
    let variables = json!({ "mobile": MOBILE });
    let created = socket.run(query, variables).await;
    assert!(created.data("/createUser/token").is_string());
}

#[tokio::test]
async fn idle_connections_are_closed_and_make_room_for_others() {
    let server = SESSIOND
        .server()
        .flags(&["--max-connections=2", "--request-timeout=1s"])
        .flags(&["--connection-idle-timeout=10min"])
        .start()
        .await;
    let _idle = (connect(server.address).await, connect(server.address).await);
    wait_until_healthy(&server).await;
}

#[tokio::test]
async fn a_connection_is_closed_if_the_next_head_does_not_arrive_completely() {
    // The next head may arrive together with the requests. Then the connection counts as idle.
    let flags = ["--request-timeout=1s", "--connection-idle-timeout=1s"];
    let server = start_process(&flags).await;
    let request = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    for next in ["", "GET /healthz HTTP/1.1\r\nhost: loc"] {
        let mut stream = connect_and_send(server.address, request.repeat(2).as_bytes()).await;
        stream.write_all(next.as_bytes()).await.unwrap();
        let responses = read_to_end(&mut stream).await;
        assert_eq!(responses.matches("HTTP/1.1 200 ").count(), 2, "{responses}");
    }
}

/// Opens two connections and sends a request on each, again until both requests are served.
async fn open_two_served_connections(client: &ApiClient) -> Vec<tokio::net::TcpStream> {
    let request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let mut served = Vec::new();
    within_deadline(Box::pin(async {
        while served.len() < 2 {
            let mut stream = connect_and_send(client.address, request).await;
            let mut status = [0; 12];
            if stream.read_exact(&mut status).await.is_ok() {
                assert_eq!(&status, b"HTTP/1.1 200");
                served.push(stream);
            }
        }
    }))
    .await;
    served
}

#[tokio::test]
async fn some_connections_are_reserved_for_requests_and_a_closed_connection_is_logged() {
    // 256 of the open files are for the store. Of the other 20, 2 are not for sockets, and one of the
    // 18 sockets is reserved for sessions.
    const SOCKETS: usize = 276 - 256 - 2 - 1;
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let server = server_with_open_files("-n 276")
        .flags(&[
            "--max-connections-per-address=100",
            "--max-sockets-per-address=100",
        ])
        .log_to(&log)
        .start()
        .await;
    let mut sockets = Vec::new();
    for _ in 0..SOCKETS {
        sockets.push(Socket::open(server.address, None).await);
    }

    // By a socket, because a request would take a connection.
    let query = "mutation($mobile: String!) {
        createUser(input: { mobile: $mobile, username: \"N\" }) { token } }";
    let created = sockets[0].run(query, json!({ "mobile": MOBILE })).await;
    let token = created.data_str("/createUser/token");

    let mut beyond = Socket::connect(server.address).await;
    beyond.init(json!({})).await;
    assert_eq!(beyond.closed().await.0, 1013);
    drop(beyond);
    let mut session = Socket::open(server.address, Some(&token)).await;
    session
        .start("1", "subscription { sessionAlerts { kind } }")
        .await;
    let _served = open_two_served_connections(&server).await;
    let mut beyond = connect(server.address).await;
    assert_eq!(read_to_end(&mut beyond).await, "");

    drop(server);
    assert_logged(&log, "connections beyond a limit are closed");
}

fn assert_logged(log: &Path, message: &str) {
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains(message), "{log}");
}
