//! How many connections a node holds, and what becomes of those that come past it.

use std::{fs::File, io::Write, path::Path};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Node, Socket, connect, limited, node, rest, soon};

/// The binary, under a limit on open files. What idles stays.
fn with_open_files(limit: &str, folder: &Path, log: impl Write + Send + 'static) -> Node {
    let mut shell = limited(limit, &["--listen=127.0.0.1:0", "--request-timeout=10min"]);
    Node::spawn(&folder.join("test.db"), &mut shell, log)
}

#[tokio::test]
async fn a_low_limit_on_open_files_is_raised() {
    let folder = tempfile::tempdir().unwrap();
    let node = with_open_files("-S -n 64", folder.path(), std::io::sink());
    let mut sockets = Vec::new();
    for _ in 0..100 {
        sockets.push(Socket::open(node.address, None).await);
    }
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed_and_a_socket_is_one_until_it_ends() {
    for flag in ["--max-connections=2", "--max-connections-per-address=2"] {
        let (node, _folder) = node(&[flag, "--request-timeout=10min"]);
        let socket = Socket::open(node.address, None).await;
        let _idle = connect(node.address).await;
        assert_eq!(rest(&mut connect(node.address).await).await, "", "{flag}");
        drop(socket);
        let health = format!("http://{}/healthz", node.address);
        soon(async { while reqwest::get(&health).await.is_err() {} }).await;
    }
}

#[tokio::test]
async fn connections_leave_the_store_its_open_files() {
    let folder = tempfile::tempdir().unwrap();
    let node = with_open_files("-n 320", folder.path(), std::io::sink());
    let mut socket = Socket::open(node.address, None).await;
    let mut idle = Vec::new();
    for _ in 0..400 {
        idle.push(connect(node.address).await);
    }
    assert_eq!(rest(idle.last_mut().unwrap()).await, "");
    socket
        .operate(
            "1",
            "mutation { createUser(input: { mobile: \"9012345678\", username: \"N\" }) { token } }",
        )
        .await;
    assert!(socket.receive().await["payload"]["data"]["createUser"]["token"].is_string());
}

#[tokio::test]
async fn idle_connections_give_their_places_back() {
    let (node, _folder) = node(&["--max-connections=2", "--request-timeout=1s"]);
    let _idle = (connect(node.address).await, connect(node.address).await);
    let health = format!("http://{}/healthz", node.address);
    soon(async { while reqwest::get(&health).await.is_err() {} }).await;
}

#[tokio::test]
async fn sockets_leave_connections_to_requests_and_an_operator_is_told_of_what_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    // 256 of them are the store's, and 2 of the other 20 are not for sockets.
    let node = with_open_files("-n 276", folder.path(), File::create(&path).unwrap());
    let mut sockets = Vec::new();
    for _ in 0..18 {
        sockets.push(Socket::open(node.address, None).await);
    }
    assert_eq!(Socket::refused(node.address).await, 503);
    // Until the refused ones have given their connections back.
    let mut answered = Vec::new();
    let request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    soon(Box::pin(async {
        while answered.len() < 2 {
            let (mut stream, mut begun) = (connect(node.address).await, [0; 12]);
            let sent = stream.write_all(request).await;
            if sent.is_ok() && stream.read_exact(&mut begun).await.is_ok() {
                assert_eq!(&begun, b"HTTP/1.1 200");
                answered.push(stream);
            }
        }
    }))
    .await;
    assert_eq!(rest(&mut connect(node.address).await).await, "");
    drop(node);
    let log = std::fs::read_to_string(path).unwrap();
    assert!(
        log.contains("connections beyond a limit are closed"),
        "{log}"
    );
}
