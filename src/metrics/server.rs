//! The listener of the metrics. It serves nothing else.

use std::{collections::VecDeque, convert::Infallible, time::Duration};

use axum::{
    body::Body,
    http::{HeaderValue, Method, Request, Response, StatusCode, header},
    serve::Listener,
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, time::timeout};
use tokio_util::sync::CancellationToken;

use super::METRICS;
use crate::shutdown::Shutdown;

/// The maximum number of connections at the same time. A further one ends the oldest, so that silent
/// connections do not delay a scrape.
const MAX_CONNECTIONS: usize = 8;

/// The time that a connection has for its request and its response.
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(10);

/// The media type of Prometheus' text format.
const TEXT_FORMAT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4");

/// Serves `/metrics` until the shutdown begins. Each connection has one request.
pub async fn serve(mut listener: TcpListener, shutdown: Shutdown) {
    let stop = shutdown.token();
    let mut open: VecDeque<CancellationToken> = VecDeque::with_capacity(MAX_CONNECTIONS);
    while let Some((stream, _)) = stop
        .run_until_cancelled(Listener::accept(&mut listener))
        .await
    {
        open.retain(|connection| !connection.is_cancelled());
        if open.len() == MAX_CONNECTIONS
            && let Some(oldest) = open.pop_front()
        {
            oldest.cancel();
        }
        let end = stop.child_token();
        open.push_back(end.clone());
        shutdown.spawn(async move {
            let _ended = end.clone().drop_guard();
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service_fn(respond));
            // A scrape that fails is repeated by Prometheus.
            let _ = end
                .run_until_cancelled(timeout(SCRAPE_TIMEOUT, connection))
                .await;
        });
    }
}

async fn respond(request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    Ok(match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/metrics") => metrics(),
        (_, "/metrics") => status(StatusCode::METHOD_NOT_ALLOWED),
        _ => status(StatusCode::NOT_FOUND),
    })
}

fn metrics() -> Response<Body> {
    match METRICS.get().map(super::Metrics::encode) {
        Some(Ok(text)) => {
            let mut response = Response::new(Body::from(text));
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, TEXT_FORMAT);
            response
        }
        Some(Err(error)) => {
            tracing::error!(%error, "could not write the metrics");
            status(StatusCode::INTERNAL_SERVER_ERROR)
        }
        None => status(StatusCode::NOT_FOUND),
    }
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
