//! The fuzz targets. Each takes any bytes and panics if a promise does not hold.
//!
//! `tests/fuzz` runs them under libFuzzer. The test in `replay` calls them with the files of
//! `tests/fuzz/corpus`, so that what a fuzzer has found stays fixed without a nightly toolchain.

mod http;
mod node;
mod operations;
#[cfg(test)]
mod replay;
mod websocket;

pub use self::{
    http::http,
    operations::{cursors, documents, tokens},
    websocket::websocket,
};
use crate::{
    domain::{fuzzing as domain, parse_address, rules::properties},
    http::fuzzing as headers,
};

/// The addresses of clients, in inputs and in the headers of proxies.
///
/// # Panics
/// If a promise does not hold.
pub fn addresses(data: &[u8]) {
    if let Ok(address) = parse_address(&String::from_utf8_lossy(data)) {
        assert_eq!(parse_address(&address.to_string()), Ok(address));
    }
    headers::check_addresses(data);
}

/// User agents, and the descriptions of devices that are made from them.
///
/// # Panics
/// If a promise does not hold.
pub fn user_agents(data: &[u8]) {
    domain::check_user_agents(data);
}

/// Mobile numbers, names of users and passwords.
///
/// # Panics
/// If a promise does not hold.
pub fn names(data: &[u8]) {
    domain::check_names(data);
}

/// Histories of commands of one user: see [`crate::domain::rules`].
///
/// # Panics
/// If a rule does not hold.
pub fn rules(data: &[u8]) {
    properties::replay_bytes(data);
}
