//! The listener of the metrics. It serves nothing else.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{HeaderValue, Method, Request, Response, StatusCode, header},
    serve::Listener,
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, sync::Semaphore, time::timeout};

use super::METRICS;
use crate::shutdown::Shutdown;

/// The maximum number of scrapes at the same time. A further one waits.
const MAX_CONNECTIONS: usize = 8;

/// The time that a connection has for its request and its response.
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(10);

/// The media type of Prometheus' text format.
const TEXT_FORMAT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4");

/// Serves `/metrics` until the shutdown begins. Each connection has one request.
pub async fn serve(mut listener: TcpListener, shutdown: Shutdown) {
    let stop = shutdown.token();
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut accept = async || {
        let slot = Arc::clone(&slots).acquire_owned().await.ok()?;
        Some((Listener::accept(&mut listener).await.0, slot))
    };
    while let Some(Some((stream, slot))) = stop.run_until_cancelled(accept()).await {
        let stop = stop.child_token();
        shutdown.spawn(async move {
            let _slot = slot;
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service_fn(respond));
            // A scrape that fails is repeated by Prometheus.
            let _ = stop
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
