//! A server under load whose SQLite file another program locks for a while.

use std::sync::Arc;

use rusqlite::Connection;
use sessiond_test_support::{SteadyLoad, UNBOUNDED_ALERTS, outage_length};

use crate::SESSIOND;

const CLIENTS: usize = 32;

/// The memory that the requests of the clients may take while they wait.
const MAX_GROWTH: u64 = 64 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_file_under_load_costs_bounded_memory_and_everything_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let flags = [UNBOUNDED_ALERTS, "--take-over-limit=4294967295/1m"];
    let server = SESSIOND.server().flags(&flags).database_file(&path);
    let server = Arc::new(server.start().await);
    let mut load = SteadyLoad::start(&server, CLIENTS).await;
    load.wait_for(|answered| answered.logins).await;
    let (before, served_before) = (server.resident_memory(), load.answered());

    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let during = load.memory_during(outage_length(), |answered| answered.unavailable_logins);
    let during = during.await;
    let failed = load.answered();
    // Tokens are checked without a write.
    assert!(
        failed.checks > served_before.checks && failed.unavailable_checks == 0,
        "{failed:?}"
    );
    assert_eq!(server.get_status("/healthz").await, 200);

    other.execute_batch("ROLLBACK").unwrap();
    load.wait_for(|answered| answered.logins).await;
    let after = server.resident_memory();
    let answered = load.finish().await;
    println!(
        "memory {} MiB before, at most {} MiB during the outage, {} MiB after it; {answered:?}",
        before >> 20,
        during >> 20,
        after >> 20
    );
    assert!(during < before + MAX_GROWTH && after < before + MAX_GROWTH);
}
