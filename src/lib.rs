//! sessiond.
pub mod domain;
pub mod store;
