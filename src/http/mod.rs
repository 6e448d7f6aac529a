//! The routes: GraphQL over HTTP, WebSocket and server-sent events, `/verify` for gateways, health
//! probes, the schema, and the playground.

mod body;
mod client;
mod connection_limits;
mod cross_origin;
mod event_stream;
mod graphql;
mod health;
mod misplaced_credentials;
mod negotiate;
mod playground;
mod response;
mod serve;
mod verify;
mod websocket;

use std::{fmt, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, FromRef},
    http::{HeaderName, HeaderValue, Request, header},
    middleware::from_fn_with_state,
    routing::get,
};
use axum_client_ip::ClientIpSource;
use tower::ServiceBuilder;
use tower_http::{cors::CorsLayer, set_header::SetResponseHeaderLayer, trace::TraceLayer};

use self::cross_origin::CrossOriginPolicy;
pub use self::{connection_limits::ConnectionLimiter, serve::serve};
use crate::{
    config::{ConnectionLimits, Origin},
    graphql::Api,
    service::Service,
    shutdown::Shutdown,
};

/// The time for which a browser may cache the response to a CORS preflight request.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_hours(1);

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
    /// The origins whose pages may use the API, in addition to the server's own.
    pub allowed_origins: Vec<Origin>,
    /// The source of a client's address: the connection, or the header of a trusted proxy.
    pub client_ip_source: ClientIpSource,
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
    let layers = ServiceBuilder::new()
        .layer(trace)
        .layer(default_header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(default_header(header::REFERRER_POLICY, "no-referrer"))
        .layer(default_header(header::CACHE_CONTROL, "no-store"))
        .layer(from_fn_with_state(cross_origin_policy, cross_origin::check))
        .layer(cors(&state.allowed_origins))
        .layer(state.client_ip_source.clone().into_extension())
        .layer(DefaultBodyLimit::max(state.limits.max_body.get()));
    let schema = Router::new().route("/schema.graphql", get(graphql::sdl));
    Router::new()
        .route("/graphql", get(graphql::get).post(graphql::post))
        .route("/verify", get(verify::verify))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .merge(if state.api.allows_introspection() {
            schema
        } else {
            Router::new()
        })
        .merge(playground::routes(
            development_mode,
            state.api.allows_introspection(),
        ))
        .layer(layers)
        .with_state(state)
}

fn cors(allowed_origins: &[Origin]) -> CorsLayer {
    // Every origin is a valid header value, because it was parsed.
    let origins = allowed_origins
        .iter()
        .filter_map(|origin| HeaderValue::from_str(origin.as_str()).ok());
    CorsLayer::new()
        .allow_origin(origins.collect::<Vec<_>>())
        .allow_methods([axum::http::Method::GET, axum::http::Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::ACCEPT])
        .max_age(PREFLIGHT_MAX_AGE)
}
