//! For whoever restarts the process, and whoever sends it requests.

use std::{sync::Arc, time::Duration};

use axum::{extract::State, http::StatusCode};

use crate::{error_chain::ErrorChain, service::Service};

/// How long the store may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The process lives.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// The store answers.
pub(super) async fn readyz(State(service): State<Arc<Service>>) -> (StatusCode, &'static str) {
    match tokio::time::timeout(PATIENCE, service.store().ping()).await {
        Ok(Ok(())) => (StatusCode::OK, "ok\n"),
        Ok(Err(error)) => {
            tracing::warn!(error = %ErrorChain(&error), "not ready");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "the store does not answer\n",
            )
        }
        Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the store does not answer in time\n",
        ),
    }
}
