//! The connections that read.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::{failed, file};
use crate::store::{Page, Slice, StoreError};

/// Idle connections kept for reading; more are opened under load and closed after it.
const KEPT: usize = 16;

/// Threads that may read at once, each on a connection of its own, which is three open files. What comes past that
/// waits: the process needs its files for connections of another kind.
const AT_ONCE: usize = 64;

/// Entries of a page that are read in less time than it takes to hand the reading over.
const SHORT: usize = 20;

#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    /// `None` once the store is closed: connections still in use then are not kept.
    idle: Mutex<Option<Vec<Connection>>>,
    /// For what is read on other threads than those that serve, of which there is one a core.
    places: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            idle: Mutex::new(Some(Vec::new())),
            places: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Closes what is idle now, and what is in use as soon as it is not.
    pub(super) fn close(&self) {
        drop(self.idle().take());
    }

    fn idle(&self) -> MutexGuard<'_, Option<Vec<Connection>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what takes microseconds (a few rows by key) on the calling thread: handing it over would cost more.
    pub(super) fn read<T>(
        &self,
        what: &'static str,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let taken = match self.idle().as_mut() {
            Some(idle) => idle.pop(),
            None => return Err(StoreError::Unavailable("the store is closed".into())),
        };
        let connection = match taken {
            Some(connection) => connection,
            None => file::open_reader(&self.path).map_err(failed(what))?,
        };
        let result = query(&connection);
        if let Some(idle) = self.idle().as_mut().filter(|idle| idle.len() < KEPT) {
            idle.push(connection);
        }
        result.map_err(failed(what))
    }

    /// Reads what may take longer on a thread that may block.
    pub(super) async fn scan<T: Send + 'static>(
        self: &Arc<Self>,
        what: &'static str,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.map_err(|error| StoreError::Unavailable(error.into()))?;
        let readers = Arc::clone(self);
        let reading = move || {
            // Held by the thread: whoever asked may have gone.
            let _place = place;
            readers.read(what, query)
        };
        tokio::task::spawn_blocking(reading)
            .await
            .map_err(|error| StoreError::Unavailable(error.into()))?
    }

    /// Reads a page: a short one as [`Self::read`] does, a long one as [`Self::scan`].
    pub(super) async fn page<T: Send + 'static>(
        self: &Arc<Self>,
        what: &'static str,
        page: Page,
        query: impl FnOnce(&Connection) -> rusqlite::Result<Vec<T>> + Send + 'static,
    ) -> Result<Slice<T>, StoreError> {
        let items = if page.limit <= SHORT {
            self.read(what, query)?
        } else {
            self.scan(what, query).await?
        };
        Ok(Slice::of_one_more(items, page))
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

    #[tokio::test]
    async fn what_comes_past_those_that_read_at_once_waits() {
        let folder = tempfile::tempdir().unwrap();
        let readers = Arc::new(Readers::new(folder.path().join("sessiond.db")));
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        // Each waits until as many as may are there, so that they are, over and over.
        let all = Arc::new(Barrier::new(AT_ONCE));
        let read = |_| {
            let (running, most, all) = (Arc::clone(&running), Arc::clone(&most), Arc::clone(&all));
            readers.scan("file", move |_| {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                all.wait();
                running.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            })
        };
        for outcome in join_all((0..AT_ONCE * 4).map(read)).await {
            outcome.unwrap();
        }
        assert_eq!(most.load(Ordering::SeqCst), AT_ONCE);
    }
}
