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
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, SecondsFormat, Utc};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use uuid::Uuid;

use super::{client::credentials_from_headers, response::RETRY_AFTER};
use crate::{
    domain::Session,
    error_chain::ErrorChain,
    log_limit::LogLimit,
    metrics::{self, CheckResult, Timer},
    request_id::RequestId,
    service::{Error, Service},
};

/// The characters of a username that are percent-encoded (RFC 3986, section 2.1): control
/// characters, characters outside ASCII, and `%`.
const USERNAME_ENCODE_SET: &AsciiSet = &CONTROLS.add(b'%');

const SESSION_KEY: HeaderName = HeaderName::from_static("x-session-key");
const EXPIRES_AT: HeaderName = HeaderName::from_static("x-session-expires-at");
const USER_ID: HeaderName = HeaderName::from_static("x-user-id");
const USER_MOBILE: HeaderName = HeaderName::from_static("x-user-mobile");
const USER_NAME: HeaderName = HeaderName::from_static("x-user-name");

/// The number of headers of a 200, with those that every response has.
const HEADER_COUNT: usize = 9;

/// The challenge to a request without a token (RFC 6750, section 3).
const NO_TOKEN: HeaderValue = HeaderValue::from_static("Bearer");

/// The challenge to a request whose token is not valid (RFC 6750, section 3.1).
const INVALID_TOKEN: HeaderValue = HeaderValue::from_static(r#"Bearer error="invalid_token""#);

/// Checks the token of a request.
pub(super) async fn verify(service: &Service, headers: &HeaderMap, id: &RequestId) -> Response {
    let mut response = if let Some(token) = token(headers) {
        check(service, &token, id).await
    } else {
        metrics::record(|metrics| metrics.checks.increment(CheckResult::Missing));
        unauthorized(NO_TOKEN)
    };
    let vary = HeaderValue::from_static("Authorization");
    response.headers_mut().insert(header::VARY, vary);
    response
}

async fn check(service: &Service, token: &str, id: &RequestId) -> Response {
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
            id.span().in_scope(|| log_failure(&error));
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

/// Returns the token of a request. Returns `None` if it is missing or empty, or if the scheme is not
/// `Bearer`.
fn token(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    credentials_from_headers(headers).filter(|token| !token.is_empty())
}

/// Adds the headers that describe the session. All of them are always set, so that a gateway that
/// copies them replaces the headers of those names that its client sent.
fn add_session_headers(headers: &mut HeaderMap, session: &Session) {
    let owner = &session.owner;
    let mut uuid = Uuid::encode_buffer();
    let key = session.key.as_uuid().as_hyphenated();
    headers.insert(SESSION_KEY, value(&*key.encode_lower(&mut uuid)));
    let expires_at = DateTime::<Utc>::from(session.expires_at());
    let expires_at = expires_at.to_rfc3339_opts(SecondsFormat::Millis, true);
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
        token(&headers).map(Cow::into_owned)
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
        assert_eq!(token(&HeaderMap::new()), None);
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
