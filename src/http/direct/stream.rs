//! What is sent on a connection, and a connection that is handed to hyper with the bytes that were read
//! before.

use std::{
    io::{self, IoSlice},
    ops::Range,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

use super::super::connection_timer::Arrivals;

/// Writes all bytes, and waits until the socket has them: a TLS stream keeps those that it has no room
/// for.
pub(super) async fn send(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

/// A stream whose first bytes have been read.
pub(in super::super) struct Handed<S> {
    stream: S,
    /// Empty once the first bytes have been read again.
    input: Vec<u8>,
    unread: Range<usize>,
    arrivals: Arrivals,
}

impl<S> Handed<S> {
    pub(super) fn new(stream: S, input: Vec<u8>, unread: Range<usize>) -> Self {
        Self {
            stream,
            input,
            unread,
            arrivals: Arrivals::default(),
        }
    }

    /// Records every read of the stream.
    pub(in super::super) fn arrivals(&self) -> Arrivals {
        self.arrivals.clone()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Handed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.unread.is_empty() {
            ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
            self.arrivals.record();
            return Poll::Ready(Ok(()));
        }
        let this = &mut *self;
        this.arrivals.record();
        let length = this.unread.len().min(buffer.remaining());
        let end = this.unread.start + length;
        buffer.put_slice(&this.input[this.unread.start..end]);
        this.unread.start = end;
        if this.unread.is_empty() {
            this.input = Vec::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Handed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, BufWriter};

    use super::*;

    #[tokio::test]
    async fn bytes_do_not_stay_in_a_buffer_of_the_stream() {
        let (stream, mut peer) = tokio::io::duplex(64);
        let mut buffered = BufWriter::new(stream);
        send(&mut buffered, b"response").await.unwrap();
        let mut received = [0; 8];
        peer.read_exact(&mut received).await.unwrap();
        assert_eq!(&received, b"response");
    }

    #[tokio::test]
    async fn the_first_bytes_are_read_again_before_the_others() {
        let (stream, mut peer) = tokio::io::duplex(64);
        let mut handed = Handed::new(stream, b"xfirst x".to_vec(), 1..7);
        peer.write_all(b"others").await.unwrap();
        drop(peer);
        let mut start = [0; 2];
        handed.read_exact(&mut start).await.unwrap();
        let mut rest = String::new();
        handed.read_to_string(&mut rest).await.unwrap();
        assert_eq!((&start, &*rest), (b"fi", "rst others"));
        assert!(handed.input.is_empty());
    }
}
