//! A pool of read-only connections.

use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::{errors::classify, open, placement::Placement};
use crate::store::{Page, Slice, StoreError};

/// The maximum number of idle connections. The pool opens more under load, and closes them after
/// use.
const MAX_IDLE_CONNECTIONS: usize = 16;

/// The maximum number of concurrent scans, each with its own thread and connection. Further scans
/// wait. A connection needs three open files, and the network connections of the process need files
/// as well.
const MAX_CONCURRENT_SCANS: usize = 64;

/// The maximum number of rows that are read on the calling thread. Reading them takes less time
/// than the handover to another thread.
const MAX_INLINE_ROWS: usize = 20;

#[derive(Debug)]
pub(super) struct ReaderPool {
    placement: Placement,
    /// `None` after the pool was closed. A connection that is in use at that time is closed after
    /// use.
    idle: Mutex<Option<Vec<Connection>>>,
    scan_slots: Arc<Semaphore>,
}

impl ReaderPool {
    pub(super) fn new(placement: Placement) -> Self {
        Self {
            placement,
            idle: Mutex::new(Some(Vec::new())),
            scan_slots: Arc::new(Semaphore::new(MAX_CONCURRENT_SCANS)),
        }
    }

    /// Closes the idle connections now, and the others after use.
    pub(super) fn close(&self) {
        let idle = self.idle.lock().take();
        drop(idle);
    }

    /// Runs a query on the calling thread. The query must take only microseconds (a few rows by
    /// key), which is less than the handover to another thread. `record` is the kind of record for
    /// error messages.
    pub(super) fn read<T>(
        &self,
        record: &'static str,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let idle = match self.idle.lock().as_mut() {
            Some(idle) => idle.pop(),
            None => return Err(StoreError::Unavailable("the store is closed".into())),
        };
        let connection = if let Some(connection) = idle {
            connection
        } else {
            // SQLite would create a log that is missing, and read that one.
            self.placement.check()?;
            open::open_reader(self.placement.path()).map_err(classify(record))?
        };
        let result = query(&connection);
        // A connection whose snapshot could not be ended would return the same state forever.
        if connection.is_autocommit()
            && let Some(idle) = self.idle.lock().as_mut()
            && idle.len() < MAX_IDLE_CONNECTIONS
        {
            idle.push(connection);
        }
        result.map_err(classify(record))
    }

    /// Runs a query that may take longer, on a thread for blocking work.
    pub(super) async fn scan<T: Send + 'static>(
        self: &Arc<Self>,
        record: &'static str,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let slot = Arc::clone(&self.scan_slots)
            .acquire_owned()
            .await
            .map_err(|error| StoreError::Unavailable(error.into()))?;
        let pool = Arc::clone(self);
        let scan = move || {
            // The thread holds the slot, because the caller may stop waiting before the query ends.
            let _slot = slot;
            pool.read(record, query)
        };
        tokio::task::spawn_blocking(scan)
            .await
            .map_err(|error| StoreError::Unavailable(error.into()))?
    }

    /// Reads at most `count` rows: a few as [`Self::read`] does, more as [`Self::scan`] does.
    pub(super) async fn rows<T: Send + 'static>(
        self: &Arc<Self>,
        record: &'static str,
        count: usize,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        if count <= MAX_INLINE_ROWS {
            self.read(record, query)
        } else {
            self.scan(record, query).await
        }
    }

    /// Reads a page.
    pub(super) async fn page<T: Send + 'static>(
        self: &Arc<Self>,
        record: &'static str,
        page: Page,
        query: impl FnOnce(&Connection) -> rusqlite::Result<Vec<T>> + Send + 'static,
    ) -> Result<Slice<T>, StoreError> {
        let items = self.rows(record, page.limit, query).await?;
        Ok(Slice::from_limit_plus_one(items, page))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering},
    };

    use futures_util::future::join_all;

    use super::*;
    use crate::store::sqlite::lock::Lock;

    #[tokio::test]
    async fn scans_above_the_limit_wait() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessiond.db");
        let _writer = open::open_writer(&path).unwrap();
        let lock = Arc::new(Lock::acquire(&path).unwrap());
        let pool = Arc::new(ReaderPool::new(Placement::of(&path, &lock).unwrap()));
        let (running, max) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        // Each scan waits until the maximum number of scans runs, so that the limit is reached
        // repeatedly.
        let barrier = Arc::new(Barrier::new(MAX_CONCURRENT_SCANS));
        let scan = |_| {
            let (running, max) = (Arc::clone(&running), Arc::clone(&max));
            let barrier = Arc::clone(&barrier);
            pool.scan("file", move |_| {
                max.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                barrier.wait();
                running.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            })
        };
        for outcome in join_all((0..MAX_CONCURRENT_SCANS * 4).map(scan)).await {
            outcome.unwrap();
        }
        assert_eq!(max.load(Ordering::SeqCst), MAX_CONCURRENT_SCANS);
    }
}
