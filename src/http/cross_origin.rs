//! Which requests are let in at all. A browser carries out what any page asks of it: a request that another site's
//! page sent is refused, and in development mode so is one that reached this machine by another site's name
//! (DNS rebinding).

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::negotiate::HttpError;
use crate::config::Origin;

#[derive(Debug)]
pub(super) struct CrossOriginPolicy {
    only_loopback_names: bool,
    allowed: Vec<String>,
}

impl CrossOriginPolicy {
    pub(super) fn new(only_loopback_names: bool, allowed: &[Origin]) -> Self {
        Self {
            only_loopback_names,
            allowed: allowed.iter().map(ToString::to_string).collect(),
        }
    }

    fn refuse(&self, uri: &Uri, headers: &HeaderMap) -> Option<&'static str> {
        let host = uri.authority().cloned().or_else(|| {
            let host = headers.get(header::HOST)?;
            host.to_str().ok()?.parse().ok()
        });
        if self.only_loopback_names && !host.as_ref().is_some_and(is_loopback_name) {
            return Some("In development mode only a loopback name such as localhost is answered.");
        }
        if let Some(origin) = headers.get(header::ORIGIN) {
            let is_welcome = origin
                .to_str()
                .is_ok_and(|origin| self.welcomes(origin, host.as_ref()));
            return (!is_welcome)
                .then_some("This Origin may not use the API: allow it with --allowed-origin.");
        }
        // A GET that a page sends without CORS carries no Origin. Opening the playground by a link is fine.
        let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
        let is_foreign = matches!(site, Some(b"cross-site" | b"same-site"));
        (is_foreign && uri.path() == "/graphql")
            .then_some("Another site's page may not use the API.")
    }

    fn welcomes(&self, origin: &str, host: Option<&Authority>) -> bool {
        if self
            .allowed
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(origin))
        {
            return true;
        }
        // Whether TLS ends here or at a proxy is not known here, so the scheme is not compared.
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

pub(super) async fn check(
    State(guard): State<Arc<CrossOriginPolicy>>,
    request: Request,
    next: Next,
) -> Response {
    // Two would let a proxy and this server each believe another one (RFC 9112, 3.2).
    if request.headers().get_all(header::HOST).iter().count() > 1 {
        return HttpError::bad("One Host header must be given.").into_response();
    }
    match guard.refuse(request.uri(), request.headers()) {
        None => next.run(request).await,
        Some(why) => HttpError::new(StatusCode::FORBIDDEN, "FORBIDDEN", why).into_response(),
    }
}
