//! The lock that lets only one handle open a database.

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
};

use super::open::{beside, cannot_open, create_private};
use crate::store::OpenError;

/// An exclusive lock, held as long as the database is open. Opening a second handle fails, in this
/// process and in any other, because the second handle would miss the change notifications and
/// touches of the first one. Other programs may read the database: they do not take this lock.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    is_new: bool,
    file: File,
}

impl Lock {
    /// Locks a file beside the database, not the database itself: closing a second descriptor of
    /// the database would drop SQLite's own locks.
    pub(super) fn acquire(database: &Path) -> Result<Self, OpenError> {
        let mut path = beside(database, ".lock");
        loop {
            let is_new = !path.exists();
            let file = create_private(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(OpenError(format!(
                        "{} is in use by another sessiond; stop that process first, or use another \
                         file",
                        database.display()
                    )));
                }
                Err(TryLockError::Error(error)) => return Err(cannot_open(&path, &error)),
            }
            let lock = Self { path, is_new, file };
            if lock.is_in_place() {
                return Ok(lock);
            }
            path = lock.path;
        }
    }

    /// Returns whether the locked file still has its name. If another process has removed the file
    /// between its opening and its locking, a third process can lock a new file of this name.
    #[cfg(unix)]
    fn is_in_place(&self) -> bool {
        use std::os::unix::fs::MetadataExt;
        match (self.path.metadata(), self.file.metadata()) {
            (Ok(named), Ok(locked)) => (named.dev(), named.ino()) == (locked.dev(), locked.ino()),
            _ => false,
        }
    }

    /// Other systems do not remove a file that is open.
    #[cfg(not(unix))]
    #[expect(clippy::unused_self, reason = "the same signature as on Unix")]
    fn is_in_place(&self) -> bool {
        true
    }

    /// Releases the lock of a database that could not be opened. Removes the lock file if this lock
    /// created it, so that none remains beside a file of another program.
    pub(super) fn release_rejected(self) {
        if self.is_new
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "could not remove the lock file");
        }
    }
}
