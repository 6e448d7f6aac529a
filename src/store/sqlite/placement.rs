//! Detects that the database or a file beside it was moved, removed or replaced while it is open.
//!
//! On Unix, an open file can be written after its name is gone. Every change would then be
//! acknowledged, and lost when the process ends. SQLite looks for this only with a rollback journal.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
};

use thiserror::Error;

use super::{
    file_id::FileId,
    lock::Lock,
    open::{beside, cannot_open},
};
use crate::store::{OpenError, StoreError};

/// The reason why the database must not be written.
#[derive(Debug, Clone, Error)]
pub(super) enum Misplaced {
    /// The path with which the database was opened no longer leads to it.
    #[error("{0}; put the file back with those beside it, or stop the server and restore a backup")]
    Database(String),
    /// The name of the write-ahead log is gone, so that a start would not find its changes.
    #[error("{0}; put that file back, or restart the server")]
    Log(String),
    /// The name of the index of the log is gone, so that other programs would not see SQLite's locks.
    #[error("{0}; put that file back, or restart the server")]
    LogIndex(String),
    /// Another process may write the file.
    #[error("the lock file was removed or replaced: {0}")]
    Lock(String),
}

impl From<Misplaced> for StoreError {
    fn from(misplaced: Misplaced) -> Self {
        Self::Unavailable(misplaced.into())
    }
}

/// The files that the store has opened, and the names under which the next start will look for them.
#[derive(Debug, Clone)]
pub(super) struct Placement {
    database: Named,
    /// `None` if the file system has no shared memory, so that SQLite keeps no log.
    log: Option<Named>,
    log_index: Option<Named>,
    /// Released when the store is closed.
    lock: Weak<Lock>,
    /// Held until all connections are closed: the system drops SQLite's locks if any descriptor of the
    /// file is closed.
    file: Arc<File>,
}

impl Placement {
    /// A connection must have read the file before. The log and its index then exist until the last
    /// connection is closed.
    pub(super) fn of(path: &Path, lock: &Arc<Lock>) -> Result<Self, OpenError> {
        let failed = |error| cannot_open(path, &error);
        let file = File::options()
            .read(true)
            .write(true)
            .open(path)
            .map_err(failed)?;
        Ok(Self {
            database: Named::find(path.to_owned()).map_err(failed)?,
            log: Named::find(beside(path, "-wal")).ok(),
            log_index: Named::find(beside(path, "-shm")).ok(),
            lock: Arc::downgrade(lock),
            file: Arc::new(file),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.database.path
    }

    /// Checks that all files still have their names. This takes four system calls.
    pub(super) fn check(&self) -> Result<(), Misplaced> {
        // If the folder was moved, no lock file may be created in a new one.
        self.database.check().map_err(Misplaced::Database)?;
        let check = |file: &Option<Named>| file.as_ref().map_or(Ok(()), Named::check);
        check(&self.log).map_err(Misplaced::Log)?;
        check(&self.log_index).map_err(Misplaced::LogIndex)?;
        let lock = self.lock.upgrade();
        lock.map_or(Ok(()), |lock| lock.renew())
            .map_err(|error| Misplaced::Lock(error.to_string()))
    }

    /// Waits until everything that was written to the file is on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// A file and its name.
#[derive(Debug, Clone)]
struct Named {
    path: PathBuf,
    id: FileId,
}

impl Named {
    fn find(path: PathBuf) -> io::Result<Self> {
        FileId::of(&path).map(|id| Self { path, id })
    }

    fn check(&self) -> Result<(), String> {
        let problem = match FileId::of(&self.path) {
            Ok(id) if id == self.id => return Ok(()),
            Ok(_) => "was replaced by another file".to_owned(),
            Err(error) => format!("is no longer there ({error})"),
        };
        Err(format!("{} {problem}", self.path.display()))
    }
}
