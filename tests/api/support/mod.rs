//! A server on a port of its own, and the clients to talk to it with.

mod ambient;
mod answer;
mod bare;
mod node;
mod server;
mod socket;

use std::{future::Future, time::Duration};

pub use self::{
    ambient::Still,
    answer::Answer,
    bare::{connect, node, rest},
    node::{Node, command, limited},
    server::{Account, Server, Users},
    socket::{Socket, Subscription},
};

/// The key of servers that have one.
pub const SERVICE_KEY: &str = "a service key of 32 characters or more";

/// What is awaited must come; this long is for a machine under load, and says nothing about speed.
pub const DEADLINE: Duration = Duration::from_secs(30);

pub async fn soon<F: Future>(event: F) -> F::Output {
    tokio::time::timeout(DEADLINE, event).await.expect("what was awaited came in time")
}
