//! The size of the write-ahead log (the file `-wal`).
//!
//! SQLite appends each write to the log, and starts again at its beginning after it has copied the
//! log into the database. It cannot do that while a reader still needs an older part of the log.
//! Our own readers take milliseconds, so the log stays small. A backup or a shell can take hours,
//! and the log grows during that time.

use std::{
    fmt::Display,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rusqlite::Connection;

use super::open::{LOCK_TIMEOUT, beside};
use crate::log_limit::LogLimit;

/// The size to which the log returns once no reader needs an older part of it, in bytes. The log is
/// usually smaller: see `checkpoints`.
pub const MAX_LOG_SIZE: u64 = 16 * 1024 * 1024;

/// The time that the writer waits for readers in order to truncate or to copy the log: enough for our
/// own reads, and short for the logins that wait meanwhile.
const READER_TIMEOUT: Duration = Duration::from_millis(50);

/// The log of one database.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    has_erased_users: bool,
    /// A purge in several batches would repeat a failure many times a second.
    failures: LogLimit,
}

impl LogFile {
    pub(super) fn of(database: &Path) -> Self {
        Self {
            path: beside(database, "-wal"),
            // The last process may have stopped before it truncated the log.
            has_erased_users: true,
            failures: LogLimit::default(),
        }
    }

    /// Notes that a user was deleted, whose earlier records are in the log. The next
    /// [`LogFile::limit_size`] truncates it, whatever its size is.
    pub(super) fn must_forget_users(&mut self) {
        self.has_erased_users = true;
    }

    /// Truncates the log if it is larger than [`MAX_LOG_SIZE`] or has the records of deleted users,
    /// and if no reader needs it.
    ///
    /// Under load this is not necessary, because the next writes truncate it
    /// (`journal_size_limit`). This function serves a store that nobody writes to.
    pub(super) fn limit_size(&mut self, connection: &Connection) {
        let Some(bytes) = self.path.metadata().ok().map(|file| file.len()) else {
            return;
        };
        self.has_erased_users &= bytes > 0;
        if bytes <= MAX_LOG_SIZE && !self.has_erased_users {
            return;
        }
        match truncate(connection) {
            Ok(true) => {
                self.has_erased_users = false;
                if bytes > MAX_LOG_SIZE {
                    tracing::info!(bytes, "write-ahead log truncated");
                } else {
                    tracing::debug!(bytes, "write-ahead log truncated");
                }
            }
            Ok(false) => self.warn(bytes, "a program is reading the database"),
            Err(error) => self.warn(bytes, error),
        }
    }

    fn warn(&self, bytes: u64, error: impl Display) {
        if let Some(count) = self.failures.record(Instant::now()) {
            tracing::warn!(bytes, %error, count, "cannot truncate the write-ahead log");
        }
    }
}

/// Returns whether the log was truncated.
fn truncate(connection: &Connection) -> rusqlite::Result<bool> {
    checkpoint(connection, "PRAGMA wal_checkpoint(TRUNCATE)")
}

/// Copies the whole log into the database, and syncs that. Returns false if a reader prevents it.
pub(super) fn copy_all(connection: &Connection) -> rusqlite::Result<bool> {
    checkpoint(connection, "PRAGMA wal_checkpoint(FULL)")
}

/// Returns whether the checkpoint is complete.
fn checkpoint(connection: &Connection, pragma: &str) -> rusqlite::Result<bool> {
    connection.busy_timeout(READER_TIMEOUT)?;
    let is_busy = connection.query_row(pragma, [], |row| row.get::<_, bool>("busy"));
    connection.busy_timeout(LOCK_TIMEOUT)?;
    is_busy.map(|is_busy| !is_busy)
}
