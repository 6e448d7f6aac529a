//! Figures of what an operator or a front end waits or pays for, over real processes, each printed beside its ceiling in
//! the same run: what the database alone does, or a request that asks for nothing. `make bench` prints all of
//! them; `cargo bench --bench figures -- alerts` one.
//!
//! A figure is a file here, and a line in [`main`].
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a benchmark fails by panicking"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "what is spawned ends with the figure"
)]

mod alerts;
mod bare;
mod checks;
mod commits;
mod queries;
mod spent;
mod times;

#[path = "../../tests/mongo/node.rs"]
#[expect(dead_code, reason = "the tests need more of it")]
mod node;
#[path = "../../tests/mongo/server.rs"]
#[expect(dead_code, reason = "the tests need more of it")]
mod server;
#[path = "../../tests/api/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the tests need more of it")]
mod support;

use std::env;

use self::{node::Node, server::Database};

/// Two nodes on a database of their own.
struct Cluster {
    database: Database,
    nodes: [Node; 2],
}

impl Cluster {
    async fn start() -> Self {
        let database = Database::new().await;
        let nodes = [
            Node::start(&database.uri, &[]).await,
            Node::start(&database.uri, &[]).await,
        ];
        Self { database, nodes }
    }
}

#[tokio::main]
async fn main() {
    // Cargo passes `--bench` too.
    let named: Vec<_> = env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let is_asked_for = |figure: &str| named.is_empty() || named.iter().any(|name| name == figure);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("Clients, two nodes and the database on the same {cores} cores.");
    if is_asked_for("alerts") {
        alerts::print(&Cluster::start().await).await;
    }
    if is_asked_for("commits") {
        commits::print(&Cluster::start().await).await;
    }
    // What follows is of one node, on a file.
    let folder = tempfile::tempdir().unwrap();
    let file = format!("sqlite:{}", folder.path().join("bench.db").display());
    let node = Node::start(&file, &[]).await;
    if is_asked_for("checks") {
        checks::print(&node).await;
    }
    if is_asked_for("queries") {
        queries::print(&node).await;
    }
}
