//! Protection against cross-site requests, and CORS for allowed origins. Rejects requests from
//! pages of other sites. In development mode, also rejects requests whose Host is not a loopback
//! name (DNS rebinding), and requests that passed through a proxy.
//!
//! The `csrf` layer of tower-http does not suffice: it accepts every GET, and a WebSocket handshake
//! is a GET.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tower::{Layer, ServiceExt};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use super::{client_address::proxy_header, request_head, response::HttpError};
use crate::{
    graphql::ErrorCode,
    log_limit::LogLimit,
    origin::{Authority, Origin},
};

/// The time for which a browser may cache the response to a CORS preflight request.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_hours(1);

/// The maximum length of a header's value in the log, in bytes.
const MAX_LOGGED_LENGTH: usize = 200;

/// The rules for the Host and Origin of a request.
#[derive(Debug)]
pub(super) struct CrossOriginPolicy {
    development_mode: bool,
    allowed: Arc<AllowedOrigins>,
    cors: CorsLayer,
    rejected: RejectionLog,
}

impl CrossOriginPolicy {
    pub(super) fn new(development_mode: bool, allowed_origins: &[Origin]) -> Self {
        let allowed = Arc::new(AllowedOrigins {
            development_mode,
            origins: allowed_origins.to_vec(),
        });
        Self {
            development_mode,
            cors: cors(Arc::clone(&allowed)),
            allowed,
            rejected: RejectionLog::default(),
        }
    }

    /// Returns the reason to reject a request, or `None` if the request is accepted.
    fn rejection(&self, uri: &Uri, headers: &HeaderMap) -> Option<Rejection> {
        let host = request_head::host(uri, headers);
        if self.development_mode {
            if !host.as_ref().is_some_and(Authority::is_loopback) {
                return Some(Rejection::Host);
            }
            // A proxy on this machine would make every client a loopback client.
            if proxy_header(headers).is_some() {
                return Some(Rejection::Proxy);
            }
        }
        if let Some(origin) = headers.get(header::ORIGIN) {
            let is_allowed = parse(origin).is_some_and(|origin| {
                self.allowed.contains(&origin)
                    || host.is_some_and(|host| origin.is_served_by(&host))
            });
            return (!is_allowed).then_some(Rejection::Origin);
        }
        // A GET without CORS has no Origin header, so check Sec-Fetch-Site. Links on other sites
        // may still open the playground.
        let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
        let is_cross_site = matches!(site, Some(b"cross-site" | b"same-site"));
        (is_cross_site && uri.path() == "/graphql").then_some(Rejection::Site)
    }
}

/// The origins whose pages may use the API, in addition to the server's own.
#[derive(Debug)]
struct AllowedOrigins {
    development_mode: bool,
    origins: Vec<Origin>,
}

impl AllowedOrigins {
    /// In development mode, the pages of web servers on the same machine may use the API too: a
    /// front end in development has a server of its own, on another port.
    fn contains(&self, origin: &Origin) -> bool {
        self.origins.contains(origin) || (self.development_mode && origin.is_loopback())
    }
}

fn parse(origin: &HeaderValue) -> Option<Origin> {
    Origin::parse(origin.to_str().ok()?)
}

/// Allows the allowed origins to send any header. The list of the headers that monitoring and
/// GraphQL clients add has no end, and a page that may send credentials may send any other header.
fn cors(allowed: Arc<AllowedOrigins>) -> CorsLayer {
    let is_allowed = move |origin: &HeaderValue, _: &_| {
        parse(origin).is_some_and(|origin| allowed.contains(&origin))
    };
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(is_allowed))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([header::RETRY_AFTER])
        .max_age(PREFLIGHT_MAX_AGE)
}

/// Middleware that rejects the requests that the policy does not allow, responds to CORS preflight
/// requests, and adds the CORS headers to other responses.
pub(super) async fn check(
    State(policy): State<Arc<CrossOriginPolicy>>,
    request: Request,
    next: Next,
) -> Response {
    if let Some(rejection) = policy.rejection(request.uri(), request.headers()) {
        policy.rejected.record(rejection, request.headers());
        let message = rejection.message();
        return HttpError::new(StatusCode::FORBIDDEN, ErrorCode::Forbidden, message)
            .into_response();
    }
    // `CorsLayer` responds to every OPTIONS request as if it were a preflight request.
    if request.method() == Method::OPTIONS && !is_preflight(request.headers()) {
        return next.run(request).await;
    }
    match policy.cors.layer(next).oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// Returns whether an OPTIONS request is a CORS preflight request (Fetch, section 3.3.2).
fn is_preflight(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The reason to reject a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rejection {
    /// The Host is not a loopback name, in development mode.
    Host,
    /// The request passed through a proxy, in development mode.
    Proxy,
    /// The page has another origin.
    Origin,
    /// The page has another origin, according to `Sec-Fetch-Site`.
    Site,
}

impl Rejection {
    const fn message(self) -> &'static str {
        match self {
            Self::Host => {
                "In development mode, the Host must be a loopback name such as localhost."
            }
            Self::Proxy => {
                "In development mode, requests through a proxy are rejected, because every client \
                 would have the rights of the service. Set a service key."
            }
            Self::Origin => "This Origin may not use the API. Allow it with --allowed-origin.",
            Self::Site => "Pages of other sites may not use the API.",
        }
    }
}

/// Logs rejected requests, for each reason at most one a minute.
#[derive(Debug, Default)]
struct RejectionLog {
    host: LogLimit,
    proxy: LogLimit,
    origin: LogLimit,
    site: LogLimit,
}

impl RejectionLog {
    fn record(&self, rejection: Rejection, headers: &HeaderMap) {
        let limit = match rejection {
            Rejection::Host => &self.host,
            Rejection::Proxy => &self.proxy,
            Rejection::Origin => &self.origin,
            Rejection::Site => &self.site,
        };
        let Some(count) = limit.record(Instant::now()) else {
            return;
        };
        let value = |name| headers.get(name).map(for_log).unwrap_or_default();
        let (host, origin) = (value(header::HOST), value(header::ORIGIN));
        match rejection {
            Rejection::Host => tracing::warn!(
                count,
                host,
                "requests were rejected: in development mode, the Host must be a loopback name"
            ),
            Rejection::Proxy => tracing::warn!(
                count,
                header = proxy_header(headers),
                "requests were rejected: in development mode, they must not pass through a proxy; \
                 set a service key"
            ),
            Rejection::Origin => tracing::warn!(
                count,
                origin,
                host,
                "requests were rejected because of their Origin; --allowed-origin allows it"
            ),
            Rejection::Site => tracing::warn!(
                count,
                host,
                "requests were rejected because pages of other sites sent them without an Origin"
            ),
        }
    }
}

/// Returns the start of a header's value. Bytes that are not visible ASCII are escaped.
fn for_log(value: &HeaderValue) -> String {
    let bytes = value.as_bytes();
    bytes[..bytes.len().min(MAX_LOGGED_LENGTH)]
        .escape_ascii()
        .to_string()
}
