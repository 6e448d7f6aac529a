//! sessiond: one user, one active session, and a live alert when a second device tries to log in.
//!
//! Dependencies point one way, from the bottom of this list to the top:
//! - [`domain`] says what is promised, as pure code: the types that cannot be wrong, and the rules that decide.
//! - [`store`] keeps users, sessions and alerts, and applies what was decided whole or not at all.
//! - [`alerts`] takes a commit's alerts to whoever follows its user. The log in the store is the truth; channels
//!   only say "look".
//! - [`access`] says who a caller is, and how much of a user it may see.
//! - [`service`] holds the use cases: who may, load, decide, commit, and again where another was faster.
//! - [`graphql`] is the API over them, and [`http`] the way to it.
//! - [`app`] puts the parts together by [`config`] and ends them by [`shutdown`].
//!
//! [`clock`] and [`random`] are the only sources of time and randomness, so that a test can hold both still; [`ids`]
//! makes ids of them. [`error_chain`] writes an error and its causes into a log.

pub mod access;
pub mod alerts;
pub mod app;
pub mod backoff;
pub mod clock;
pub mod config;
pub mod domain;
pub mod error_chain;
pub mod graphql;
pub mod http;
pub mod ids;
pub mod random;
pub mod service;
pub mod shutdown;
pub mod store;
pub mod telemetry;
