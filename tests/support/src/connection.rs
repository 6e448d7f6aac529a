//! Raw TCP connections, for requests that no HTTP client sends.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::within_deadline;

/// Opens a TCP connection.
pub async fn connect(address: SocketAddr) -> TcpStream {
    within_deadline(TcpStream::connect(address)).await.unwrap()
}

/// Opens a TCP connection and sends `bytes`.
pub async fn connect_and_send(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = connect(address).await;
    stream.write_all(bytes).await.unwrap();
    stream
}

/// Reads until the server closes or resets the connection.
pub async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    // If the server resets the connection, the bytes before the reset are returned.
    let _ = within_deadline(stream.read_to_end(&mut read)).await;
    String::from_utf8_lossy(&read).into_owned()
}

/// Reads the head of an HTTP response.
pub async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within_deadline(stream.read_u8()).await.unwrap());
    }
    String::from_utf8(head).unwrap()
}
