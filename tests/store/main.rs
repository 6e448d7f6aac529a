//! The contract that every store is held to, what is special to each store, and live alerts over a real store.
#![cfg(test)]
#![expect(clippy::disallowed_methods, reason = "a test awaits what it spawns")]

mod alerts;
mod contract;
mod fixtures;
mod following;
mod sqlite;
