//! One connection with keep-alive. It reads only as much of HTTP as a response of the measured
//! servers has: a head, and a body with a length or in chunks.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::operations::Expected;

/// The maximum number of headers of a response.
const MAX_HEADERS: usize = 32;

/// The last chunk of a body.
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// A connection to a server.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Opens a connection.
    pub(crate) async fn open(server: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(4096),
        })
    }

    /// Sends a whole request.
    pub(crate) async fn send(&mut self, request: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(request).await?)
    }

    /// Reads a whole response. Its status must be one of success, and its body must be as expected.
    pub(crate) async fn receive(&mut self, expected: Expected) -> Result<()> {
        self.buffer.clear();
        loop {
            let read = self.stream.read_buf(&mut self.buffer).await?;
            ensure!(read > 0, "the server closed the connection");
            if let Some(body) = complete_body(&self.buffer)? {
                if !expected.is_in(body) {
                    bail!(
                        "unexpected response: {}",
                        String::from_utf8_lossy(&self.buffer)
                    );
                }
                return Ok(());
            }
        }
    }
}

/// The body of a response, with the lengths of its chunks, if `buffer` contains all of it.
fn complete_body(buffer: &[u8]) -> Result<Option<&[u8]>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(buffer).context("not a response")? else {
        return Ok(None);
    };
    let status = response.code.unwrap_or_default();
    if !(200..300).contains(&status) {
        bail!("unexpected response: {}", String::from_utf8_lossy(buffer));
    }
    let body = buffer.get(head..).unwrap_or_default();
    let value = |name: &str| {
        response
            .headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value)
    };
    let is_complete = if let Some(length) = value("content-length") {
        let length: usize = std::str::from_utf8(length)?.parse()?;
        body.len() >= length
    } else if value("transfer-encoding").is_some() {
        body.ends_with(LAST_CHUNK)
    } else {
        status == 204
    };
    Ok(is_complete.then_some(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_complete_when_its_last_byte_has_arrived() {
        for response in [
            "HTTP/1.1 204 No Content\r\nx-a: b\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
        ] {
            for length in 0..response.len() {
                let part = &response.as_bytes()[..length];
                assert_eq!(complete_body(part).unwrap(), None, "{length} of {response}");
            }
            assert!(complete_body(response.as_bytes()).unwrap().is_some());
        }
    }

    #[test]
    fn a_refusal_is_an_error() {
        for refusal in [
            "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n",
        ] {
            assert!(complete_body(refusal.as_bytes()).is_err());
        }
    }
}
