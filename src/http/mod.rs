//! The routes: GraphQL over HTTP, WebSocket and server-sent events, `/verify` for gateways, health
//! probes, the schema, and the playground.

mod accept;
mod body;
mod client;
mod client_address;
mod client_hints;
mod connection_limits;
mod connection_timer;
mod cookies;
mod cors;
mod cross_origin;
mod direct;
mod event_stream;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod graphql;
mod handler;
mod header_list;
mod health;
mod http2;
mod lost_peers;
mod misplaced_credentials;
mod negotiate;
mod playground;
mod request_head;
mod response;
mod serve;
mod socket_limits;
mod stall_timeout;
mod tls;
mod unread_body;
mod verify;
mod websocket;

use std::{fmt, sync::Arc};

use axum::{
    Router,
    extract::{MatchedPath, Request},
    http::header,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};

pub use self::{
    client_address::ClientAddresses,
    serve::serve,
    socket_limits::SocketLimiter,
    tls::{Tls, TlsError, first_certificate},
};
use crate::{
    config::{BrowserSettings, ConnectionLimits},
    graphql::Api,
    origin::Origin,
    request_id::RequestIds,
    service::Service,
    shutdown::Shutdown,
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
    pub sockets: Arc<SocketLimiter>,
    /// Whether the server has the playground.
    pub playground: bool,
    /// The origins whose pages may use the API, in addition to the server's own.
    pub allowed_origins: Vec<Origin>,
    /// The certificate. `None` for plain HTTP.
    pub tls: Option<Arc<Tls>>,
    /// Gives each request its id.
    pub request_ids: RequestIds,
    /// The settings for sessions in browsers.
    pub browsers: BrowserSettings,
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

/// Returns a short description of the API for language models (llmstxt.org).
async fn llms_txt() -> impl IntoResponse {
    const TEXT: &str = include_str!("../../docs/llms.txt");
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], TEXT)
}

/// Returns the routes of the probes, the schema and the playground. The other endpoints are those of
/// `handler::Endpoint`.
fn router(state: &AppState) -> Router {
    let introspection = state.api.allows_introspection();
    let mut router = Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/llms.txt", get(llms_txt));
    if introspection {
        router = router.route("/schema.graphql", get(graphql::sdl));
    }
    if state.playground {
        let config = state.service.config();
        router = router.merge(playground::routes(&playground::Settings {
            development_mode: state.api.trusts_anyone(),
            introspection,
            client_policies: &config.client_on_conflict,
            away_after: config.away.away_after,
        }));
    }
    let router = router.route_layer(middleware::from_fn(keep_route));
    router.with_state(Arc::clone(&state.service))
}

/// Adds the matched route to the response, for the log.
async fn keep_route(route: MatchedPath, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.extensions_mut().insert(route);
    response
}
