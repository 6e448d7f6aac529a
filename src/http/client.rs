//! The client and the credentials of a request.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, HeaderValue, header, request::Parts},
};
use axum_client_ip::ClientIp;

use crate::{domain::UserAgent, service::Client};

/// Extracts the client of a request from the connection and the headers. The address comes from the
/// connection, or from the header that a trusted proxy sets.
pub(super) struct ExtractClient(pub Client);

impl<S: Send + Sync> FromRequestParts<S> for ExtractClient {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        // A request that did not pass through the proxy lacks the header. Its client is the peer.
        let peer = |parts: &Parts| {
            let info = parts.extensions.get::<ConnectInfo<SocketAddr>>();
            info.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(address)| {
                address.ip()
            })
        };
        let address = match ClientIp::from_request_parts(parts, state).await {
            Ok(ClientIp(address)) => address,
            Err(_) => peer(parts),
        };
        let user_agent = parts
            .headers
            .get(header::USER_AGENT)
            .map(HeaderValue::as_bytes);
        // A dual-stack socket reports an IPv4 peer as an IPv4-mapped IPv6 address.
        let client = Client {
            user_agent: UserAgent::from_header(user_agent),
            address: address.to_canonical(),
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

/// Returns the credentials in the headers of a request.
pub(super) fn credentials_from_headers(headers: &HeaderMap) -> Option<String> {
    headers
        .get(header::AUTHORIZATION)
        .map(|value| parse_bearer(value.to_str().unwrap_or_default()))
}
