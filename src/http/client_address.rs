//! The address of a client, from the connection or from the header that a trusted proxy sets.

mod header;

use std::{
    net::IpAddr,
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use axum::http::{HeaderMap, HeaderName};

use self::header::{Header, address_in};
use crate::{config::ClientIp, log_limit::LogLimit};

/// Finds the addresses of clients, and reports headers that cannot be used.
#[derive(Debug)]
pub struct ClientAddresses {
    source: ClientIp,
    unreadable: LogLimit,
    has_reported_other_header: AtomicBool,
}

impl ClientAddresses {
    /// Reads addresses from this source.
    #[must_use]
    pub fn new(source: ClientIp) -> Self {
        Self {
            source,
            unreadable: LogLimit::default(),
            has_reported_other_header: AtomicBool::new(false),
        }
    }

    /// Returns whether a client's address is always the peer address of its connection.
    pub(super) fn are_peers(&self) -> bool {
        self.source == ClientIp::Peer
    }

    /// Returns the client's address in canonical form. A request that did not pass through the
    /// proxy lacks the header, and its client is the peer. If the header cannot be read, the
    /// client counts as the peer too.
    pub(super) fn find(&self, headers: &HeaderMap, peer: IpAddr) -> IpAddr {
        let address = match address_in(self.source, headers) {
            Header::Address(address) => address,
            Header::Unreadable => {
                self.report_unreadable(headers);
                peer
            }
            Header::Absent => {
                self.report_other_header(headers);
                peer
            }
        };
        // A dual-stack socket reports an IPv4 peer as an IPv4-mapped IPv6 address.
        address.to_canonical()
    }

    fn report_unreadable(&self, headers: &HeaderMap) {
        let header = self.source.header().unwrap_or_default();
        let value = headers.get_all(header).iter().next_back();
        tracing::debug!(header, ?value, "the client's address cannot be read");
        if let Some(count) = self.unreadable.record(Instant::now()) {
            tracing::warn!(
                header,
                count,
                "the header that --client-ip-source names holds no address, so these clients count \
                 as one, with the address of the proxy"
            );
        }
    }

    fn report_other_header(&self, headers: &HeaderMap) {
        if self.has_reported_other_header.load(Ordering::Relaxed) {
            return;
        }
        // A request has few headers, and a comparison costs less than a look-up by name.
        let mut names = headers.keys().map(HeaderName::as_str);
        let Some(header) = names.find(|name| ClientIp::headers().any(|header| header == *name))
        else {
            return;
        };
        if !self.has_reported_other_header.swap(true, Ordering::Relaxed) {
            let source = self.source.header().unwrap_or("peer");
            tracing::warn!(
                header,
                source,
                "a request has a header of a proxy that --client-ip-source does not name; if your \
                 own proxy sets this header, name it, because otherwise all clients count as one \
                 address"
            );
        }
    }
}

/// Returns the name of a header that shows that the request passed through a proxy.
pub(super) fn proxy_header(headers: &HeaderMap) -> Option<&str> {
    headers.keys().map(HeaderName::as_str).find(|name| {
        *name == "via"
            || name.starts_with("x-forwarded")
            || ClientIp::headers().any(|header| header == *name)
    })
}
