//! The API over a real listener, real SQLite files and real sockets. The tests
//! replace only the clock and the random numbers.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod access;
mod access_table;
mod alert_cursor;
mod alert_documents;
mod alert_limit;
mod alerts;
mod backup;
mod check;
mod client_address;
mod clock;
mod command_line;
mod conflicts;
mod connections;
mod credentials;
mod cross_origin;
mod depth;
mod development_mode;
mod devices;
mod documented_commands;
mod documents;
mod end_to_end;
mod event_stream;
mod guessing_load;
mod handshake;
mod hang_ups;
mod http;
mod input;
mod limits;
mod logging;
mod memory;
mod metrics;
mod passwords;
mod payloads;
mod persisted_queries;
mod playground;
mod races;
mod registration;
mod request_body;
mod request_head;
mod request_ids;
mod requests;
mod robustness;
mod schema;
mod secrets;
mod service_keys;
mod settings_file;
mod termination;
mod text;
mod text_before_rules;
mod tls;
mod traces;
mod unread_body;
mod validated_documents;
mod verify;
mod websocket;

use sessiond_test_support::{Binary, ServerProcess, sessiond_binary};

/// The server that the tests run in a separate process.
const SESSIOND: Binary = sessiond_binary!();

/// Starts a server process in development mode with these flags.
async fn start_process(flags: &[&str]) -> ServerProcess {
    SESSIOND.server().flags(flags).start().await
}
