//! sessiond.
pub mod access;
pub mod alerts;
pub mod ambient;
pub mod domain;
pub mod graphql;
pub mod service;
pub mod store;
