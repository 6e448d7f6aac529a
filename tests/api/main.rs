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
mod asking;
mod backup;
mod broken_files;
mod check;
mod client_address;
mod client_hints;
mod clock;
mod command_line;
mod conflicts;
mod connections;
mod cookies;
mod credentials;
mod cross_origin;
mod depth;
mod development_mode;
mod devices;
mod direct_alerts;
mod direct_requests;
mod direct_responses;
mod documented_commands;
mod documented_tests;
mod documents;
mod end_to_end;
mod event_stream;
mod freezing;
mod guessing_load;
mod handshake;
mod hang_ups;
mod http;
mod idle_connections;
mod input;
mod kills;
mod limits;
mod load;
mod logging;
mod memory;
mod metrics;
mod moved_files;
mod open_files;
mod outage;
mod passwords;
mod payloads;
mod persisted_queries;
mod places;
mod playground;
mod races;
mod reference_pages;
mod refused_keys;
mod registration;
mod request_body;
mod request_head;
mod request_ids;
mod requests;
mod reserved_sockets;
mod robustness;
mod schema;
mod secrets;
mod service_keys;
mod session_events;
mod settings_file;
mod several_operations;
mod termination;
mod text;
mod text_before_rules;
mod tls;
mod traces;
mod unread_body;
mod validated_documents;
mod verify;
mod webhooks;
mod websocket;

use sessiond_test_support::{Binary, ServerProcess, sessiond_binary};

/// The server that the tests run in a separate process.
const SESSIOND: Binary = sessiond_binary!();

/// Starts a server process in development mode with these flags.
async fn start_process(flags: &[&str]) -> ServerProcess {
    SESSIOND.server().flags(flags).start().await
}
