//! `/verify`, the token check for gateways (nginx `auth_request`, Traefik and Caddy `forward_auth`,
//! Envoy `ext_authz`). Returns 200 with the session in headers, or 401. A check reads one
//! session, and also extends the idle timeout of the session.
//!
//! Gateways differ in what they send: some keep the method, the path and the headers of the
//! browser's request. Therefore every method, every path below `/verify` and every `Origin` gets
//! the same response, and only the token decides. An OPTIONS request that passed without a token
//! would let its sender through the gateway.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, SecondsFormat, Utc};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::{client::credentials_from_headers, response::RETRY_AFTER};
use crate::{domain::Session, error_chain::ErrorChain, service::Service};

/// The characters of a username that are percent-encoded (RFC 3986, section 2.1): control
/// characters, characters outside ASCII, and `%`.
const USERNAME_ENCODE_SET: &AsciiSet = &CONTROLS.add(b'%');

/// The challenge to a request without a token (RFC 6750, section 3).
const NO_TOKEN: HeaderValue = HeaderValue::from_static("Bearer");

/// The challenge to a request whose token is not valid (RFC 6750, section 3.1).
const INVALID_TOKEN: HeaderValue = HeaderValue::from_static(r#"Bearer error="invalid_token""#);

/// Checks the token of a request.
pub(super) async fn verify(State(service): State<Arc<Service>>, headers: HeaderMap) -> Response {
    let mut response = match token(&headers) {
        Some(token) => check(&service, &token).await,
        None => unauthorized(NO_TOKEN),
    };
    let vary = HeaderValue::from_static("Authorization");
    response.headers_mut().insert(header::VARY, vary);
    response
}

async fn check(service: &Service, token: &str) -> Response {
    match service.verify(token).await {
        Ok(Some(session)) => session_headers(&session).into_response(),
        Ok(None) => unauthorized(INVALID_TOKEN),
        // Only the store can fail here.
        Err(error) => {
            tracing::error!(error = %ErrorChain(&error), "token check failed");
            (StatusCode::SERVICE_UNAVAILABLE, RETRY_AFTER).into_response()
        }
    }
}

fn unauthorized(challenge: HeaderValue) -> Response {
    let challenge = [(header::WWW_AUTHENTICATE, challenge)];
    (StatusCode::UNAUTHORIZED, challenge).into_response()
}

/// Returns the token of a request. Returns `None` if it is missing or empty, or if the scheme is not
/// `Bearer`.
fn token(headers: &HeaderMap) -> Option<String> {
    credentials_from_headers(headers).filter(|token| !token.is_empty())
}

/// Returns the headers that describe the session. All of them are always set, so that a gateway
/// that copies them replaces the headers of those names that its client sent.
fn session_headers(session: &Session) -> HeaderMap {
    let owner = &session.owner;
    let expires_at = DateTime::<Utc>::from(session.expires_at());
    let values = [
        ("x-session-key", session.key.to_string()),
        (
            "x-session-expires-at",
            expires_at.to_rfc3339_opts(SecondsFormat::Millis, true),
        ),
        ("x-user-id", owner.id.to_string()),
        ("x-user-mobile", owner.mobile.to_string()),
        (
            "x-user-name",
            utf8_percent_encode(owner.username.as_str(), USERNAME_ENCODE_SET).to_string(),
        ),
    ];
    let header = |(name, value): (&'static str, String)| {
        let empty = HeaderValue::from_static("");
        let value = HeaderValue::from_str(&value).unwrap_or(empty);
        (HeaderName::from_static(name), value)
    };
    values.into_iter().map(header).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token_in(authorization: &[u8]) -> Option<String> {
        let value = HeaderValue::from_bytes(authorization).unwrap();
        token(&HeaderMap::from_iter([(header::AUTHORIZATION, value)]))
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
