//! Figures of what an operator or a front end waits or pays for, measured over real processes. Each
//! is printed beside its ceiling in the same run: what the database alone does, or a request that
//! reads nothing. `make bench` prints all of them, and `cargo bench --bench figures -- alerts` one.
//!
//! A figure is a file here and a line in [`main`].
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

mod alerts;
mod bare_mongo;
mod checks;
mod commits;
mod cpu_cost;
mod durations;
mod queries;

use std::env;

use sessiond_test_support::{Binary, MongoDatabase, ServerProcess, sessiond_binary};

const SESSIOND: Binary = sessiond_binary!();

/// Two nodes on a database of their own.
struct Cluster {
    database: MongoDatabase,
    nodes: [ServerProcess; 2],
}

impl Cluster {
    async fn start() -> Self {
        let database = MongoDatabase::new().await;
        let server = || SESSIOND.server().database(&database.uri).service_key();
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
    // The other figures are of one node on a SQLite file.
    let node = SESSIOND.server().service_key().start().await;
    if is_selected("checks") {
        checks::print(&node).await;
    }
    if is_selected("queries") {
        queries::print(&node).await;
    }
}
