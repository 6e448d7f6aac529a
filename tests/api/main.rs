//! The API over a real listener, real SQLite files and real sockets. Only the clock and chance are held still.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod access;
mod alerts;
mod conflicts;
mod flow;
mod http;
mod input;
mod operation;
mod passwords;
mod races;
mod schema;
mod support;
mod websocket;
