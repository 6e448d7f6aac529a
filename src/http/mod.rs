//! The routes: GraphQL over HTTP, WebSocket and server-sent events, `/verify` for gateways, health, the schema and the playground.

mod client;
mod connection_limits;
mod cross_origin;
mod event_stream;
mod graphql;
mod health;
mod negotiate;
mod playground;
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
    config::{Limits, Origin},
    graphql::Api,
    service::Service,
    shutdown::Shutdown,
};

/// How long a browser may keep the answer to a CORS preflight.
const PREFLIGHT_KEPT: Duration = Duration::from_hours(1);

/// What the routes need.
#[derive(Clone)]
pub struct AppState {
    pub service: Arc<Service>,
    pub api: Api,
    pub limits: Limits,
    /// WebSockets and event streams.
    pub sockets: Arc<ConnectionLimiter>,
    /// Origins other than the server's own that may use the API.
    pub allowed_origins: Vec<Origin>,
    pub client_ip_source: ClientIpSource,
    /// Closes the sockets, and waits for them.
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
    fn from_ref(parts: &AppState) -> Self {
        Self::clone(&parts.service)
    }
}

/// The routes over `parts`, to be served with the peer's address as connect info.
fn router(parts: AppState) -> Router {
    let development_mode = parts.service.config().service_key.is_none();
    let guard = Arc::new(CrossOriginPolicy::new(
        development_mode,
        &parts.allowed_origins,
    ));
    let always = |name: HeaderName, value| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    // A request's query string may hold variables, and its headers a token: neither is logged.
    let trace = TraceLayer::new_for_http().make_span_with(|request: &Request<_>| {
        tracing::debug_span!("request", method = %request.method(), path = request.uri().path())
    });
    // Whatever failed was logged where it did; what was refused is no failure.
    let trace = trace.on_failure(());
    let layers = ServiceBuilder::new()
        .layer(trace)
        .layer(always(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(always(header::REFERRER_POLICY, "no-referrer"))
        .layer(always(header::CACHE_CONTROL, "no-store"))
        .layer(from_fn_with_state(guard, cross_origin::check))
        .layer(cors(&parts.allowed_origins))
        .layer(parts.client_ip_source.clone().into_extension())
        .layer(DefaultBodyLimit::max(parts.limits.max_body.get()));
    let schema = Router::new().route("/schema.graphql", get(graphql::sdl));
    Router::new()
        .route("/graphql", get(graphql::get).post(graphql::post))
        .route("/verify", get(verify::verify))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .merge(if parts.limits.introspection {
            schema
        } else {
            Router::new()
        })
        .merge(playground::routes(
            development_mode,
            parts.limits.introspection,
        ))
        .layer(layers)
        .with_state(parts)
}

fn cors(allowed: &[Origin]) -> CorsLayer {
    // An origin that parsed holds only what a header value may.
    let origins = allowed
        .iter()
        .filter_map(|origin| HeaderValue::from_str(origin.as_str()).ok());
    CorsLayer::new()
        .allow_origin(origins.collect::<Vec<_>>())
        .allow_methods([axum::http::Method::GET, axum::http::Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::ACCEPT])
        .max_age(PREFLIGHT_KEPT)
}
