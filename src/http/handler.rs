//! The handler of every request: checks the head, calls the endpoint, and completes the response.
//!
//! The endpoints of the API and of gateways are called directly, and the steps that they share are
//! functions. With layers and routes of axum, each request would cost several allocations and moves
//! of the whole request, which is more than a check of a token needs otherwise.

use std::time::Instant;

use axum::{
    Router,
    body::{Body, HttpBody},
    extract::MatchedPath,
    http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Version, header, request::Parts},
    response::{IntoResponse, Response},
};
use tower::ServiceExt;
use tracing::Level;

use super::{
    AppState,
    body::RequestBody,
    cookies::SessionCookie,
    cross_origin::CrossOriginPolicy,
    graphql, request_head,
    response::HttpError,
    router,
    serve::Peer,
    unread_body::{self, DiscardPolicy},
    verify,
};
use crate::{
    request_id::{InRequest, REQUEST_ID, RequestId},
    service::Service,
    traces,
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
    cookie: SessionCookie,
    discard: DiscardPolicy,
    router: Router,
}

/// What an endpoint needs to know of a request, besides its head and its body.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    endpoint: &'a Endpoint,
    pub id: &'a RequestId,
    pub peer: &'a Peer,
    /// The cookie of a session.
    pub cookie: &'a SessionCookie,
    /// Whether the cookie authenticates this request.
    pub accepts_cookie: bool,
}

/// The line of a request in the log. The path may be that of an application behind a gateway, with
/// any secret in it, the query string may contain variables, and the headers a token, so none of them
/// is logged.
struct Access {
    started: Instant,
    method: &'static str,
}

impl Access {
    fn begin(head: &Parts) -> Self {
        Self {
            started: Instant::now(),
            method: traces::known_method(&head.method),
        }
    }

    fn log(self, endpoint: &Endpoint, response: &Response) {
        let method = self.method;
        let route = endpoint.route_of(response);
        let (status, latency) = (response.status().as_u16(), self.started.elapsed());
        tracing::debug!(%method, route, status, ?latency, "response");
    }
}

/// Returns whether each request has a line in the log.
fn logs_requests() -> bool {
    tracing::enabled!(Level::DEBUG)
}

/// Returns whether each request has a line in the log or a span.
pub(super) fn observes_requests() -> bool {
    logs_requests() || traces::are_on()
}

/// What a path stands for.
enum Endpoint {
    /// The check of a token. Gateways forward the method, the path and the `Origin` of a browser's
    /// request, so only the token decides. The route is for the log.
    Verify(&'static str),
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
            "/verify" => Self::Verify("/verify"),
            _ if path.starts_with("/verify/") => Self::Verify("/verify/{*path}"),
            _ => Self::Page,
        }
    }

    /// The route of a request in the log: for probes and pages, that of the router. `unknown` if no
    /// route matches, and if the request was rejected before.
    fn route_of<'a>(&'a self, response: &'a Response) -> &'a str {
        match self {
            Self::GraphQL => "/graphql",
            Self::Verify(route) => route,
            Self::Probe | Self::Page => {
                let matched = response.extensions().get::<MatchedPath>();
                matched.map_or("unknown", MatchedPath::as_str)
            }
        }
    }

    /// The name of the endpoint in traces. Health checks have no traces.
    const fn trace_name(&self) -> Option<&'static str> {
        match self {
            Self::GraphQL => Some("/graphql"),
            Self::Verify(_) => Some("/verify"),
            Self::Page => Some("/"),
            Self::Probe => None,
        }
    }
}

impl RequestHandler {
    pub(super) fn new(state: AppState) -> Self {
        let development_mode = state.api.trusts_anyone();
        Self {
            cross_origin: CrossOriginPolicy::new(development_mode, &state.allowed_origins),
            cookie: SessionCookie::new(development_mode, state.browsers.cookie_domain.as_ref()),
            discard: DiscardPolicy {
                timeout: state.limits.request_timeout,
                shutdown: state.shutdown.clone(),
            },
            router: router(&state),
            state,
        }
    }

    /// Responds to a request of `peer`.
    pub(super) async fn handle(&self, head: Parts, body: RequestBody, peer: &Peer) -> Response {
        let endpoint = Endpoint::of(head.uri.path());
        let id = self.state.request_ids.of(&head.headers);
        let access = logs_requests().then(|| Access::begin(&head));
        let traced = traces::request_span(&head.method, endpoint.trace_name(), &head.headers);
        let respond = async {
            let mut response = self.respond(head, body, peer, (&endpoint, &id)).await;
            // A gateway copies the headers of a token check.
            if matches!(endpoint, Endpoint::GraphQL | Endpoint::Page)
                && let Some(id) = id.to_header()
            {
                response.headers_mut().insert(REQUEST_ID, id);
            }
            traces::record_response(&id, response.status());
            if let Some(access) = access {
                access.log(&endpoint, &response);
            }
            response
        };
        traced.of(InRequest::new(id.clone(), respond)).await
    }

    /// The cookie of a session.
    pub(super) fn cookie(&self) -> &SessionCookie {
        &self.cookie
    }

    pub(super) fn service(&self) -> &Service {
        &self.state.service
    }

    async fn respond(
        &self,
        head: Parts,
        mut body: RequestBody,
        peer: &Peer,
        (endpoint, id): (&Endpoint, &RequestId),
    ) -> Response {
        let expects_continue = head.headers.contains_key(header::EXPECT);
        let (is_head, is_http2) = (head.method == Method::HEAD, head.version == Version::HTTP_2);
        let call = Call {
            endpoint,
            id,
            peer,
            cookie: &self.cookie,
            accepts_cookie: false,
        };
        let mut response = match request_head::problem(&head) {
            Some(problem) => HttpError::bad_request(problem).into_response(),
            None => self.call_endpoint(head, &mut body, call).await,
        };
        add_default_headers(response.headers_mut());
        // In a response to HEAD, hyper leaves out a length of 0, which a GET would get.
        if is_head && response.body().is_end_stream() {
            let length = response.headers_mut().entry(header::CONTENT_LENGTH);
            length.or_insert(HeaderValue::from_static("0"));
        }
        if let Some(unread) = body.into_unread() {
            let policy = &self.discard;
            if is_http2 {
                unread_body::discard(unread, expects_continue, policy);
            } else {
                unread_body::close_connection(unread, expects_continue, &mut response, policy);
            }
        }
        response
    }

    async fn call_endpoint(&self, head: Parts, body: &mut RequestBody, call: Call<'_>) -> Response {
        match call.endpoint {
            Endpoint::Verify(_) => {
                return verify::verify(&self.state, &self.cookie, &head).await;
            }
            Endpoint::Probe => return self.route(head).await,
            Endpoint::GraphQL | Endpoint::Page => {}
        }
        let cors = match self.cross_origin.check(&head) {
            Ok(cors) => cors,
            Err(response) => return *response,
        };
        // Boxed, because the future of a connection has the size of the widest of its futures.
        let mut response = match call.endpoint {
            Endpoint::GraphQL => {
                // With an `Authorization`, the cookie does not count.
                let accepts_cookie = !head.headers.contains_key(header::AUTHORIZATION)
                    && self.cross_origin.accepts_cookie(&head);
                let call = Call {
                    accepts_cookie,
                    ..call
                };
                Box::pin(graphql::respond(&self.state, call, head, body)).await
            }
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
