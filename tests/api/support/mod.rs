//! A server on a port of its own, and the clients to talk to it with.

mod answer;
mod bare;
mod clock;
mod node;
mod random;
mod server;
mod socket;

use std::{future::Future, time::Duration};

pub use self::{
    answer::Answer,
    bare::{connect, node, rest},
    clock::FakeClock,
    node::{Node, command, limited},
    random::SeededRandom,
    server::{Account, Server, Users},
    socket::{Socket, Subscription},
};

/// The key of servers that have one.
pub const SERVICE_KEY: &str = "a service key of 32 characters or more";

/// What is awaited must come; this long is for a machine under load, and says nothing about speed.
pub const DEADLINE: Duration = Duration::from_secs(30);

pub async fn soon<F: Future>(event: F) -> F::Output {
    tokio::time::timeout(DEADLINE, event)
        .await
        .expect("what was awaited came in time")
}
