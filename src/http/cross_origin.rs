//! Protection against cross-site requests. Rejects requests from pages of other sites. In
//! development mode, also rejects requests whose Host is not a loopback name (DNS rebinding), and
//! requests that passed through a proxy.
//!
//! The `csrf` layer of tower-http does not suffice: it accepts every GET, and a WebSocket handshake
//! is a GET.

use std::time::Instant;

use axum::{
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};

use super::{
    client_address::proxy_header,
    cors::{self, CorsHeaders},
    request_head,
    response::HttpError,
    websocket,
};
use crate::{graphql::ErrorCode, log_limit::LogLimit, origin::Origin};

/// The maximum length of a header's value in the log, in bytes.
const MAX_LOGGED_LENGTH: usize = 200;

/// The rules for the Host and Origin of a request.
#[derive(Debug)]
pub(super) struct CrossOriginPolicy {
    development_mode: bool,
    /// The origins whose pages may use the API, in addition to the server's own.
    allowed: Vec<Origin>,
    rejected: RejectionLog,
}

impl CrossOriginPolicy {
    pub(super) fn new(development_mode: bool, allowed_origins: &[Origin]) -> Self {
        Self {
            development_mode,
            allowed: allowed_origins.to_vec(),
            rejected: RejectionLog::default(),
        }
    }

    /// Checks the head of a request. Returns the CORS headers of its response. An OPTIONS request
    /// that is not a preflight request has none.
    ///
    /// # Errors
    /// The response to a request that is rejected, and to a preflight request.
    pub(super) fn check(&self, head: &Parts) -> Result<Option<CorsHeaders>, Box<Response>> {
        let headers = &head.headers;
        if let Some(rejection) = self.rejection(&head.uri, headers) {
            self.rejected.record(rejection, headers);
            let message = rejection.message();
            let error = HttpError::new(StatusCode::FORBIDDEN, ErrorCode::Forbidden, message);
            return Err(error.into_response().into());
        }
        let is_allowed =
            |origin: &&HeaderValue| parse(origin).is_some_and(|origin| self.allows(&origin));
        let cors = CorsHeaders {
            allowed_origin: headers.get(header::ORIGIN).filter(is_allowed).cloned(),
        };
        if cors::is_preflight(head) {
            return Err(cors.into_preflight_response(headers).into());
        }
        Ok((head.method != Method::OPTIONS).then_some(cors))
    }

    /// Returns whether the session's cookie may authenticate a request that [`Self::check`] has
    /// accepted. A browser adds the cookie to each request to this host, whoever causes it, so the
    /// request must show that its page is an own or an allowed one. A page by plain HTTP is not: an
    /// attacker on the network could have written it.
    ///
    /// In development mode every accepted request may, because it is one of the service without the
    /// cookie.
    pub(super) fn accepts_cookie(&self, head: &Parts) -> bool {
        let headers = &head.headers;
        match headers.get(header::ORIGIN) {
            _ if self.development_mode => true,
            Some(origin) => parse(origin).is_some_and(|origin| {
                self.allows(&origin) || origin.is_secure() || origin.is_loopback()
            }),
            // Handshakes of WebSockets always have an Origin.
            None if websocket::is_requested(headers) => false,
            None => headers
                .get("sec-fetch-site")
                .is_some_and(|site| site == "same-origin"),
        }
    }

    /// Returns whether the pages of an origin may use the API, in addition to the server's own. In
    /// development mode, the pages of web servers on the same machine may use it too: a front end
    /// in development has a server of its own, on another port.
    fn allows(&self, origin: &Origin) -> bool {
        self.allowed.contains(origin) || (self.development_mode && origin.is_loopback())
    }

    /// Returns the reason to reject a request, or `None` if the request is accepted.
    fn rejection(&self, uri: &Uri, headers: &HeaderMap) -> Option<Rejection> {
        let host = || request_head::host(uri, headers);
        if self.development_mode {
            if !host().is_some_and(|host| host.is_loopback()) {
                return Some(Rejection::Host);
            }
            // A proxy on this machine would make every client a loopback client.
            if proxy_header(headers).is_some() {
                return Some(Rejection::Proxy);
            }
        }
        if let Some(origin) = headers.get(header::ORIGIN) {
            let is_allowed = parse(origin).is_some_and(|origin| {
                self.allows(&origin) || host().is_some_and(|host| origin.is_served_by(&host))
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

fn parse(origin: &HeaderValue) -> Option<Origin> {
    Origin::parse(origin.to_str().ok()?)
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
