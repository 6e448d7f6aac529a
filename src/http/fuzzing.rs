//! A front door in memory, and checks of the headers in which proxies send addresses.

use std::{
    net::{IpAddr, Ipv4Addr},
    num::NonZeroUsize,
    sync::Arc,
};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::DuplexStream;

use super::{
    AppState, ClientAddresses,
    connection_limits::{ConnectionLimiter, LimitExceeded},
    handler::RequestHandler,
    serve::{Connected, Peer, RequestContext, Stop, serve_http1},
};
use crate::{
    config::{ClientIp, ConnectionLimits},
    graphql::Api,
    metrics::InUse,
};

/// The address of every client of a front door in memory.
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Serves connections in memory as the listener serves those of the network.
pub(crate) struct FrontDoor {
    context: Arc<RequestContext>,
    limits: ConnectionLimits,
    api: Api,
    stop: Stop,
}

impl FrontDoor {
    /// Creates the front door of a node.
    ///
    /// # Errors
    /// [`LimitExceeded`] never, because there is one connection.
    pub(crate) fn new(state: AppState) -> Result<Self, impl std::fmt::Debug> {
        let limiter = Arc::new(ConnectionLimiter::new(NonZeroUsize::MIN, NonZeroUsize::MIN));
        let permit = limiter.try_acquire(PEER)?;
        let connected = Connected::new(permit, InUse::of(|metrics| &metrics.connections));
        let (limits, api, stop) = (state.limits, state.api.clone(), state.shutdown.token());
        let context = RequestContext {
            handler: Arc::new(RequestHandler::new(state)),
            peer: Peer {
                address: PEER,
                connected,
            },
        };
        Ok::<_, LimitExceeded>(Self {
            context: Arc::new(context),
            limits,
            api,
            stop,
        })
    }

    /// Serves the requests of a connection until it ends.
    pub(crate) async fn serve(&self, stream: DuplexStream) {
        let context = Arc::clone(&self.context);
        serve_http1(stream, context, self.limits, self.stop.child_token()).await;
    }

    /// Returns the API behind the front door.
    pub(crate) const fn api(&self) -> &Api {
        &self.api
    }
}

/// Checks that a client cannot choose its address behind a proxy that appends to its header,
/// whatever lines of the header the client itself has sent.
///
/// # Panics
/// If a check fails.
pub(crate) fn check_addresses(data: &[u8]) {
    let lines: Vec<_> = data
        .split(|byte| *byte == b'\n')
        .filter_map(|line| HeaderValue::from_bytes(line).ok())
        .collect();
    let client = IpAddr::from([203, 0, 113, 9]);
    for source in [
        ClientIp::XForwardedFor,
        ClientIp::Forwarded,
        ClientIp::XRealIp,
        ClientIp::CloudfrontViewerAddress,
    ] {
        let Some(name) = source.header().map(HeaderName::from_static) else {
            continue;
        };
        let addresses = ClientAddresses::new(source);
        let mut headers = HeaderMap::new();
        for line in &lines {
            headers.append(&name, line.clone());
        }
        let found = addresses.find(&headers, PEER);
        assert_eq!(found, found.to_canonical(), "{source:?} {lines:?}");
        let appended = match source {
            ClientIp::XForwardedFor => "203.0.113.9",
            ClientIp::Forwarded => "for=203.0.113.9",
            // The proxy replaces these headers.
            _ => continue,
        };
        for headers in [
            in_a_line_of_its_own(&headers, &name, appended),
            in_the_last_line(&headers, &name, appended),
        ] {
            let found = addresses.find(&headers, PEER);
            assert!(found == client || found == PEER, "{found} from {headers:?}");
        }
    }
}

fn in_a_line_of_its_own(headers: &HeaderMap, name: &HeaderName, element: &str) -> HeaderMap {
    let mut headers = headers.clone();
    headers.extend(element.parse().map(|element| (name.clone(), element)));
    headers
}

fn in_the_last_line(headers: &HeaderMap, name: &HeaderName, element: &str) -> HeaderMap {
    let mut lines: Vec<_> = headers
        .get_all(name)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    let last = lines.pop().unwrap_or_default();
    let appended = [last, b", ", element.as_bytes()].concat();
    let lines = lines.into_iter().chain([appended.as_slice()]);
    let lines = lines.filter_map(|line| HeaderValue::from_bytes(line).ok());
    lines.map(|line| (name.clone(), line)).collect()
}
