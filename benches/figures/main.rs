//! Latency, throughput and CPU time of real server processes. Each figure is printed beside a
//! reference that is measured in the same run: the database alone, or a request that reads nothing.
//! `make bench-mongodb` prints all figures, and `cargo bench --bench figures -- alerts` prints one.
//!
//! To add a figure, add a file in this folder and a line in [`main`].
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

mod alerts;
mod bare_mongo;
mod checks;
mod commits;
mod cpu_cost;
mod durations;
mod queries;

use std::env;

use sessiond_test_support::{
    Binary, MongoDatabase, ServerProcess, UNBOUNDED_ALERTS, sessiond_binary,
};

/// The server that the benchmarks run in a separate process.
const SESSIOND: Binary = sessiond_binary!();

/// Two nodes on one new database.
struct Cluster {
    database: MongoDatabase,
    nodes: [ServerProcess; 2],
}

impl Cluster {
    async fn start() -> Self {
        let database = MongoDatabase::new().await;
        let server = || {
            SESSIOND
                .server()
                .database(&database.uri)
                .service_key()
                .flags(&[UNBOUNDED_ALERTS])
        };
        let nodes = [server().start().await, server().start().await];
        Self { database, nodes }
    }
}

#[tokio::main]
async fn main() {
    // Cargo passes the flag `--bench` as well.
    let names: Vec<_> = env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let is_selected = |figure: &str| names.is_empty() || names.iter().any(|name| name == figure);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("Clients, two nodes and the database on the same {cores} cores.");
    if is_selected("alerts") {
        alerts::print(&Cluster::start().await).await;
    }
    if is_selected("commits") {
        commits::print(&Cluster::start().await).await;
    }
    // The other figures measure one node on an SQLite file.
    let node = SESSIOND.server().service_key().start().await;
    if is_selected("checks") {
        checks::print(&node).await;
    }
    if is_selected("queries") {
        queries::print(&node).await;
    }
}
