//! HTTP/2, which a client chooses by ALPN. One connection carries many requests, so their number is
//! limited by connection and by address, and a connection ends if nothing happens on it.

mod exchange;

use std::{convert::Infallible, pin::pin, sync::Arc, time::Duration};

use axum::response::{IntoResponse, Response};
use hyper::{Request, body::Incoming, rt::Executor, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::interval,
};

use self::exchange::Exchanges;
use super::{
    body::RequestBody,
    connection_limits::ConnectionLimiter,
    lost_peers::unread_time,
    serve::{RequestContext, Stop},
};
use crate::{config::ConnectionLimits, error_chain::ErrorChain, shutdown::Shutdown};

/// The maximum number of requests at the same time on one connection. A client waits with further
/// ones.
const MAX_STREAMS: u32 = 64;

/// The maximum size of the headers of a request, decompressed, in bytes. A larger head gets status
/// 431.
const MAX_HEADERS: u32 = 16 * 1024;

/// The maximum number of requests that a client has canceled and that the server has not taken yet.
/// Beyond it, the connection ends: a flood of canceled requests costs the server more than the
/// client.
const MAX_PENDING_RESETS: usize = 8;

/// The maximum number of bytes that a client may send without waiting for the server, for one
/// request and for all of them.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 256 * 1024;

/// The maximum number of bytes that a response holds until the client reads them.
const MAX_SEND_BUFFER: usize = 64 * 1024;

/// What the connections of a server share.
pub(super) struct Http2 {
    pub limits: ConnectionLimits,
    /// Counts the requests of all connections.
    pub requests: Arc<ConnectionLimiter>,
    pub shutdown: Shutdown,
}

impl Http2 {
    /// Serves the requests of a connection until it ends.
    pub(super) async fn serve<S>(&self, stream: S, context: Arc<RequestContext>, stop: Stop)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let exchanges = Arc::new(Exchanges::default());
        let service = {
            let (requests, exchanges) = (Arc::clone(&self.requests), Arc::clone(&exchanges));
            service_fn(move |request| {
                respond(
                    request,
                    Arc::clone(&context),
                    Arc::clone(&requests),
                    Arc::clone(&exchanges),
                )
            })
        };
        let mut builder = http2::Builder::new(TrackedExecutor(self.shutdown.clone()));
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(MAX_HEADERS)
            .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(MAX_SEND_BUFFER);
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        let stall = unread_time(&self.limits);
        let mut checks = interval(check_interval(&self.limits));
        let mut is_ending = false;
        loop {
            tokio::select! {
                result = connection.as_mut() => {
                    if let Err(error) = result {
                        let error = ErrorChain(&error);
                        tracing::debug!(%error, "connection ended with an error");
                    }
                    return;
                }
                () = stop.cancelled(), if !is_ending => {
                    is_ending = true;
                    connection.as_mut().graceful_shutdown();
                }
                _ = checks.tick() => {
                    if exchanges.are_stalled(stall) {
                        tracing::debug!("connection closed because a response was not read");
                        return;
                    }
                    if exchanges.are_idle(&self.limits, is_ending) {
                        // The peer has had one more interval to close the connection.
                        if is_ending {
                            return;
                        }
                        is_ending = true;
                        connection.as_mut().graceful_shutdown();
                    }
                }
            }
        }
    }
}

/// How often a connection is checked: often enough for a timeout to be exact to a quarter.
fn check_interval(limits: &ConnectionLimits) -> Duration {
    let idle = limits.request_timeout.min(limits.connection_idle_timeout);
    idle.min(unread_time(limits)) / 4
}

async fn respond(
    request: Request<Incoming>,
    context: Arc<RequestContext>,
    requests: Arc<ConnectionLimiter>,
    exchanges: Arc<Exchanges>,
) -> Result<Response, Infallible> {
    let exchange = exchanges.begin();
    Ok(match requests.try_acquire(context.peer.address) {
        Ok(permit) => {
            let (head, body) = request.into_parts();
            let body = RequestBody::new(body);
            let response = context.handler.handle(head, body, &context.peer).await;
            response.map(|body| exchange.body(body, permit))
        }
        Err(exceeded) => exceeded.into_response(),
    })
}

/// Spawns the tasks of a connection, so that the shutdown waits for them.
#[derive(Clone)]
struct TrackedExecutor(Shutdown);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for TrackedExecutor {
    fn execute(&self, task: F) {
        self.0.spawn(task);
    }
}
