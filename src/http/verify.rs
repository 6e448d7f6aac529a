//! `/verify`, the token check for gateways (nginx `auth_request`, Traefik and Caddy `forward_auth`,
//! Envoy `ext_authz`). Returns 200 with the session in headers, or 401. A check reads one
//! session, and also extends the idle timeout of the session.
//!
//! Gateways differ in what they send: some keep the method, the path and the headers of the
//! browser's request. Therefore every method, every path below `/verify` and every `Origin` gets
//! the same response, and only the token decides. An OPTIONS request that passed without a token
//! would let its sender through the gateway.

use std::{borrow::Cow, time::Instant};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use uuid::Uuid;

use super::{
    AppState,
    client::credentials_from_headers,
    cookies::{Repeated, SessionCookie},
    negotiate::weighted_list,
    response::{HttpError, RETRY_AFTER},
};
use crate::{
    domain::Session,
    error_chain::ErrorChain,
    log_limit::LogLimit,
    metrics::{self, CheckResult, Timer},
    service::{Error, Service},
};

/// The characters of a username that are percent-encoded (RFC 3986, section 2.1): control
/// characters, characters outside ASCII, and `%`.
pub(super) const USERNAME_ENCODE_SET: &AsciiSet = &CONTROLS.add(b'%');

const SESSION_KEY: HeaderName = HeaderName::from_static("x-session-key");
const EXPIRES_AT: HeaderName = HeaderName::from_static("x-session-expires-at");
const USER_ID: HeaderName = HeaderName::from_static("x-user-id");
const USER_MOBILE: HeaderName = HeaderName::from_static("x-user-mobile");
const USER_NAME: HeaderName = HeaderName::from_static("x-user-name");

/// The start of each session's token.
pub(super) const TOKEN_PREFIX: &str = "sd1_";

/// The number of headers of a 200, with those that every response has.
const HEADER_COUNT: usize = 9;

/// The challenge to a request without a token (RFC 6750, section 3).
const NO_TOKEN: HeaderValue = HeaderValue::from_static("Bearer");

/// The challenge to a request whose token is not valid (RFC 6750, section 3.1).
const INVALID_TOKEN: HeaderValue = HeaderValue::from_static(r#"Bearer error="invalid_token""#);

/// Checks the token of a request.
pub(super) async fn verify(state: &AppState, cookie: &SessionCookie, head: &Parts) -> Response {
    let mut response = match token(&head.headers, cookie) {
        Err(Repeated) => HttpError::bad_request(Repeated::MESSAGE).into_response(),
        Ok(Some(token)) => check(&state.service, &token).await,
        Ok(None) => {
            metrics::record(|metrics| metrics.checks.increment(CheckResult::Missing));
            unauthorized(NO_TOKEN)
        }
    };
    if response.status() == StatusCode::UNAUTHORIZED
        && let Some(url) = &state.browsers.login_url
        && opens_a_page(head)
    {
        let location = [(header::LOCATION, url.to_header())];
        response = (StatusCode::SEE_OTHER, location).into_response();
    }
    let vary = HeaderValue::from_static("Authorization, Cookie");
    response.headers_mut().insert(header::VARY, vary);
    response
}

/// Returns whether a browser opens a page, and does not load a part of one. Gateways forward the
/// headers of the browser's request, and some send its method in a header.
fn opens_a_page(head: &Parts) -> bool {
    let headers = &head.headers;
    let is = |name: &str, expected: &str| {
        headers
            .get(name)
            .map(|value| value.as_bytes().eq_ignore_ascii_case(expected.as_bytes()))
    };
    let is_get = is("x-forwarded-method", "GET").unwrap_or(head.method == Method::GET);
    let is_navigation = is("sec-fetch-mode", "navigate").unwrap_or_else(|| {
        let accepted = weighted_list(headers, &header::ACCEPT);
        accepted
            .iter()
            .any(|item| item.names("text/html") && item.weight > 0)
    });
    head.uri.path() == "/verify" && is_get && is_navigation
}

async fn check(service: &Service, token: &str) -> Response {
    let timer = Timer::start();
    let checked = service.verify(token).await;
    timer.observe(|metrics| &metrics.check_duration);
    metrics::record(|metrics| metrics.checks.increment(result(&checked)));
    match checked {
        Ok(Some(session)) => {
            let mut headers = HeaderMap::with_capacity(HEADER_COUNT);
            add_session_headers(&mut headers, &session);
            let mut response = Response::new(Body::empty());
            *response.headers_mut() = headers;
            response
        }
        Ok(None) => unauthorized(INVALID_TOKEN),
        // Only the store can fail here.
        Err(error) => {
            log_failure(&error);
            (StatusCode::SERVICE_UNAVAILABLE, RETRY_AFTER).into_response()
        }
    }
}

/// The last failures. While the store is away, every check fails.
static FAILURES: LogLimit = LogLimit::new();

fn log_failure(error: &Error) {
    let error = ErrorChain(error);
    if let Some(count) = FAILURES.record(Instant::now()) {
        tracing::error!(%error, count, "token check failed");
    } else {
        tracing::debug!(%error, "token check failed again");
    }
}

const fn result(checked: &Result<Option<Session>, Error>) -> CheckResult {
    match checked {
        Ok(Some(_)) => CheckResult::Valid,
        Ok(None) => CheckResult::Invalid,
        Err(_) => CheckResult::Error,
    }
}

fn unauthorized(challenge: HeaderValue) -> Response {
    let challenge = [(header::WWW_AUTHENTICATE, challenge)];
    (StatusCode::UNAUTHORIZED, challenge).into_response()
}

/// Returns the token of a request: a session's token after `Bearer`, or else the one in the cookie.
/// Another text after `Bearer` counts only without a cookie, because the application behind the
/// gateway may use the header itself. `None` if the request has none.
fn token<'a>(
    headers: &'a HeaderMap,
    cookie: &SessionCookie,
) -> Result<Option<Cow<'a, str>>, Repeated> {
    let bearer = credentials_from_headers(headers).filter(|token| !token.is_empty());
    if bearer
        .as_ref()
        .is_some_and(|token| token.starts_with(TOKEN_PREFIX))
    {
        return Ok(bearer);
    }
    Ok(cookie.find(headers)?.map(Cow::from).or(bearer))
}

/// Adds the headers that describe the session. All of them are always set, so that a gateway that
/// copies them replaces the headers of those names that its client sent.
fn add_session_headers(headers: &mut HeaderMap, session: &Session) {
    let owner = &session.owner;
    let mut uuid = Uuid::encode_buffer();
    let key = session.key.as_uuid().as_hyphenated();
    headers.insert(SESSION_KEY, value(&*key.encode_lower(&mut uuid)));
    let mut expires_at = Vec::new();
    session.expires_at().append_to(&mut expires_at);
    headers.insert(EXPIRES_AT, value(expires_at));
    let user = owner.id.as_uuid().as_hyphenated();
    headers.insert(USER_ID, value(&*user.encode_lower(&mut uuid)));
    headers.insert(USER_MOBILE, value(owner.mobile.as_str()));
    let username = utf8_percent_encode(owner.username.as_str(), USERNAME_ENCODE_SET);
    headers.insert(USER_NAME, value(&*Cow::from(username)));
}

/// Returns the value of a header, or an empty one if a header cannot contain the text.
fn value(text: impl TryInto<HeaderValue>) -> HeaderValue {
    text.try_into().unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token_in(authorization: &[u8]) -> Option<String> {
        let value = HeaderValue::from_bytes(authorization).unwrap();
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
        token_of(&headers)
    }

    fn token_of(headers: &HeaderMap) -> Option<String> {
        let token = token(headers, &SessionCookie::new(false, None));
        token.unwrap().map(Cow::into_owned)
    }

    #[test]
    fn the_cookie_counts_unless_the_header_has_a_session_token() {
        let cookie = (
            header::COOKIE,
            HeaderValue::from_static("__Host-sessiond=sd1_c"),
        );
        for (authorization, expected) in [
            (None, "sd1_c"),
            (Some("Basic dXNlcjpwYXNzd29yZA=="), "sd1_c"),
            (Some("Bearer a token of the application"), "sd1_c"),
            (Some("Bearer sd1_a"), "sd1_a"),
        ] {
            let authorization =
                authorization.map(|text| (header::AUTHORIZATION, HeaderValue::from_static(text)));
            let all = authorization.into_iter().chain([cookie.clone()]);
            let headers: HeaderMap = all.collect();
            assert_eq!(token_of(&headers).as_deref(), Some(expected));
        }
    }

    #[test]
    fn the_token_is_the_text_after_the_scheme_bearer() {
        for (authorization, token) in [
            (&b"Bearer sd1_a"[..], "sd1_a"),
            (b"bearer  sd1_a ", "sd1_a"),
            (b"Bearer sd1_a, Bearer sd1_b", "sd1_a, Bearer sd1_b"),
            (b"Bearer \xff", "\u{fffd}"),
        ] {
            assert_eq!(token_in(authorization).as_deref(), Some(token));
        }
    }

    #[test]
    fn other_schemes_and_empty_values_are_not_a_token() {
        assert_eq!(token_of(&HeaderMap::new()), None);
        for authorization in [
            &b""[..],
            b"Bearer",
            b"Bearer ",
            b"Basic dXNlcjpwYXNzd29yZA==",
            b"Token sd1_a",
            b"sd1_a",
            b"Bearersd1_a",
            b"\xff",
        ] {
            assert_eq!(token_in(authorization), None);
        }
    }
}
