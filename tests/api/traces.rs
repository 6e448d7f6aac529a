//! The spans that a collector of OpenTelemetry receives. The collector is a small HTTP server that
//! decodes OTLP.

use std::{fmt::Write, net::SocketAddr};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::any_value::Value,
    trace::v1::{Span, span::SpanKind},
};
use prost::Message;
use serde_json::json;
use sessiond_test_support::{MOBILE, ServerProcess, Socket, within_deadline};
use tokio::{net::TcpListener, sync::mpsc};

use crate::SESSIOND;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

/// A collector. Its URL is the endpoint of a server.
struct Collector {
    url: String,
    exports: mpsc::UnboundedReceiver<Bytes>,
}

impl Collector {
    #[expect(
        clippy::disallowed_methods,
        reason = "a task that a test spawns ends with the test"
    )]
    async fn start() -> Self {
        let (sender, exports) = mpsc::unbounded_channel();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new()
            .route("/v1/traces", post(export))
            .with_state(sender);
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, exports }
    }

    /// Stops the server, which sends its last spans. Returns all exports.
    async fn stop_and_collect(mut self, server: &ServerProcess) -> Vec<Bytes> {
        server.signal("TERM");
        assert!(server.exit().await.success());
        let mut exports = Vec::new();
        while let Ok(export) = self.exports.try_recv() {
            exports.push(export);
        }
        exports
    }
}

async fn export(
    State(exports): State<mpsc::UnboundedSender<Bytes>>,
    headers: HeaderMap,
    body: Bytes,
) {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    exports.send(body).unwrap();
}

fn spans(exports: &[Bytes]) -> Vec<Span> {
    exports
        .iter()
        .map(|export| ExportTraceServiceRequest::decode(export.clone()).unwrap())
        .flat_map(|export| export.resource_spans)
        .flat_map(|resource| resource.scope_spans)
        .flat_map(|scope| scope.spans)
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn attribute(span: &Span, name: &str) -> Option<String> {
    let found = span.attributes.iter().find(|found| found.key == name)?;
    Some(match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        other => panic!("an attribute of another type: {other:?}"),
    })
}

fn find<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    spans
        .iter()
        .find(|span| span.name == name)
        .unwrap_or_else(|| {
            let names: Vec<_> = spans.iter().map(|span| &span.name).collect();
            panic!("no span {name} in {names:?}")
        })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_continues_its_trace_with_spans_for_the_operation_and_the_store() {
    let collector = Collector::start().await;
    let endpoint = format!("--otlp-endpoint={}", collector.url);
    let server = SESSIOND.server().flags(&[&endpoint]).start().await;
    let query =
        "mutation Register($input: CreateUserInput!) { createUser(input: $input) { token } }";
    let input = json!({ "mobile": MOBILE, "username": "telltale", "password": "a secret phrase" });
    let request = server
        .post("/graphql")
        .header("traceparent", format!("00-{TRACE}-{PARENT}-01"))
        .header("x-request-id", "order-1")
        .json(&json!({ "query": query, "variables": { "input": input } }));
    let response = within_deadline(request.send()).await.unwrap();
    let body: serde_json::Value = response.json().await.unwrap();
    let token = body["data"]["createUser"]["token"].as_str().unwrap();
    assert_eq!(server.verify_status(token).await, 200);
    assert_eq!(server.get_status("/healthz").await, 200);
    let mut socket = Socket::open(server.address, None).await;
    socket.run("query Over { __typename }", json!({})).await;

    let exports = collector.stop_and_collect(&server).await;
    let spans = spans(&exports);
    let request = find(&spans, "POST /graphql");
    assert_eq!(hex(&request.trace_id), TRACE);
    assert_eq!(hex(&request.parent_span_id), PARENT);
    assert_eq!(request.kind, SpanKind::Server as i32);
    assert_eq!(
        attribute(request, "http.response.status_code").unwrap(),
        "200"
    );
    assert_eq!(
        attribute(request, "sessiond.request_id").unwrap(),
        "order-1"
    );
    let operation = find(&spans, "mutation Register");
    assert_eq!(operation.parent_span_id, request.span_id);
    assert_eq!(
        attribute(operation, "graphql.operation.type").unwrap(),
        "mutation"
    );
    assert_eq!(
        attribute(operation, "graphql.operation.name").unwrap(),
        "Register"
    );
    let commit = find(&spans, "commit");
    assert_eq!(commit.parent_span_id, operation.span_id);
    assert_eq!(hex(&commit.trace_id), TRACE);
    assert_eq!(attribute(commit, "db.system.name").unwrap(), "sqlite");

    let check = find(&spans, "GET /verify");
    assert_ne!(hex(&check.trace_id), TRACE);
    let read = find(&spans, "session_by_token");
    assert_eq!(read.parent_span_id, check.span_id);
    assert!(spans.iter().all(|span| !span.name.contains("healthz")));
    // An operation on a WebSocket begins a trace of its own.
    let over = find(&spans, "query Over");
    assert!(over.parent_span_id.is_empty());
    let bytes = exports.concat();
    for value in ["telltale", "secret phrase", MOBILE, token] {
        let has = bytes
            .windows(value.len())
            .any(|part| part == value.as_bytes());
        assert!(!has, "a span has {value}");
    }
}

/// Serves a request, and stops a server with the collector at this address. Returns its log.
async fn log_with_collector(address: SocketAddr) -> String {
    let log = tempfile::NamedTempFile::new().unwrap();
    let endpoint = format!("--otlp-endpoint=http://{address}");
    let server = SESSIOND
        .server()
        .flags(&[&endpoint])
        .log_to(log.path())
        .start()
        .await;
    server.create_user(MOBILE).await;
    server.signal("TERM");
    assert!(server.exit().await.success());
    drop(server);
    std::fs::read_to_string(log.path()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_collector_is_away_serves_and_stops_as_usual() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let log = log_with_collector(address).await;
    assert!(log.contains("could not send traces"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_never_responds_does_not_hold_up_the_end_of_a_server_for_long() {
    // It accepts connections, and reads nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let log = log_with_collector(silent.local_addr().unwrap()).await;
    assert!(log.contains("the last spans may not have reached"), "{log}");
    assert!(!log.contains("panicked"), "{log}");
}
