//! The connections that read.

use std::{
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

use rusqlite::Connection;

use super::{failed, file};
use crate::store::StoreError;

/// Idle connections kept for reading; more are opened under load and closed after it.
const KEPT: usize = 16;

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

    /// Runs a query on a connection that nobody else uses meanwhile.
    pub(super) fn with<T>(
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
}
