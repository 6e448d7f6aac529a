//! The routes: GraphQL over HTTP, WebSocket and server-sent events, `/verify` for gateways, health
//! probes, the schema, and the playground.

mod body;
mod client;
mod client_address;
mod connection_limits;
mod connection_timer;
mod cors;
mod cross_origin;
mod event_stream;
mod graphql;
mod handler;
mod header_list;
mod health;
mod http2;
mod misplaced_credentials;
mod negotiate;
mod playground;
mod request_head;
mod response;
mod serve;
mod stall_timeout;
mod tls;
mod unread_body;
mod verify;
mod websocket;

use std::{fmt, sync::Arc};

use axum::{Router, routing::get};

pub use self::{
    client_address::ClientAddresses,
    connection_limits::ConnectionLimiter,
    serve::serve,
    tls::{Tls, TlsError, first_certificate},
};
use crate::{
    config::ConnectionLimits, graphql::Api, origin::Origin, request_id::RequestIds,
    service::Service, shutdown::Shutdown,
};

/// The state of the endpoints.
pub struct AppState {
    /// The use cases.
    pub service: Arc<Service>,
    /// The GraphQL API.
    pub api: Api,
    /// The limits on connections.
    pub limits: ConnectionLimits,
    /// The limiter of WebSockets and event streams.
    pub sockets: Arc<ConnectionLimiter>,
    /// Whether the server has the playground.
    pub playground: bool,
    /// The origins whose pages may use the API, in addition to the server's own.
    pub allowed_origins: Vec<Origin>,
    /// The certificate. `None` for plain HTTP.
    pub tls: Option<Arc<Tls>>,
    /// Gives each request its id.
    pub request_ids: RequestIds,
    /// Finds a client's address, in the connection or in the header of a trusted proxy.
    pub client_addresses: Arc<ClientAddresses>,
    /// Ends connections, WebSockets and event streams, and waits for them.
    pub shutdown: Shutdown,
}

impl fmt::Debug for AppState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppState")
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

/// Returns the routes of the probes, the schema and the playground. The other endpoints are those of
/// `handler::Endpoint`.
fn router(state: &AppState) -> Router {
    let introspection = state.api.allows_introspection();
    let mut router = Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz));
    if introspection {
        router = router.route("/schema.graphql", get(graphql::sdl));
    }
    if state.playground {
        let development_mode = state.api.trusts_anyone();
        router = router.merge(playground::routes(development_mode, introspection));
    }
    router.with_state(Arc::clone(&state.service))
}
