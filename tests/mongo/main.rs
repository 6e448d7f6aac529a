//! The MongoDB store over a real server: see [`server`] for where that is found. In a binary of its own, so that the
//! other tests need no server.
#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    reason = "a test may spawn: its tasks end with it"
)]

#[path = "../store/contract/mod.rs"]
mod contract;
#[path = "../store/fixtures.rs"]
mod fixtures;
#[path = "../api/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the API's tests need more of it")]
mod support;

mod check;
mod commits;
mod deaths;
mod failures;
mod hints;
mod node;
mod nodes;
mod opening;
mod proxy;
mod queries;
mod races;
mod retention;
mod samples;
mod server;
mod sweeps;

use std::sync::Arc;

use async_trait::async_trait;
use sessiond::store::Store;

use self::{
    contract::{Place, hold_to_contract},
    server::Database,
};

#[async_trait]
impl Place for Database {
    async fn new_ids() -> Self {
        Self::new().await
    }

    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(Self::open(self).await)
    }
}

mod held {
    use super::{Database, hold_to_contract};

    hold_to_contract!(Database);
}
