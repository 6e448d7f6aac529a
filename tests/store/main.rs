//! The SQLite store under the contract and beyond it, and live alerts over a real store.
#![cfg(test)]
#![expect(clippy::disallowed_methods, reason = "a test awaits what it spawns")]

mod alerts;
mod sqlite;
mod subscribe;
