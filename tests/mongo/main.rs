//! The MongoDB store over a real server, found as `MongoDatabase` describes. These tests are a
//! binary of their own, so that the other tests need no server.
#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    reason = "a task that a test spawns ends with the test"
)]

mod changes;
mod check;
mod commits;
mod deaths;
mod failures;
mod nodes;
mod opening;
mod queries;
mod races;
mod retention;
mod sweeps;

use sessiond_test_support::{Binary, ServerProcess, sessiond_binary};

/// The server that the tests run in a process of its own.
const SESSIOND: Binary = sessiond_binary!();

/// Starts a server with a service key on the database with this connection string.
async fn start_node(uri: &str, flags: &[&str]) -> ServerProcess {
    SESSIOND
        .server()
        .database(uri)
        .service_key()
        .flags(flags)
        .start()
        .await
}

mod contract {
    use sessiond_test_support::{MongoDatabase, hold_to_contract};

    hold_to_contract!(MongoDatabase);
}
