//! Liveness and readiness probes. They respond to every caller, whatever its Host or Origin is,
//! with the status and the version of the server.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{extract::State, http::StatusCode};

use crate::{error_chain::ErrorChain, log_limit::LogLimit, service::Service};

/// The time within which the store must respond to a readiness probe.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// The failed checks. While the store is away, every check fails.
static FAILURES: LogLimit = LogLimit::new();

/// Returns the body of a response: a line with the status, and a line with the version.
macro_rules! body {
    ($status:literal) => {
        concat!($status, "\nsessiond ", env!("CARGO_PKG_VERSION"), "\n")
    };
}

/// The liveness probe. Succeeds if the process responds.
pub(super) async fn healthz() -> &'static str {
    body!("ok")
}

/// The readiness probe. Succeeds if the store responds.
pub(super) async fn readyz(State(service): State<Arc<Service>>) -> (StatusCode, &'static str) {
    match tokio::time::timeout(PING_TIMEOUT, service.ping()).await {
        Ok(Ok(())) => (StatusCode::OK, body!("ok")),
        Ok(Err(error)) => {
            let error = ErrorChain(&error);
            if let Some(count) = FAILURES.record(Instant::now()) {
                tracing::warn!(%error, count, "readiness check failed");
            }
            (
                StatusCode::SERVICE_UNAVAILABLE,
                body!("the store is unavailable"),
            )
        }
        Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            body!("the store did not respond in time"),
        ),
    }
}
