//! The contract of `Store` for the SQLite store, properties of its file, and live alerts over a
//! real store.
#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    reason = "a test awaits the tasks that it spawns"
)]

mod alerts;
mod backup;
mod batches;
mod cache;
mod cache_races;
mod cached_sessions;
mod clock_marks;
mod erasure;
mod failed_logins;
mod feed;
mod late_log;
mod logins;
mod migration;
mod misplaced_log;
mod observed_store;
mod operation;
mod other_writers;
mod rejected_files;
mod routed_store;
mod shutdown;
mod sqlite;
mod sqlite_file;
mod subscribe;

use std::sync::Arc;

use sessiond::store::{Store, sqlite::SqliteStore};
use tempfile::TempDir;

/// An empty SQLite store, and the folder of its file.
fn sqlite_store() -> (Arc<dyn Store>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("sessiond.db")).unwrap();
    (Arc::new(store), folder)
}
