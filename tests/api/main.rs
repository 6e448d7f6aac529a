//! The API over a real listener, real SQLite files and real sockets. Only the clock and randomness
//! are under the control of the tests.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod access;
mod alert_cursor;
mod alerts;
mod conflicts;
mod connections;
mod event_stream;
mod flow;
mod http;
mod input;
mod limits;
mod operation;
mod passwords;
mod races;
mod robustness;
mod schema;
mod websocket;

use sessiond_test_support::{Binary, sessiond_binary};

/// The server that the tests run in a process of its own.
const SESSIOND: Binary = sessiond_binary!();
