//! `/verify`, the token check for gateways (nginx `auth_request`, Traefik and Caddy `forward_auth`,
//! Envoy `ext_authz`). Returns 200 with the session in headers, or 401. A check costs one indexed
//! read, and also extends the idle timeout of the session.
//!
//! Gateways differ in what they send: some keep the method, the path and the headers of the
//! browser's request. Therefore every method, every path below `/verify` and every `Origin` gets
//! the same answer, and only the token decides. An OPTIONS request that passed without a token
//! would let its sender through the gateway.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, SecondsFormat, Utc};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::{
    client::parse_bearer,
    response::{HttpError, RETRY_AFTER},
};
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
    let mut response = match Credentials::from_headers(&headers) {
        Credentials::None => unauthorized(NO_TOKEN),
        Credentials::Several => {
            HttpError::bad_request("A request must have only one Authorization header.")
                .into_response()
        }
        Credentials::Token(token) => check(&service, &token).await,
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

/// The `Authorization` headers of a request.
#[derive(Debug, PartialEq, Eq)]
enum Credentials {
    /// The request has none, or one whose scheme is not `Bearer`.
    None,
    /// The text after `Bearer`.
    Token(String),
    /// More than one header. The gateway and the application could each use a different one.
    Several,
}

impl Credentials {
    fn from_headers(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let (first, second) = (values.next(), values.next());
        if second.is_some() {
            return Self::Several;
        }
        // A value that is not ASCII is still a token, which is not valid.
        let token = first.map(|value| parse_bearer(&String::from_utf8_lossy(value.as_bytes())));
        match token {
            Some(token) if !token.is_empty() => Self::Token(token),
            _ => Self::None,
        }
    }
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

    fn credentials(authorization: &[&[u8]]) -> Credentials {
        let header = |value: &&[u8]| {
            let value = HeaderValue::from_bytes(value).unwrap();
            (header::AUTHORIZATION, value)
        };
        Credentials::from_headers(&authorization.iter().map(header).collect())
    }

    #[test]
    fn the_token_is_the_text_after_the_scheme_bearer() {
        for (authorization, token) in [
            (&b"Bearer sd1_a"[..], "sd1_a"),
            (b"bearer  sd1_a ", "sd1_a"),
            (b"Bearer sd1_a, Bearer sd1_b", "sd1_a, Bearer sd1_b"),
            (b"Bearer \xff", "\u{fffd}"),
        ] {
            let expected = Credentials::Token(token.to_owned());
            assert_eq!(credentials(&[authorization]), expected);
        }
    }

    #[test]
    fn other_schemes_and_empty_values_are_not_a_token() {
        assert_eq!(credentials(&[]), Credentials::None);
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
            assert_eq!(credentials(&[authorization]), Credentials::None);
        }
    }

    #[test]
    fn two_headers_are_never_a_token() {
        for second in [&b"Bearer sd1_b"[..], b"Bearer sd1_a", b"Basic eA==", b""] {
            let first = b"Bearer sd1_a";
            assert_eq!(credentials(&[first, second]), Credentials::Several);
            assert_eq!(credentials(&[second, first]), Credentials::Several);
        }
    }
}
