//! The handler of every request: checks the head, calls the endpoint, and completes the response.
//!
//! The endpoints of the API and of gateways are called directly, and the steps that they share are
//! functions. With layers and routes of axum, each request would cost several allocations and moves
//! of the whole request, which is more than a check of a token needs otherwise.

use std::time::Instant;

use axum::{
    Router,
    body::{Body, HttpBody},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header, request::Parts},
    response::{IntoResponse, Response},
};
use hyper::{Request, body::Incoming};
use tower::ServiceExt;
use tracing::Instrument;

use super::{
    AppState,
    body::RequestBody,
    cross_origin::CrossOriginPolicy,
    graphql, request_head,
    response::HttpError,
    router,
    serve::Peer,
    unread_body::{self, DiscardPolicy},
    verify,
};

/// The headers of each response that does not set them itself.
const DEFAULT_HEADERS: [(HeaderName, HeaderValue); 3] = [
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// Responds to the requests of all connections.
pub(super) struct RequestHandler {
    state: AppState,
    cross_origin: CrossOriginPolicy,
    discard: DiscardPolicy,
    router: Router,
}

/// What a path stands for.
enum Endpoint {
    /// The check of a token. Gateways forward the method, the path and the `Origin` of a browser's
    /// request, so only the token decides.
    Verify,
    /// A health check. Probes come by any `Host`, and change nothing.
    Probe,
    GraphQL,
    /// The playground, its files, and the printed schema.
    Page,
}

impl Endpoint {
    fn of(path: &str) -> Self {
        match path {
            "/graphql" => Self::GraphQL,
            "/healthz" | "/readyz" => Self::Probe,
            "/verify" => Self::Verify,
            _ if path.starts_with("/verify/") => Self::Verify,
            _ => Self::Page,
        }
    }
}

impl RequestHandler {
    pub(super) fn new(state: AppState) -> Self {
        let development_mode = state.api.trusts_anyone();
        Self {
            cross_origin: CrossOriginPolicy::new(development_mode, &state.allowed_origins),
            discard: DiscardPolicy {
                timeout: state.limits.request_timeout,
                shutdown: state.shutdown.clone(),
            },
            router: router(&state),
            state,
        }
    }

    /// Responds to a request of `peer`.
    pub(super) async fn handle(&self, request: Request<Incoming>, peer: &Peer) -> Response {
        // The query string may contain variables, and the headers a token, so neither is logged.
        let span = tracing::debug_span!(
            "request",
            method = %request.method(),
            path = request.uri().path()
        );
        let started = (!span.is_disabled()).then(Instant::now);
        let respond = async {
            let response = self.respond(request, peer).await;
            if let Some(started) = started {
                let (status, latency) = (response.status().as_u16(), started.elapsed());
                tracing::debug!(status, ?latency, "response");
            }
            response
        };
        respond.instrument(span).await
    }

    async fn respond(&self, request: Request<Incoming>, peer: &Peer) -> Response {
        let (head, body) = request.into_parts();
        let mut body = RequestBody::new(body);
        let expects_continue = head.headers.contains_key(header::EXPECT);
        let is_head = head.method == Method::HEAD;
        let mut response = match request_head::problem(&head) {
            Some(problem) => HttpError::bad_request(problem).into_response(),
            None => self.call_endpoint(head, &mut body, peer).await,
        };
        add_default_headers(response.headers_mut());
        // In a response to HEAD, hyper leaves out a length of 0, which a GET would get.
        if is_head && response.body().is_end_stream() {
            let length = response.headers_mut().entry(header::CONTENT_LENGTH);
            length.or_insert(HeaderValue::from_static("0"));
        }
        if let Some(unread) = body.into_unread() {
            let policy = &self.discard;
            unread_body::close_connection(unread, expects_continue, &mut response, policy);
        }
        response
    }

    async fn call_endpoint(&self, head: Parts, body: &mut RequestBody, peer: &Peer) -> Response {
        let endpoint = Endpoint::of(head.uri.path());
        match endpoint {
            Endpoint::Verify => return verify::verify(&self.state.service, &head.headers).await,
            Endpoint::Probe => return self.route(head).await,
            Endpoint::GraphQL | Endpoint::Page => {}
        }
        let cors = match self.cross_origin.check(&head) {
            Ok(cors) => cors,
            Err(response) => return *response,
        };
        // Boxed, because the future of a connection has the size of the widest of its futures.
        let mut response = match endpoint {
            Endpoint::GraphQL => Box::pin(graphql::respond(&self.state, peer, head, body)).await,
            _ => self.route(head).await,
        };
        if let Some(cors) = cors {
            cors.apply_to(response.headers_mut());
        }
        response
    }

    /// Calls the router of the probes and pages. None of them reads a body.
    async fn route(&self, head: Parts) -> Response {
        let request = Request::from_parts(head, Body::empty());
        match Box::pin(self.router.clone().oneshot(request)).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

fn add_default_headers(headers: &mut HeaderMap) {
    for (name, value) in DEFAULT_HEADERS {
        headers.entry(name).or_insert(value);
    }
}
