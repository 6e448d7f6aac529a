//! Protection against cross-site requests. Rejects requests from pages of other sites. In
//! development mode, also rejects requests whose Host is not a loopback name (DNS rebinding).
//!
//! The `csrf` layer of tower-http does not suffice: it accepts every GET, and a WebSocket handshake
//! is a GET.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::response::HttpError;
use crate::{config::Origin, graphql::ErrorCode};

/// The rules for the Host and Origin of a request.
#[derive(Debug)]
pub(super) struct CrossOriginPolicy {
    loopback_hosts_only: bool,
    /// The allowed origins in addition to the server's own.
    allowed_origins: Vec<String>,
}

impl CrossOriginPolicy {
    pub(super) fn new(loopback_hosts_only: bool, allowed_origins: &[Origin]) -> Self {
        Self {
            loopback_hosts_only,
            allowed_origins: allowed_origins.iter().map(ToString::to_string).collect(),
        }
    }

    /// Returns the reason to reject a request, or `None` if the request is accepted.
    fn rejection(&self, uri: &Uri, headers: &HeaderMap) -> Option<&'static str> {
        let host = uri.authority().cloned().or_else(|| {
            let host = headers.get(header::HOST)?;
            host.to_str().ok()?.parse().ok()
        });
        if self.loopback_hosts_only && !host.as_ref().is_some_and(is_loopback_name) {
            return Some(
                "In development mode, the Host must be a loopback name such as localhost.",
            );
        }
        if let Some(origin) = headers.get(header::ORIGIN) {
            let is_allowed = origin
                .to_str()
                .is_ok_and(|origin| self.allows(origin, host.as_ref()));
            return (!is_allowed)
                .then_some("This Origin may not use the API. Allow it with --allowed-origin.");
        }
        // A GET without CORS has no Origin header, so check Sec-Fetch-Site. Links on other sites
        // may still open the playground.
        let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
        let is_cross_site = matches!(site, Some(b"cross-site" | b"same-site"));
        (is_cross_site && uri.path() == "/graphql")
            .then_some("Pages of other sites may not use the API.")
    }

    fn allows(&self, origin: &str, host: Option<&Authority>) -> bool {
        if self
            .allowed_origins
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(origin))
        {
            return true;
        }
        // A proxy may terminate TLS, so the scheme of the request is unknown and not compared.
        let own = origin
            .strip_prefix("http://")
            .or_else(|| origin.strip_prefix("https://"));
        host.is_some_and(|host| own.is_some_and(|own| own.eq_ignore_ascii_case(host.as_str())))
    }
}

fn is_loopback_name(authority: &Authority) -> bool {
    let host = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_ascii_lowercase();
    host == "localhost"
        || host.ends_with(".localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Middleware that rejects the requests that the policy does not allow.
pub(super) async fn check(
    State(policy): State<Arc<CrossOriginPolicy>>,
    request: Request,
    next: Next,
) -> Response {
    // With two Host headers, a proxy and this server could each use a different one (RFC 9112,
    // section 3.2).
    if request.headers().get_all(header::HOST).iter().count() > 1 {
        return HttpError::bad_request("A request must have only one Host header.").into_response();
    }
    match policy.rejection(request.uri(), request.headers()) {
        None => next.run(request).await,
        Some(reason) => {
            HttpError::new(StatusCode::FORBIDDEN, ErrorCode::Forbidden, reason).into_response()
        }
    }
}
