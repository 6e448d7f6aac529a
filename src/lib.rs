//! sessiond: one user, one active session, and a live alert when a second device tries to log in.
//!
//! # Map of the crate
//! Dependencies point one way, from the top of this list to the bottom: a module uses only modules
//! that are listed after it.
//!
//! - [`command`] runs a command of the binary. [`check`] and [`migrate`] are the commands with these
//!   names, [`backup`] has the commands `backup` and `restore`, [`new_key`] the command `key new`, and
//!   [`manual`] the manual page.
//! - `fuzzing` has the fuzz targets. It exists in tests and with the feature `fuzzing` only.
//! - [`app`] starts a node: it connects the parts according to the settings.
//! - [`http`] has the routes: GraphQL over HTTP, WebSocket and server-sent events, token checks for
//!   gateways, health probes, and the playground.
//! - [`graphql`] is the API: the schema, its resolvers, and the limits on operations.
//! - [`config`] has the settings and validates them.
//! - [`service`] has the use cases. Each authorizes the caller, loads the user, lets the rules
//!   decide, commits the decision, and retries if another change was committed first.
//! - [`webhooks`] sends alerts to the receivers of the settings.
//! - [`alerts`] delivers alerts to live subscribers. The log in the store is the source of truth. A
//!   channel only wakes its subscribers, which then read the log.
//! - [`access`] has the kinds of callers, and limits how much of a user each of them sees.
//! - [`store`] keeps users, sessions and alerts, and applies each decision atomically. It has two
//!   implementations, for SQLite and MongoDB.
//! - [`domain`] has the types, which cannot hold invalid values, and the rules, which make every
//!   decision. It is pure: it does no I/O, and it gets time, ids and secrets as arguments.
//!
//! The other modules are tools. [`clock`] and [`random`] are the sources of time and randomness,
//! which a test can replace, and [`ids`] generates ids and secrets from them. [`backoff`] pauses
//! between attempts. [`error_chain`] formats errors for the log, [`log_limit`] limits repeated log
//! lines, and
//! [`telemetry`] starts logging. [`metrics`] counts and measures for Prometheus, and [`traces`] sends
//! spans to a collector of OpenTelemetry. [`request_id`] ties
//! log lines to requests. [`origin`] parses and compares the origins of web pages. [`shutdown`] spawns
//! and ends tasks, [`reload`] reads files again on SIGHUP, and [`systemd`] reports to the service
//! manager. [`open_files`] fits the connection limits to the open-file
//! limit, [`disk_space`] reads the free space of a disk, and [`web_client`] sends requests to other web
//! servers.

pub mod access;
pub mod alerts;
pub mod app;
pub mod backoff;
pub mod backup;
pub mod check;
pub mod clock;
pub mod command;
pub mod config;
pub mod disk_space;
pub mod domain;
pub mod error_chain;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod graphql;
pub mod http;
pub mod ids;
pub mod log_limit;
pub mod manual;
pub mod metrics;
pub mod migrate;
pub mod new_key;
pub mod open_files;
pub mod origin;
pub mod places;
pub mod random;
pub mod reload;
pub mod request_id;
pub mod service;
pub mod shutdown;
pub mod store;
pub mod systemd;
pub mod telemetry;
pub mod traces;
pub mod web_client;
pub mod webhooks;
