//! The client of sessiond for back ends.
//!
//! A [`Checker`] verifies the token of each request. It answers from memory, follows the feed of all
//! sessions so that a session that ends is refused at once, and asks the server if its memory is too
//! old. [`RequireSession`] is the same as a tower layer, and [`ServiceClient`] sends the calls that
//! need a service key.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use axum::{Extension, Router, routing::get};
//! use sessiond_client::{CheckedSession, Checker, RequireSession};
//!
//! async fn me(Extension(session): Extension<Arc<CheckedSession>>) -> String {
//!     format!("Hello {}", session.username)
//! }
//!
//! # async fn start() -> Result<(), Box<dyn std::error::Error>> {
//! let checker = Checker::builder("http://127.0.0.1:3000")
//!     .service_key(&std::env::var("SESSIOND_SERVICE_KEY")?)
//!     .start()?;
//! let app: Router = Router::new()
//!     .route("/api/me", get(me))
//!     .layer(RequireSession::new(checker));
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! axum::serve(listener, app).await?;
//! # Ok(())
//! # }
//! ```

mod backoff;
mod builder;
mod cache;
mod checker;
mod clock;
mod cookie;
mod credentials;
mod endpoints;
mod error;
mod event_stream;
mod feed;
mod http_client;
mod layer;
mod service;
mod service_types;
mod session;

pub use self::{
    builder::CheckerBuilder,
    checker::Checker,
    clock::{Clock, SystemClock},
    credentials::Refusal,
    error::Error,
    feed::FeedState,
    layer::{RequireSession, RequireSessionService},
    service::ServiceClient,
    service_types::{CreatedUser, Login, LoginInput, LoginOutcome, OnConflict, UserInput},
    session::CheckedSession,
};
