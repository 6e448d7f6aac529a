//! `GET /verify`, the token check for gateways (nginx `auth_request`, Traefik and Caddy
//! `forward_auth`, Envoy `ext_authz`). Returns 204 with the session in headers, or 401. A check
//! costs one indexed read, and also extends the idle timeout of the session.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::client::credentials_from_headers;
use crate::{domain::Session, error_chain::ErrorChain, service::Service};

/// The characters of a username that are percent-encoded (RFC 3986, section 2.1): control
/// characters, characters outside ASCII, and `%`.
const USERNAME_ENCODE_SET: &AsciiSet = &CONTROLS.add(b'%');

/// Checks the token of a request.
pub(super) async fn verify(State(service): State<Arc<Service>>, headers: HeaderMap) -> Response {
    let result = match credentials_from_headers(&headers) {
        Some(token) => service.verify(&token).await,
        None => Ok(None),
    };
    match result {
        Ok(Some(session)) => (StatusCode::NO_CONTENT, session_headers(&session)).into_response(),
        // RFC 6750, section 3 requires this header.
        Ok(None) => (
            StatusCode::UNAUTHORIZED,
            [(header::WWW_AUTHENTICATE, "Bearer")],
        )
            .into_response(),
        // Only the store can fail here.
        Err(error) => {
            tracing::error!(error = %ErrorChain(&error), "token check failed");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

fn session_headers(session: &Session) -> HeaderMap {
    let name =
        utf8_percent_encode(session.owner.username.as_str(), USERNAME_ENCODE_SET).to_string();
    let values = [
        ("x-session-key", session.key.to_string()),
        ("x-user-id", session.owner.id.to_string()),
        ("x-user-mobile", session.owner.mobile.to_string()),
        ("x-user-name", name),
    ];
    let parse = |(name, value): (&'static str, String)| {
        Some((
            HeaderName::from_static(name),
            HeaderValue::from_str(&value).ok()?,
        ))
    };
    values.into_iter().filter_map(parse).collect()
}
