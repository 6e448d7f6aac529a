//! The MongoDB store over a real server. `MongoDatabase` describes how the tests find the server.
//! These tests are a separate binary, so that the other tests need no server.
#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    reason = "a task that a test spawns ends with the test"
)]

mod archiving;
mod asking;
mod changes;
mod check;
mod clock;
mod commits;
mod crashes;
mod documents;
mod failed_logins;
mod failures;
mod fault_points;
mod feed;
mod hang_ups;
mod history;
mod kills;
mod maintenance;
mod migration;
mod nodes;
mod opening;
mod outage;
mod queries;
mod races;
mod recent_users;
mod retention;
mod rolling_upgrade;
mod statements;
mod tails;
mod webhooks;

use sessiond_test_support::{Binary, ServerProcess, sessiond_binary};

/// The server that the tests run in a separate process.
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

/// The stored form of a token hash that contains this number.
fn token_hash(number: i64) -> bson::Binary {
    bson::Binary {
        subtype: bson::spec::BinarySubtype::Generic,
        bytes: [number.to_be_bytes(); 4].concat(),
    }
}

mod contract {
    use sessiond_test_support::{MongoDatabase, store_contract_tests};

    store_contract_tests!(MongoDatabase);
}
