//! The connections that read.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rusqlite::Connection;

use super::{failed, file};
use crate::store::{Page, Slice, StoreError};

/// Idle connections kept for reading; more are opened under load and closed after it.
const KEPT: usize = 16;

/// Entries of a page that are read in less time than it takes to hand the reading over.
const SHORT: usize = 20;

#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    /// `None` once the store is closed: connections still in use then are not kept.
    idle: Mutex<Option<Vec<Connection>>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, idle: Mutex::new(Some(Vec::new())) }
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
        let readers = Arc::clone(self);
        tokio::task::spawn_blocking(move || readers.read(what, query))
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
        let items =
            if page.limit <= SHORT { self.read(what, query)? } else { self.scan(what, query).await? };
        Ok(Slice::of_one_more(items, page))
    }
}
