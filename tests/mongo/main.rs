//! The MongoDB store over a real server: see [`server`] for where that is found.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod commits;
mod fixtures;
mod hints;
mod opening;
mod server;
