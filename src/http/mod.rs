//! The routes: GraphQL over HTTP, WebSocket and server-sent events, `/verify` for gateways, health
//! probes, the schema, and the playground.

mod body;
mod client;
mod client_address;
mod connection_limits;
mod cross_origin;
mod event_stream;
mod graphql;
mod header_list;
mod health;
mod misplaced_credentials;
mod negotiate;
mod playground;
mod request_head;
mod response;
mod serve;
mod unread_body;
mod verify;
mod websocket;

use std::{fmt, sync::Arc};

use axum::{
    Router,
    extract::{DefaultBodyLimit, FromRef},
    http::{HeaderName, HeaderValue, Request, header},
    middleware::{from_fn, from_fn_with_state},
    routing::{any, get},
};
use tower::ServiceBuilder;
use tower_http::{set_header::SetResponseHeaderLayer, trace::TraceLayer};

pub use self::{
    client_address::ClientAddresses, connection_limits::ConnectionLimiter, serve::serve,
};
use self::{cross_origin::CrossOriginPolicy, unread_body::DiscardPolicy};
use crate::{
    config::ConnectionLimits, graphql::Api, origin::Origin, service::Service, shutdown::Shutdown,
};

/// The state of the routes.
#[derive(Clone)]
pub struct AppState {
    /// The use cases.
    pub service: Arc<Service>,
    /// The GraphQL API.
    pub api: Api,
    /// The limits on connections.
    pub limits: ConnectionLimits,
    /// The limiter of WebSockets and event streams.
    pub sockets: Arc<ConnectionLimiter>,
    /// Whether the routes include the playground.
    pub playground: bool,
    /// The origins whose pages may use the API, in addition to the server's own.
    pub allowed_origins: Vec<Origin>,
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

impl FromRef<AppState> for Arc<Service> {
    fn from_ref(state: &AppState) -> Self {
        Self::clone(&state.service)
    }
}

impl FromRef<AppState> for Arc<ClientAddresses> {
    fn from_ref(state: &AppState) -> Self {
        Self::clone(&state.client_addresses)
    }
}

/// Returns the routes. The server must add the peer's address as `ConnectInfo`.
fn router(state: AppState) -> Router {
    let development_mode = state.service.config().service_key.is_none();
    let cross_origin_policy = Arc::new(CrossOriginPolicy::new(
        development_mode,
        &state.allowed_origins,
    ));
    let default_header = |name: HeaderName, value| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    // The query string may contain variables, and the headers a token, so neither is logged.
    let trace = TraceLayer::new_for_http().make_span_with(|request: &Request<_>| {
        tracing::debug_span!("request", method = %request.method(), path = request.uri().path())
    });
    // Errors are logged where they occur, and a rejected request is not an error.
    let trace = trace.on_failure(());
    let discard_policy = DiscardPolicy {
        timeout: state.limits.request_timeout,
        shutdown: state.shutdown.clone(),
    };
    let layers = ServiceBuilder::new()
        .layer(trace)
        .layer(from_fn_with_state(
            discard_policy,
            unread_body::close_connection,
        ))
        .layer(default_header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(default_header(header::REFERRER_POLICY, "no-referrer"))
        .layer(default_header(header::CACHE_CONTROL, "no-store"))
        .layer(from_fn(request_head::check))
        .layer(DefaultBodyLimit::max(state.limits.max_body.get()));
    let browser_layers = from_fn_with_state(cross_origin_policy, cross_origin::check);
    let schema = Router::new().route("/schema.graphql", get(graphql::sdl));
    Router::new()
        .route("/graphql", get(graphql::get).post(graphql::post))
        .merge(if state.api.allows_introspection() {
            schema
        } else {
            Router::new()
        })
        .merge(if state.playground {
            playground::routes(development_mode, state.api.allows_introspection())
        } else {
            Router::new()
        })
        .layer(browser_layers)
        // These routes are added after the layer that checks the Host and the Origin. Probes come
        // by any Host, and change nothing. Gateways forward the Origin and the method of a
        // browser's request, so only the token decides.
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/verify", any(verify::verify))
        .route("/verify/", any(verify::verify))
        .route("/verify/{*path}", any(verify::verify))
        .layer(layers)
        .with_state(state)
}
