//! An SQLite file that a test opens as a store and edits behind its back.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::Connection;
use sessiond::store::{Store, sqlite::SqliteStore};
use sessiond_test_support::contract::StoreFactory;
use tempfile::TempDir;

pub(crate) struct SqliteFile(pub TempDir);

#[async_trait]
impl StoreFactory for SqliteFile {
    async fn create() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(SqliteStore::open(&self.path()).unwrap())
    }
}

impl SqliteFile {
    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.0.path().join("sessiond.db")
    }

    /// Opens the file with a cache of this many bytes.
    pub(crate) fn open_with_cache(&self, size: u64) -> Arc<dyn Store> {
        Arc::new(SqliteStore::open_with_cache(&self.path(), size).unwrap())
    }

    /// Executes SQL on the file, without the store.
    pub(crate) fn edit(&self, sql: &str) {
        Connection::open(self.path())
            .unwrap()
            .execute_batch(sql)
            .unwrap();
    }

    /// The number of other files in the folder.
    pub(crate) fn other_files(&self) -> usize {
        std::fs::read_dir(self.0.path()).unwrap().count() - 1
    }

    /// The text of the error when the file is opened.
    pub(crate) fn open_error(&self) -> String {
        SqliteStore::open(&self.path())
            .expect_err("the file is rejected")
            .to_string()
    }
}
