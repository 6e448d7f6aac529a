use std::net::SocketAddr;

use tempfile::TempDir;
use tokio::{io::AsyncReadExt, net::TcpStream};

use super::{Node, soon};

/// A node with these flags, on a file of its own.
pub fn node(flags: &[&str]) -> (Node, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Node::with(&folder.path().join("test.db"), flags), folder)
}

pub async fn connect(address: SocketAddr) -> TcpStream {
    soon(TcpStream::connect(address)).await.unwrap()
}

/// All that the server says until it ends the connection.
pub async fn rest(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    // A reset ends it as well.
    let _ = soon(stream.read_to_end(&mut read)).await;
    String::from_utf8_lossy(&read).into_owned()
}
