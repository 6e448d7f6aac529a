//! The MongoDB store over a real server: see [`server`] for where that is found.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod commits;
mod failures;
mod fixtures;
mod hints;
mod opening;
mod proxy;
mod queries;
mod server;
