//! The client and the credentials of a request.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, FromRef, FromRequestParts},
    http::{HeaderMap, HeaderValue, header, request::Parts},
};

use super::client_address::ClientAddresses;
use crate::{domain::UserAgent, service::Client};

/// Extracts the client of a request from the connection and the headers. The address comes from the
/// connection, or from the header that a trusted proxy sets.
pub(super) struct ExtractClient(pub Client);

impl<S: Send + Sync> FromRequestParts<S> for ExtractClient
where
    Arc<ClientAddresses>: FromRef<S>,
{
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let peer = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(address)| {
                address.ip()
            });
        let addresses = Arc::<ClientAddresses>::from_ref(state);
        let user_agent = parts
            .headers
            .get(header::USER_AGENT)
            .map(HeaderValue::as_bytes);
        let client = Client {
            user_agent: UserAgent::from_header(user_agent),
            address: addresses.find(&parts.headers, peer),
        };
        Ok(Self(client))
    }
}

/// Returns the text after `Bearer` in the value of an `Authorization` header (RFC 6750, section
/// 2.1). Returns an empty text if the scheme is missing or is not `Bearer`. An empty text is never
/// a valid credential.
pub(super) fn parse_bearer(authorization: &str) -> String {
    match authorization.split_once(' ') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => rest.trim().to_owned(),
        _ => String::new(),
    }
}

/// Returns the credentials in the headers of a request: the text after `Bearer`, which is empty if
/// the scheme is another one. A text that is not ASCII is still a credential, which is not valid. The
/// request has at most one `Authorization`: [`request_head`](super::request_head) rejects more.
pub(super) fn credentials_from_headers(headers: &HeaderMap) -> Option<String> {
    headers
        .get(header::AUTHORIZATION)
        .map(|value| parse_bearer(&String::from_utf8_lossy(value.as_bytes())))
}
