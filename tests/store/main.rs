//! The contract that every store is held to, what is special to each store, and live alerts over a real store.
#![cfg(test)]

mod alerts;
mod contract;
mod fixtures;
mod following;
mod sqlite;
