//! The headers of CORS, with which a browser lets a page of another origin read a response (Fetch,
//! section 3.3).

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, header, request::Parts},
    response::Response,
};

/// The time for which a browser may cache the response to a preflight request, in seconds.
const PREFLIGHT_MAX_AGE: HeaderValue = HeaderValue::from_static("3600");

/// The methods that a page of an allowed origin may use.
const ALLOWED_METHODS: HeaderValue = HeaderValue::from_static("GET,POST");

/// Lets an allowed origin send the session's cookie.
const ALLOW_CREDENTIALS: HeaderValue = HeaderValue::from_static("true");

/// The headers of a response that a page of an allowed origin may read.
const EXPOSED_HEADERS: HeaderValue = HeaderValue::from_static("retry-after, x-request-id");

/// The headers of a request that the CORS headers of a response depend on.
const VARY: HeaderValue = HeaderValue::from_static("origin, access-control-request-headers");

/// The CORS headers of a response. They allow a page to read it only if its origin is allowed.
#[derive(Debug)]
pub(super) struct CorsHeaders {
    /// The origin as the browser sent it.
    pub allowed_origin: Option<HeaderValue>,
}

impl CorsHeaders {
    pub(super) fn apply_to(self, headers: &mut HeaderMap) {
        headers.append(header::VARY, VARY);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
        if let Some(origin) = self.allowed_origin {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, ALLOW_CREDENTIALS);
        }
    }

    /// Returns the response to a preflight request. An allowed origin may send any header: the list
    /// of those that monitoring and GraphQL clients add has no end, and a page that may send
    /// credentials may send any other header.
    pub(super) fn into_preflight_response(self, request: &HeaderMap) -> Response {
        let mut response = Response::new(Body::empty());
        let headers = response.headers_mut();
        headers.append(header::VARY, VARY);
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, ALLOWED_METHODS);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_MAX_AGE);
        if let Some(announced) = request.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, announced.clone());
        }
        if let Some(origin) = self.allowed_origin {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, ALLOW_CREDENTIALS);
        }
        response
    }
}

/// Returns whether a request is a preflight request (Fetch, section 3.3.2). Not every OPTIONS
/// request is one.
pub(super) fn is_preflight(head: &Parts) -> bool {
    head.method == Method::OPTIONS
        && head.headers.contains_key(header::ORIGIN)
        && (head.headers).contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}
