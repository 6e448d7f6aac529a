//! Where a request comes from, and what it shows of itself.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, header, request::Parts},
};
use axum_client_ip::ClientIp;

use crate::{domain::UserAgent, service::Client};

/// The client as its connection, or a trusted proxy's header, tells it.
pub(super) struct FromConnection(pub Client);

impl<S: Send + Sync> FromRequestParts<S> for FromConnection {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        // A request that came past the proxy lacks its header; its own address is as good then.
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
            .and_then(|value| value.to_str().ok());
        // A socket that takes both families shows an IPv4 peer as IPv6.
        let client = Client {
            user_agent: UserAgent::from_header(user_agent),
            address: address.to_canonical(),
        };
        Ok(Self(client))
    }
}

/// The text after `Bearer` (RFC 6750, section 2.1). Under another scheme, or none, an empty text, which opens nothing.
pub(super) fn credentials(authorization: &str) -> String {
    match authorization.split_once(' ') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => rest.trim().to_owned(),
        _ => String::new(),
    }
}

/// The credentials that a request's headers carry.
pub(super) fn credentials_in(headers: &HeaderMap) -> Option<String> {
    headers
        .get(header::AUTHORIZATION)
        .map(|value| credentials(value.to_str().unwrap_or_default()))
}
