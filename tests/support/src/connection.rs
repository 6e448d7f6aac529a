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

/// Lets a client vanish: from now on, its kernel drops whatever the server sends, and acknowledges
/// nothing, as if the network were cut. Call this once the client has sent everything.
#[cfg(target_os = "linux")]
pub fn vanish(stream: &TcpStream) {
    /// `BPF_RET | BPF_K` (bpf(4)): keep that many bytes of a packet.
    const RETURN: u16 = 0x06;
    let drop_all = [socket2::SockFilter::new(RETURN, 0, 0, 0)];
    socket2::SockRef::from(stream)
        .attach_filter(&drop_all)
        .unwrap();
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
