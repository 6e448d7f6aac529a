//! The client and the credentials of a request.

use std::{borrow::Cow, net::IpAddr};

use axum::http::{HeaderMap, HeaderValue, header};

use super::{client_address::ClientAddresses, client_hints::client_hints};
use crate::{domain::UserAgent, service::Client};

/// Returns the client that sent a request on a connection of `peer`. The client's address is that
/// of the peer, or the one in the header that a trusted proxy sets. Its user agent has what client
/// hints add to it.
pub(super) fn client(addresses: &ClientAddresses, headers: &HeaderMap, peer: IpAddr) -> Client {
    let user_agent = headers.get(header::USER_AGENT).map(HeaderValue::as_bytes);
    let user_agent = UserAgent::from_header(user_agent);
    Client {
        user_agent: match client_hints(headers) {
            Some(hints) => user_agent.with_hints(&hints),
            None => user_agent,
        },
        address: addresses.find(headers, peer),
    }
}

/// Returns the text after `Bearer` in the value of an `Authorization` header (RFC 6750, section
/// 2.1). Returns an empty text if the scheme is missing or is not `Bearer`. An empty text is never
/// a valid credential.
pub(super) fn parse_bearer(authorization: &str) -> &str {
    match authorization.split_once(' ') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => rest.trim(),
        _ => "",
    }
}

/// Returns the credentials in the headers of a request: the text after `Bearer`, which is empty if
/// the scheme is another one. A text that is not ASCII is still a credential, which is not valid. The
/// request has at most one `Authorization`: [`request_head`](super::request_head) rejects more.
pub(super) fn credentials_from_headers(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    if let Ok(text) = str::from_utf8(value) {
        return Some(parse_bearer(text).into());
    }
    let text = String::from_utf8_lossy(value);
    Some(parse_bearer(&text).to_owned().into())
}
