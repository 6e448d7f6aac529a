//! Traces for OpenTelemetry: a span for each request, each operation and each call of the store.
//!
//! The tracer is one static value, which is empty without `--otlp-endpoint`. A call then costs one
//! load and one branch. Spans use the API of OpenTelemetry and not those of `tracing`, so that no log
//! field reaches a collector, and so that no filter of log levels turns a span on.
//!
//! A span never has a variable's value, a token, or the text of an operation.

mod exporter;
mod in_span;

use std::{borrow::Cow, sync::OnceLock};

use axum::http::{HeaderMap, Method, StatusCode};
use opentelemetry::{
    Context, KeyValue,
    propagation::TextMapPropagator,
    trace::{SpanKind, Status, TraceContextExt, Tracer, TracerProvider},
};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{SdkTracer, SdkTracerProvider},
};

pub use self::{exporter::TracesError, in_span::InSpan};
use crate::web_client::WebUrl;

/// The tracer of the process. Empty if traces are off.
static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// The maximum length of the name of an operation in a span, in bytes. A client chooses the name.
const MAX_NAME: usize = 128;

/// The name of this library in the traces.
const SCOPE: &str = "sessiond";

/// Sends the spans of the process to a collector until it is dropped or shut down.
#[derive(Debug)]
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Turns traces on. `endpoint` is the base URL of a collector that accepts OTLP over HTTP.
    /// Spans wait in a queue of 2,048 and are sent every 5 s. If the queue is full, further ones are
    /// dropped.
    ///
    /// # Errors
    /// [`TracesError`] if the exporter cannot be created.
    pub fn start(endpoint: &WebUrl) -> Result<Self, TracesError> {
        let exporter = exporter::to(endpoint)?;
        let resource = Resource::builder()
            .with_service_name("sessiond")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource)
            .build();
        // A second node of the same process, as in tests, uses the tracer of the first.
        let _ = TRACER.set(provider.tracer(SCOPE));
        Ok(Self(provider))
    }

    /// Sends the spans that are still in the queue. Blocks the thread until then.
    pub fn finish(self) {
        if let Err(error) = self.0.shutdown() {
            tracing::warn!(%error, "the last spans may not have reached the collector");
        }
    }
}

/// Returns whether traces are on.
#[must_use]
pub fn are_on() -> bool {
    TRACER.get().is_some()
}

/// A span that has begun. `None` if traces are off.
#[derive(Debug)]
pub struct OpenSpan(Option<Context>);

impl OpenSpan {
    /// Runs a future in the span, which ends with it.
    pub fn of<F: Future>(self, future: F) -> InSpan<F> {
        match self.0 {
            Some(context) => InSpan::on(future, context),
            None => InSpan::off(future),
        }
    }
}

/// Starts the span of an HTTP request. It continues the trace of the header `traceparent` (W3C Trace
/// Context). `route` is a constant, and never the path of a client. A request without a route has no
/// span.
#[must_use]
pub fn request_span(method: &Method, route: Option<&'static str>, headers: &HeaderMap) -> OpenSpan {
    let (Some(tracer), Some(route)) = (TRACER.get(), route) else {
        return OpenSpan(None);
    };
    let parent = TraceContextPropagator::new()
        .extract_with_context(&Context::new(), &HeaderExtractor(headers));
    let method = known_method(method);
    let span = tracer
        .span_builder(format!("{method} {route}"))
        .with_kind(SpanKind::Server)
        .with_attributes([
            KeyValue::new("http.request.method", method),
            KeyValue::new("http.route", route),
        ])
        .start_with_context(tracer, &parent);
    OpenSpan(Some(parent.with_span(span)))
}

/// The methods that OpenTelemetry names. A client may send any other.
pub(crate) fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::CONNECT => "CONNECT",
        Method::TRACE => "TRACE",
        _ => "_OTHER",
    }
}

/// Adds the id and the status of the response to the span of the request.
pub fn record_response(id: &dyn std::fmt::Display, status: StatusCode) {
    if !are_on() {
        return;
    }
    let context = Context::current();
    let span = context.span();
    span.set_attribute(KeyValue::new("sessiond.request_id", id.to_string()));
    let code = i64::from(status.as_u16());
    span.set_attribute(KeyValue::new("http.response.status_code", code));
    if status.is_server_error() {
        span.set_status(Status::error(""));
    }
}

/// Starts the span of an operation, with its kind and its name.
#[must_use]
pub fn operation_span<'a>(kind: &'static str, name: impl FnOnce() -> Option<&'a str>) -> OpenSpan {
    let Some(tracer) = TRACER.get() else {
        return OpenSpan(None);
    };
    let mut attributes = vec![KeyValue::new("graphql.operation.type", kind)];
    let mut title = Cow::from(kind);
    if let Some(name) = name() {
        let name = &name[..name.floor_char_boundary(MAX_NAME)];
        title = format!("{kind} {name}").into();
        attributes.push(KeyValue::new("graphql.operation.name", name.to_owned()));
    }
    OpenSpan(Some(child(tracer, title, SpanKind::Internal, attributes)))
}

/// Runs a call of the store in a span. `system` is the name of the database's kind, and `call` that of
/// the method. A call that fails marks its span, without the error, which may quote a record.
///
/// # Errors
/// Those of the call.
pub async fn store_call<T, E>(
    system: &'static str,
    call: &'static str,
    future: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let Some(tracer) = TRACER.get() else {
        return future.await;
    };
    let attributes = vec![
        KeyValue::new("db.system.name", system),
        KeyValue::new("db.operation.name", call),
    ];
    let context = child(tracer, call.into(), SpanKind::Client, attributes);
    let result = InSpan::on(future, context.clone()).await;
    if result.is_err() {
        context.span().set_status(Status::error(""));
    }
    result
}

/// Starts a span inside the present one.
fn child(
    tracer: &SdkTracer,
    name: Cow<'static, str>,
    kind: SpanKind,
    attributes: Vec<KeyValue>,
) -> Context {
    let parent = Context::current();
    let span = tracer
        .span_builder(name)
        .with_kind(kind)
        .with_attributes(attributes)
        .start_with_context(tracer, &parent);
    parent.with_span(span)
}

/// Lets a future that runs in a task of its own stay in the present span.
pub fn in_current_span<F: Future>(future: F) -> InSpan<F> {
    if are_on() {
        InSpan::on(future, Context::current())
    } else {
        InSpan::off(future)
    }
}
