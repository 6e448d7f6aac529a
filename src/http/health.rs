//! Liveness and readiness probes.

use std::{sync::Arc, time::Duration};

use axum::{extract::State, http::StatusCode};

use crate::{error_chain::ErrorChain, service::Service};

/// The time within which the store must respond to a readiness probe.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// The liveness probe. Succeeds if the process responds.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// The readiness probe. Succeeds if the store responds.
pub(super) async fn readyz(State(service): State<Arc<Service>>) -> (StatusCode, &'static str) {
    match tokio::time::timeout(PING_TIMEOUT, service.ping()).await {
        Ok(Ok(())) => (StatusCode::OK, "ok\n"),
        Ok(Err(error)) => {
            tracing::warn!(error = %ErrorChain(&error), "readiness check failed");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "the store is unavailable\n",
            )
        }
        Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the store did not respond in time\n",
        ),
    }
}
