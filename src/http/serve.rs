//! Accepts and serves connections until the shutdown. Unlike `axum::serve`, it closes the
//! connection of a peer that does not finish its request or does not read its response.

use std::{net::SocketAddr, num::NonZeroUsize, pin::pin, sync::Arc, time::Instant};

use axum::{Router, body::Body, extract::ConnectInfo, serve::Listener};
use hyper::{Request, body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::{
    AppState,
    connection_limits::{ConnectionLimiter, ConnectionPermit},
    router,
};
use crate::{config::ConnectionLimits, error_chain::ErrorChain, log_limit::LogLimit};

/// The size of the read buffer for a request's head, in bytes. The last read may exceed this size,
/// so heads of up to about 48 KiB are accepted. A longer head gets status 431 (RFC 6585, section
/// 5).
const MAX_HEAD_BUFFER: usize = 32 * 1024;

/// A request extension with the permit of the connection that the request arrived on.
#[derive(Debug, Clone)]
pub(super) struct Connected {
    _permit: Arc<ConnectionPermit>,
}

/// Accepts connections until the shutdown begins. Each connection is a tracked task, and ends after
/// its current request when the shutdown begins.
pub async fn serve(mut listener: TcpListener, state: AppState) {
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
    let (routes, stop) = (router(state), shutdown.token());
    let closed = LogLimit::default();
    while let Some((stream, peer)) = stop
        .run_until_cancelled(Listener::accept(&mut listener))
        .await
    {
        match connections.try_acquire(peer.ip()) {
            Ok(permit) => {
                let connected = Connected {
                    _permit: Arc::new(permit),
                };
                let connection = Connection {
                    stream,
                    peer,
                    connected,
                    routes: routes.clone(),
                    limits,
                    stop: shutdown.token(),
                };
                shutdown.spawn(connection.serve());
            }
            Err(limit) => {
                tracing::debug!(%peer, ?limit, "connection closed because a limit is reached");
                if let Some(count) = closed.record(Instant::now()) {
                    tracing::warn!(?limit, count, "connections beyond a limit are closed");
                }
            }
        }
    }
}

/// An accepted connection of one peer.
struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    connected: Connected,
    routes: Router,
    limits: ConnectionLimits,
    stop: CancellationToken,
}

impl Connection {
    /// Serves the requests of the connection until it ends.
    async fn serve(self) {
        let Self {
            stream,
            peer,
            connected,
            routes,
            limits,
            stop,
        } = self;
        // An alert is one small write. Without this option, it could wait for a full TCP segment.
        let _ = stream.set_nodelay(true);
        let mut stream = TimeoutStream::new(stream);
        // Twice the timeout: a stalled WebSocket uses the first half for its message and the second
        // half for its close frame.
        stream.set_write_timeout(Some(limits.stall_timeout * 2));
        let routes = routes.map_request(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            request.extensions_mut().insert(connected.clone());
            request
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.request_timeout)
            .max_buf_size(MAX_HEAD_BUFFER)
            .serve_connection(
                TokioIo::new(Box::pin(stream)),
                TowerToHyperService::new(routes),
            )
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
}
