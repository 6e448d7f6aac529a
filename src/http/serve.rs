//! Accepts and serves connections until the shutdown. Unlike `axum::serve`, it closes the
//! connection of a peer that does not finish its request or does not read its response.

use std::{
    convert::Infallible, net::IpAddr, num::NonZeroUsize, pin::pin, sync::Arc, time::Instant,
};

use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    AppState,
    accept::Acceptor,
    body::RequestBody,
    connection_limits::{ConnectionLimiter, ConnectionPermit},
    connection_timer::ConnectionTimer,
    direct,
    handler::RequestHandler,
    http2::Http2,
    lost_peers::{limit_silence, unread_time},
    stall_timeout::StallTimeout,
    tls::{HTTP_2, Tls},
};
use crate::{
    config::ConnectionLimits,
    error_chain::ErrorChain,
    log_limit::LogLimit,
    metrics::{self, InUse},
};

/// The size of the read buffer for a request's head, in bytes. The last read may exceed this size,
/// so heads of up to about 48 KiB are accepted. A longer head gets status 431 (RFC 6585, section
/// 5).
const MAX_HEAD_BUFFER: usize = 32 * 1024;

/// A request extension with the permit of the connection that the request arrived on.
#[derive(Debug, Clone)]
pub(super) struct Connected {
    _open: Arc<(ConnectionPermit, InUse)>,
}

impl Connected {
    pub(super) fn new(permit: ConnectionPermit, counted: InUse) -> Self {
        Self {
            _open: Arc::new((permit, counted)),
        }
    }
}

/// The peer of a connection, as the endpoints see it.
pub(super) struct Peer {
    /// The address of the peer, which may be a proxy.
    pub address: IpAddr,
    pub connected: Connected,
}

/// What the requests of a connection share.
pub(super) struct RequestContext {
    pub handler: Arc<RequestHandler>,
    pub peer: Peer,
}

/// Ends a connection. A token of its own, because each wake-up of a connection takes its token's
/// lock.
pub(super) type Stop = CancellationToken;

/// How the connections of a server are encrypted.
struct Encryption {
    tls: Arc<Tls>,
    http2: Http2,
}

/// Accepts connections until the shutdown begins. Each connection is a tracked task, and ends after
/// its current request when the shutdown begins.
pub async fn serve(listener: TcpListener, state: AppState) {
    let (limits, shutdown) = (state.limits, state.shutdown.clone());
    let max_per_address = if state.client_addresses.are_peers() {
        limits.max_connections_per_address
    } else {
        // All connections come from the proxy.
        NonZeroUsize::MAX
    };
    let connections = Arc::new(ConnectionLimiter::new(
        limits.max_connections,
        max_per_address,
    ));
    let encryption = state.tls.clone().map(|tls| {
        let http2 = Http2 {
            limits,
            requests: Arc::new(ConnectionLimiter::new(
                limits.max_connections,
                max_per_address,
            )),
            shutdown: shutdown.clone(),
        };
        Arc::new(Encryption { tls, http2 })
    });
    let (handler, stop) = (Arc::new(RequestHandler::new(state)), shutdown.token());
    let closed = LogLimit::default();
    let acceptor = Acceptor::new(listener);
    while let Some((stream, peer)) = stop.run_until_cancelled(acceptor.accept()).await {
        match connections.try_acquire(peer.ip()) {
            Ok(permit) => {
                let counted = InUse::of(|metrics| &metrics.connections);
                let connected = Connected::new(permit, counted);
                let address = peer.ip();
                let context = RequestContext {
                    handler: Arc::clone(&handler),
                    peer: Peer { address, connected },
                };
                let connection = Connection {
                    stream,
                    context: Arc::new(context),
                    limits,
                    encryption: encryption.clone(),
                    stop: stop.child_token(),
                };
                shutdown.spawn(connection.serve());
            }
            Err(limit) => {
                metrics::record(|metrics| metrics.connections_rejected.increment(limit.into()));
                tracing::debug!(%peer, limit = limit.as_str(), "connection closed because a limit is reached");
                if let Some(count) = closed.record(Instant::now()) {
                    tracing::warn!(
                        limit = limit.as_str(),
                        count,
                        "connections beyond a limit are closed"
                    );
                }
            }
        }
    }
}

/// An accepted connection of one peer.
struct Connection {
    stream: TcpStream,
    context: Arc<RequestContext>,
    limits: ConnectionLimits,
    /// `None` for plain HTTP.
    encryption: Option<Arc<Encryption>>,
    stop: Stop,
}

impl Connection {
    /// Serves the requests of the connection until it ends.
    async fn serve(self) {
        let Self {
            stream,
            context,
            limits,
            encryption,
            stop,
        } = self;
        // An alert is one small write. Without this option, it could wait for a full TCP segment.
        let _ = stream.set_nodelay(true);
        limit_silence(&stream, &limits);
        // A stalled WebSocket uses the first half for its message and the second half for its close
        // frame.
        let stream = StallTimeout::new(stream, unread_time(&limits));
        match encryption {
            None => serve_http1(stream, context, limits, stop).await,
            // In a box, so that plain connections do not hold the memory for it.
            Some(encryption) => {
                Box::pin(encryption.serve(stream, context, limits, stop)).await;
            }
        }
    }
}

impl Encryption {
    /// Accepts the handshake, and serves the protocol that the client has chosen.
    async fn serve(
        &self,
        stream: StallTimeout,
        context: Arc<RequestContext>,
        limits: ConnectionLimits,
        stop: Stop,
    ) {
        let handshake = timeout(limits.request_timeout, self.tls.acceptor().accept(stream));
        let stream = match stop.run_until_cancelled(handshake).await {
            Some(Ok(Ok(stream))) => stream,
            Some(Ok(Err(error))) => {
                tracing::debug!(%error, "TLS handshake failed");
                return;
            }
            Some(Err(_)) | None => return,
        };
        if stream.get_ref().1.alpn_protocol() == Some(HTTP_2) {
            self.http2.serve(stream, context, stop).await;
        } else {
            serve_http1(stream, context, limits, stop).await;
        }
    }
}

/// Serves the requests of a connection until it ends.
pub(super) async fn serve_http1<S>(
    stream: S,
    context: Arc<RequestContext>,
    limits: ConnectionLimits,
    stop: Stop,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let Some(stream) = direct::serve(stream, &context, &limits, &stop).await else {
        return;
    };
    let service = service_fn(move |request: Request<Incoming>| {
        let context = Arc::clone(&context);
        async move {
            let (head, body) = request.into_parts();
            let body = RequestBody::new(body);
            let response = context.handler.handle(head, body, &context.peer).await;
            Ok::<_, Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(ConnectionTimer::new(
            stream.arrivals(),
            limits.request_timeout,
        ))
        .header_read_timeout(limits.connection_idle_timeout)
        .max_buf_size(MAX_HEAD_BUFFER)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(error = %ErrorChain(&error), "connection ended with an error");
    }
}
