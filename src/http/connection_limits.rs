//! How many of one kind are open, on the node and from each network: connections of peers, and the WebSockets and event
//! streams of clients.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::negotiate::HttpError;

/// Of IPv6, whoever has one address usually has its whole /64 network.
const NETWORK: u128 = !(u64::MAX as u128);

/// How long a client may wait until it tries again, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("10");

/// The places of one kind on a node.
#[derive(Debug)]
pub struct ConnectionLimiter {
    on_node: usize,
    per_network: usize,
    open: Mutex<Open>,
}

/// An entry for each network that has a place, so at most as many as there are places.
#[derive(Debug, Default)]
struct Open {
    total: usize,
    networks: HashMap<IpAddr, usize>,
}

/// Given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<ConnectionLimiter>,
    network: IpAddr,
}

/// Why there is no place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum LimitExceeded {
    Node,
    Network,
}

impl ConnectionLimiter {
    #[must_use]
    pub fn new(on_node: NonZeroUsize, per_network: NonZeroUsize) -> Self {
        Self {
            on_node: on_node.get(),
            per_network: per_network.get(),
            open: Mutex::default(),
        }
    }

    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Result<Place, LimitExceeded> {
        let network = network(address);
        let mut open = self.open();
        if open.total >= self.on_node {
            return Err(LimitExceeded::Node);
        }
        let of_network = open.networks.get(&network).copied().unwrap_or(0);
        if of_network >= self.per_network {
            return Err(LimitExceeded::Network);
        }
        open.total += 1;
        open.networks.insert(network, of_network + 1);
        Ok(Place {
            places: Arc::clone(self),
            network,
        })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.places.open();
        open.total -= 1;
        if let Some(of_network) = open.networks.get_mut(&self.network) {
            *of_network -= 1;
            if *of_network == 0 {
                open.networks.remove(&self.network);
            }
        }
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & NETWORK).into(),
    }
}

impl IntoResponse for LimitExceeded {
    fn into_response(self) -> Response {
        let (status, whose) = match self {
            Self::Node => (StatusCode::SERVICE_UNAVAILABLE, "of this server"),
            Self::Network => (StatusCode::TOO_MANY_REQUESTS, "of your address"),
        };
        let message = format!("Too many WebSockets and event streams {whose} are open.");
        (
            [(header::RETRY_AFTER, RETRY_AFTER)],
            HttpError::new(status, "TOO_MANY_SOCKETS", message),
        )
            .into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_one_networks_and_free_again_once_it_is_dropped() {
        let places = Arc::new(ConnectionLimiter::new(
            NonZeroUsize::new(3).unwrap(),
            NonZeroUsize::new(2).unwrap(),
        ));
        let take = |address: &str| places.take(address.parse().unwrap());
        let first = take("2001:db8::1").unwrap();
        let _second = take("2001:db8::ffff:2").unwrap();
        assert_eq!(take("2001:db8::3").unwrap_err(), LimitExceeded::Network);
        let third = take("2001:db8:0:1::1").unwrap();
        assert_eq!(take("192.0.2.1").unwrap_err(), LimitExceeded::Node);
        drop(first);
        drop(third);
        let _again = (take("2001:db8::3").unwrap(), take("192.0.2.1").unwrap());
        assert_eq!(places.open().networks.len(), 2);
    }
}
