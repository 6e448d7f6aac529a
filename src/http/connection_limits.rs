//! Limits on open connections, per node and per client network. One limiter counts the TCP
//! connections of peers. Another one counts the WebSockets and event streams of clients: see
//! [`socket_limits`](super::socket_limits).

use std::{collections::HashMap, net::IpAddr, num::NonZeroUsize, sync::Arc};

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use parking_lot::Mutex;

use super::response::{HttpError, RETRY_AFTER};
use crate::{domain::AddressBlock, graphql::ErrorCode, metrics::RejectedBy};

/// Limits the connections of one kind on a node.
#[derive(Debug)]
pub struct ConnectionLimiter {
    max_per_node: usize,
    max_per_network: usize,
    open: Mutex<OpenConnections>,
}

/// The numbers of open connections. Only networks with an open connection have an entry, so the map
/// has at most `max_per_node` entries.
#[derive(Debug, Default)]
struct OpenConnections {
    total: usize,
    by_network: HashMap<AddressBlock, usize>,
}

/// A permit for one open connection. It is returned to the limiter when it is dropped.
#[derive(Debug)]
pub(super) struct ConnectionPermit {
    limiter: Arc<ConnectionLimiter>,
    network: AddressBlock,
}

/// The limit that a new connection would exceed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LimitExceeded {
    /// The limit of the node.
    Node,
    /// The limit of the client's network.
    Network,
}

impl LimitExceeded {
    /// The setting of the limit, as the log names it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Node => "--max-connections",
            Self::Network => "--max-connections-per-address",
        }
    }
}

impl ConnectionLimiter {
    /// Creates a limiter. A network is an [`AddressBlock`].
    #[must_use]
    pub fn new(max_per_node: NonZeroUsize, max_per_network: NonZeroUsize) -> Self {
        Self {
            max_per_node: max_per_node.get(),
            max_per_network: max_per_network.get(),
            open: Mutex::default(),
        }
    }

    /// Returns a permit for one connection from `address`.
    pub(super) fn try_acquire(
        self: &Arc<Self>,
        address: IpAddr,
    ) -> Result<ConnectionPermit, LimitExceeded> {
        let network = AddressBlock::of(address);
        let mut open = self.open.lock();
        if open.total >= self.max_per_node {
            return Err(LimitExceeded::Node);
        }
        let open_in_network = open.by_network.get(&network).copied().unwrap_or(0);
        if open_in_network >= self.max_per_network {
            return Err(LimitExceeded::Network);
        }
        open.total += 1;
        open.by_network.insert(network, open_in_network + 1);
        Ok(ConnectionPermit {
            limiter: Arc::clone(self),
            network,
        })
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut open = self.limiter.open.lock();
        open.total -= 1;
        if let Some(open_in_network) = open.by_network.get_mut(&self.network) {
            *open_in_network -= 1;
            if *open_in_network == 0 {
                open.by_network.remove(&self.network);
            }
        }
    }
}

impl From<LimitExceeded> for RejectedBy {
    fn from(limit: LimitExceeded) -> Self {
        match limit {
            LimitExceeded::Node => Self::Node,
            LimitExceeded::Network => Self::Address,
        }
    }
}

impl IntoResponse for LimitExceeded {
    fn into_response(self) -> Response {
        let (status, message) = match self {
            Self::Node => (
                StatusCode::SERVICE_UNAVAILABLE,
                "The server has too many open WebSockets and event streams.",
            ),
            Self::Network => (
                StatusCode::TOO_MANY_REQUESTS,
                "Your address has too many open WebSockets and event streams.",
            ),
        };
        (
            RETRY_AFTER,
            HttpError::new(status, ErrorCode::TooManySockets, message),
        )
            .into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_are_counted_per_network_and_returned_when_dropped() {
        let limiter = Arc::new(ConnectionLimiter::new(
            NonZeroUsize::new(3).unwrap(),
            NonZeroUsize::new(2).unwrap(),
        ));
        let acquire = |address: &str| limiter.try_acquire(address.parse().unwrap());
        let first = acquire("2001:db8::1").unwrap();
        let _second = acquire("2001:db8::ffff:2").unwrap();
        assert_eq!(acquire("2001:db8::3").unwrap_err(), LimitExceeded::Network);
        let third = acquire("2001:db8:0:1::1").unwrap();
        assert_eq!(acquire("192.0.2.1").unwrap_err(), LimitExceeded::Node);
        drop(first);
        drop(third);
        let _again = (
            acquire("2001:db8::3").unwrap(),
            acquire("192.0.2.1").unwrap(),
        );
        assert_eq!(limiter.open.lock().by_network.len(), 2);
    }
}
