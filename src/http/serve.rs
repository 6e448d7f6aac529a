//! Accepts connections and serves them, until the shutdown. Beyond what `axum::serve` does, a peer that sends half a
//! request, or leaves what it is sent unread, does not keep its connection.

use std::{net::SocketAddr, pin::pin};

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

use crate::{config::Limits, shutdown::Shutdown};

/// How much of a request's head is read before it is found too long, in bytes; with the read that goes past it, about
/// 48 KiB. A longer head is answered 431 (RFC 6585, section 5).
const HEAD: usize = 32 * 1024;

/// Serves `routes` until the shutdown begins. Connections go on as its tasks: each ends after the request that it is
/// on.
pub async fn serve(mut listener: TcpListener, routes: Router, limits: Limits, shutdown: &Shutdown) {
    let stop = shutdown.token();
    while let Some((stream, peer)) = stop.run_until_cancelled(Listener::accept(&mut listener)).await {
        shutdown.spawn(converse(stream, peer, routes.clone(), limits, shutdown.token()));
    }
}

async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
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
        request
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.request_timeout)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(Box::pin(stream)), TowerToHyperService::new(routes))
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
        tracing::debug!(error = &error as &dyn std::error::Error, "a connection ended early");
    }
}
