//! A node under load whose database stops for a while.

use std::sync::Arc;

use sessiond_test_support::{MongoServer, SteadyLoad, UNBOUNDED_ALERTS, outage_length};

use crate::start_node;

const CLIENTS: usize = 32;

/// The memory that the requests of the clients may take while they wait.
const MAX_GROWTH: u64 = 64 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_stops_under_load_costs_bounded_memory_and_everything_recovers() {
    let Some(database) = MongoServer::start_own(&[]).await else {
        return;
    };
    let flags = [UNBOUNDED_ALERTS, "--take-over-limit=4294967295/1m"];
    let node = Arc::new(start_node(&database.uri("outage"), &flags).await);
    let mut load = SteadyLoad::start(&node, CLIENTS).await;
    load.wait_for(|answered| answered.logins).await;
    let before = node.resident_memory();

    // A process that is stopped keeps its connections open, and answers nothing.
    database.signal("STOP");
    let during = load.memory_during(outage_length(), |answered| answered.unavailable_logins);
    let during = during.await;
    assert_eq!(node.get_status("/healthz").await, 200);
    assert_eq!(node.get_status("/readyz").await, 503);

    database.signal("CONT");
    load.wait_for(|answered| answered.logins).await;
    load.wait_for(|answered| answered.checks).await;
    let after = node.resident_memory();
    let answered = load.finish().await;
    println!(
        "memory {} MiB before, at most {} MiB during the outage, {} MiB after it; {answered:?}",
        before >> 20,
        during >> 20,
        after >> 20
    );
    assert!(during < before + MAX_GROWTH && after < before + MAX_GROWTH);
}
