//! The exporter: OTLP with protobuf over HTTP, through the client of this crate.

use std::time::Instant;

use async_trait::async_trait;
use axum::body::{Body, Bytes};
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{
    ExporterBuildError, Protocol, SpanExporter, WithExportConfig, WithHttpConfig,
};
use thiserror::Error;
use tokio::runtime::Builder;

use crate::{
    log_limit::LogLimit,
    web_client::{self, WebUrl},
};

/// The path of the traces at a collector.
const PATH: &str = "/v1/traces";

/// The reason why traces cannot be sent.
#[derive(Debug, Error)]
#[error("cannot send traces: {0}")]
pub struct TracesError(#[from] ExporterBuildError);

/// Creates the exporter to a collector. `endpoint` is its base URL, or that of its traces.
pub(super) fn to(endpoint: &WebUrl) -> Result<SpanExporter, TracesError> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Client)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(traces_url(endpoint))
        .build()?;
    Ok(exporter)
}

fn traces_url(endpoint: &WebUrl) -> String {
    let url = endpoint.to_string();
    let url = url.trim_end_matches('/');
    if url.ends_with(PATH) {
        url.to_owned()
    } else {
        format!("{url}{PATH}")
    }
}

/// Sends the requests of the exporter, which calls it in a thread of its own.
#[derive(Debug)]
struct Client;

/// The last failures. While the collector is away, every batch fails.
static FAILURES: LogLimit = LogLimit::new();

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        // The thread of the exporter belongs to no runtime, so it may wait here. That of the server
        // may end before the collector has responded.
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let result = runtime.block_on(web_client::send(request.map(Body::from)));
        runtime.shutdown_background();
        let problem = match &result {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(format!("the collector responds with {}", response.status())),
            Err(error) => Some(error.to_string()),
        };
        if let Some(error) = problem
            && let Some(count) = FAILURES.record(Instant::now())
        {
            tracing::warn!(
                error,
                count,
                "could not send traces; the spans of the batch are lost"
            );
        }
        Ok(result?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_is_the_base_url_or_that_of_the_traces() {
        for (endpoint, url) in [
            ("http://localhost:4318", "http://localhost:4318/v1/traces"),
            ("http://localhost:4318/", "http://localhost:4318/v1/traces"),
            ("https://a.example/otlp", "https://a.example/otlp/v1/traces"),
            (
                "http://localhost:4318/v1/traces",
                "http://localhost:4318/v1/traces",
            ),
        ] {
            assert_eq!(traces_url(&endpoint.parse().unwrap()), url);
        }
    }
}
