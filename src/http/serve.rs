//! Accepts connections and serves them, until the shutdown. Beyond what `axum::serve` does, a peer that sends half a
//! request, or leaves what it is sent unread, does not keep its connection.

use std::{net::SocketAddr, num::NonZeroUsize, pin::pin, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo, serve::Listener};
use axum_client_ip::ClientIpSource;
use hyper::{Request, body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::Instant,
};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::{
    AppState,
    connection_limits::{ConnectionLimiter, Place},
    router,
};
use crate::{config::Limits, error_chain::ErrorChain};

/// How much of a request's head is read before it is found too long, in bytes; with the read that goes past it, about
/// 48 KiB. A longer head is answered 431 (RFC 6585, section 5).
const HEAD: usize = 32 * 1024;

/// How often an operator is told that connections are closed, whoever keeps coming.
const TELL_EVERY: Duration = Duration::from_mins(1);

/// The place of the connection that a request came on.
#[derive(Debug, Clone)]
pub(super) struct Connected {
    _place: Arc<Place>,
}

/// Serves until the shutdown begins. Connections go on as its tasks: each ends after the request that it is on.
pub async fn serve(mut listener: TcpListener, parts: AppState) {
    let (limits, shutdown) = (parts.limits, parts.shutdown.clone());
    let per_address = match parts.client_ip_source {
        ClientIpSource::ConnectInfo => limits.max_connections_per_address,
        // All of them are a proxy's.
        _ => NonZeroUsize::MAX,
    };
    let connections = Arc::new(ConnectionLimiter::new(limits.max_connections, per_address));
    let (routes, stop) = (router(parts), shutdown.token());
    let mut told = None;
    while let Some((stream, peer)) = stop
        .run_until_cancelled(Listener::accept(&mut listener))
        .await
    {
        match connections.take(peer.ip().to_canonical()) {
            Ok(place) => {
                let connected = Connected {
                    _place: Arc::new(place),
                };
                shutdown.spawn(serve_connection(
                    stream,
                    peer,
                    connected,
                    routes.clone(),
                    limits,
                    shutdown.token(),
                ));
            }
            Err(full) => {
                tracing::debug!(%peer, ?full, "a connection was closed");
                if told.is_none_or(|told: Instant| told.elapsed() >= TELL_EVERY) {
                    told = Some(Instant::now());
                    tracing::warn!(of = ?full, "connections beyond a limit are closed");
                }
            }
        }
    }
}

async fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    connected: Connected,
    routes: Router,
    limits: Limits,
    stop: CancellationToken,
) {
    // An alert is one small write: it is not to wait for a full segment.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    // Twice, so that a WebSocket, which has the first for the message that stalled, has the second for its close frame.
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
        .max_buf_size(HEAD)
        .serve_connection(
            TokioIo::new(Box::pin(stream)),
            TowerToHyperService::new(routes),
        )
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error = %ErrorChain(&error), "a connection ended early");
    }
}
