//! Serves the requests of back ends and gateways without hyper ([decision
//! 58](../../../docs/decisions/0058-whole-requests-without-hyper.md)).
//!
//! A gateway sends `/verify` before each request to an application, and a back end sends queries, both
//! on connections that carry nothing else. Each connection therefore begins here. A request that has
//! arrived as a whole is read with the parser that hyper uses, is handled by the same
//! [`RequestHandler`](super::handler::RequestHandler), and its response is written at once. The first
//! request that is anything else goes to hyper, together with everything that follows on the
//! connection. The connection never comes back, so no byte is read in two ways.

mod request;
mod response;
mod stream;

use std::{
    future::poll_fn,
    io,
    mem::{self, MaybeUninit},
    ops::Range,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use axum::http::{HeaderMap, request::Parts};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    time::Instant,
};

pub(super) use self::stream::Handed;
use self::{
    request::{MAX_HEADERS, WholeRequest},
    response::Output,
};
use super::{
    body::RequestBody,
    connection_timer::MovableSleep,
    handler,
    serve::{RequestContext, Stop},
};
use crate::config::ConnectionLimits;

/// The size of the buffer for requests, in bytes. A longer request goes to hyper.
const BUFFER_SIZE: usize = 4096;

/// A connection on which every request has arrived as a whole.
struct Connection<'a, S> {
    stream: S,
    context: &'a RequestContext,
    stop: &'a Stop,
    input: Vec<u8>,
    /// The part of `input` that was read from the stream and is not handled.
    unhandled: Range<usize>,
    output: Output,
    /// The headers of the last response, whose memory the next request uses.
    spare: HeaderMap,
    timer: MovableSleep,
}

/// What a connection needs next.
enum Next {
    Read,
    Hyper,
    End,
}

/// What the unhandled bytes begin with.
#[expect(
    clippy::large_enum_variant,
    reason = "it is taken apart at once, and a box would cost each request an allocation"
)]
enum Step {
    /// A check whose response is written.
    Answered,
    Request(Parts, RequestBody),
    /// Anything else.
    Other,
}

/// Serves the requests at the start of a connection that have arrived as a whole. The first must
/// arrive within `limits.request_timeout`, and each later one within `limits.connection_idle_timeout`
/// of the response before. Returns the stream if something else follows, and `None` if the connection
/// has ended.
pub(super) async fn serve<S>(
    stream: S,
    context: &RequestContext,
    limits: &ConnectionLimits,
    stop: &Stop,
) -> Option<Handed<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut connection = Connection {
        stream,
        context,
        stop,
        input: vec![0; BUFFER_SIZE],
        unhandled: 0..0,
        output: Output::default(),
        spare: HeaderMap::new(),
        timer: MovableSleep::default(),
    };
    let mut stopped = pin!(stop.cancelled());
    let mut timeout = limits.request_timeout;
    // A client whose requests always wait in the stream must not delay the shutdown.
    while !stop.is_cancelled() && connection.read(timeout, stopped.as_mut()).await {
        let next = connection.handle_all(limits.max_body.get()).await;
        match next {
            Ok(Next::Read) => timeout = limits.connection_idle_timeout,
            Ok(Next::Hyper) => return Some(connection.into_handed()),
            Ok(Next::End) | Err(_) => break,
        }
    }
    // The peer may have gone.
    let _ = connection.stream.shutdown().await;
    None
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<'_, S> {
    /// Waits for bytes. Returns false if the connection ends, or if none arrive in time.
    async fn read(
        &mut self,
        timeout: Duration,
        mut stopped: Pin<&mut impl Future<Output = ()>>,
    ) -> bool {
        let deadline = Instant::now() + timeout;
        poll_fn(|context| {
            if let Poll::Ready(is_open) = self.poll_input(context) {
                return Poll::Ready(is_open);
            }
            if stopped.as_mut().poll(context).is_ready() {
                return Poll::Ready(false);
            }
            self.timer.poll_until(deadline, context).map(|()| false)
        })
        .await
    }

    /// Reads into the rest of the buffer, which must have room. Returns false if the peer has closed
    /// the connection.
    fn poll_input(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        let mut buffer = ReadBuf::new(&mut self.input[self.unhandled.end..]);
        Pin::new(&mut self.stream)
            .poll_read(context, &mut buffer)
            .map(|read| {
                let length = buffer.filled().len();
                self.unhandled.end += length;
                read.is_ok() && length > 0
            })
    }

    /// Handles the requests that have arrived, and writes their responses.
    async fn handle_all(&mut self, max_body: usize) -> io::Result<Next> {
        let mut next = Next::Read;
        while !self.unhandled.is_empty() {
            match self.step(max_body) {
                Step::Answered => {}
                Step::Request(head, body) => {
                    self.write().await?;
                    if !self.handle(head, body).await? {
                        next = Next::End;
                        break;
                    }
                }
                Step::Other => {
                    next = Next::Hyper;
                    break;
                }
            }
        }
        if self.unhandled.is_empty() {
            self.unhandled = 0..0;
        }
        self.write().await?;
        Ok(next)
    }

    /// Takes one request from the buffer, and answers it if it is a check of a session that is known
    /// to be valid.
    fn step(&mut self, max_body: usize) -> Step {
        let mut slots = [const { MaybeUninit::uninit() }; MAX_HEADERS];
        let input = &self.input[self.unhandled.clone()];
        let Some(request) = WholeRequest::parse(input, max_body, &mut slots) else {
            return Step::Other;
        };
        let handler = &self.context.handler;
        let length = request.length();
        // Only the handler writes log lines, spans, and the end of a connection.
        if !handler::observes_requests()
            && !self.stop.is_cancelled()
            && let Some(token) = request.token_to_check(handler.cookie())
            && self.output.add_known(handler.service(), token)
        {
            self.unhandled.start += length;
            return Step::Answered;
        }
        let Some((head, body)) = request.to_parts(input, mem::take(&mut self.spare)) else {
            return Step::Other;
        };
        self.unhandled.start += length;
        Step::Request(head, RequestBody::whole(body))
    }

    /// Handles one request. Returns false if the connection ends. If the peer closes it, the request
    /// is canceled, as hyper does.
    async fn handle(&mut self, head: Parts, body: RequestBody) -> io::Result<bool> {
        self.input.copy_within(self.unhandled.clone(), 0);
        self.unhandled = 0..self.unhandled.len();
        let context = self.context;
        let mut handling = pin!(context.handler.handle(head, body, &context.peer));
        let response = poll_fn(|context| {
            if let Poll::Ready(response) = handling.as_mut().poll(context) {
                return Poll::Ready(Some(response));
            }
            // The end is not looked for while requests wait, which it may follow.
            while self.unhandled.is_empty() {
                match self.poll_input(context) {
                    Poll::Ready(true) => {}
                    Poll::Ready(false) => return Poll::Ready(None),
                    Poll::Pending => break,
                }
            }
            Poll::Pending
        });
        let Some(response) = response.await else {
            return Ok(false);
        };
        let is_last = self.stop.is_cancelled();
        let now = context.handler.service().now();
        self.spare = self.output.add(response, now, is_last).await?;
        Ok(!is_last)
    }

    async fn write(&mut self) -> io::Result<()> {
        let output = self.output.as_bytes();
        if !output.is_empty() {
            stream::send(&mut self.stream, output).await?;
            self.output.clear();
        }
        Ok(())
    }

    fn into_handed(self) -> Handed<S> {
        Handed::new(self.stream, self.input, self.unhandled)
    }
}
