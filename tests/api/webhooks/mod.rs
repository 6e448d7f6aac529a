//! Webhooks, from a server to a receiver on this machine.

mod delivery;
mod retries;
mod sender;
mod setup;
mod stops;

use rusqlite::Connection;
use sessiond_test_support::{TestServer, WebhookFlags, WebhookReceiver, within_deadline};

/// A server that sends to one receiver, and that receiver.
async fn server_with_receiver() -> (TestServer, WebhookReceiver, WebhookFlags) {
    let receiver = WebhookReceiver::start();
    let (server, flags) = server_to(&[receiver.url()]).await;
    (server, receiver, flags)
}

/// A server that sends to these URLs.
async fn server_to(urls: &[String]) -> (TestServer, WebhookFlags) {
    let flags = WebhookFlags::to(urls);
    let server = TestServer::with_flags(&flags.as_flags()).await;
    (server, flags)
}

/// Waits until this number of users is parked for all receivers together.
async fn wait_for_parked(server: &TestServer, count: usize) {
    let connection = Connection::open(server.database_file()).unwrap();
    let query = "SELECT count(*) FROM webhook_parked";
    within_deadline(async {
        loop {
            let found: usize = connection.query_row(query, [], |row| row.get(0)).unwrap();
            if found == count {
                break;
            }
            // The sender may be on this thread.
            tokio::task::yield_now().await;
        }
    })
    .await;
}
