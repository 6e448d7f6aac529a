//! The lock that lets only one handle open a database.

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
};

use parking_lot::Mutex;

use super::{
    file_id::FileId,
    open::{beside, cannot_open, create_private},
};
use crate::store::OpenError;

/// An exclusive lock, held as long as the database is open. Opening a second handle fails, in this
/// process and in any other, because the second handle would miss the change notifications and
/// touches of the first one. Other programs may read the database: they do not take this lock.
#[derive(Debug)]
pub(super) struct Lock {
    database: PathBuf,
    path: PathBuf,
    is_new: bool,
    locked: Mutex<LockedFile>,
}

#[derive(Debug)]
struct LockedFile {
    id: FileId,
    /// Holds the lock until it is closed.
    _file: File,
}

impl Lock {
    /// Locks a file beside the database, not the database itself: closing a second descriptor of
    /// the database would drop SQLite's own locks, and on some systems a lock of the whole file would
    /// exclude them.
    pub(super) fn acquire(database: &Path) -> Result<Self, OpenError> {
        let path = beside(database, ".lock");
        let is_new = !path.exists();
        let locked = LockedFile::lock(database, &path)?;
        Ok(Self {
            database: database.to_owned(),
            path,
            is_new,
            locked: Mutex::new(locked),
        })
    }

    /// Checks that the locked file still has its name: otherwise another process can lock a new file
    /// of this name. If nobody has done so, locks a new file. This takes one system call if the file
    /// has its name.
    ///
    /// # Errors
    /// [`OpenError`] if another process has locked a new file, or if none can be created.
    pub(super) fn renew(&self) -> Result<(), OpenError> {
        let mut locked = self.locked.lock();
        if locked.is_at(&self.path) {
            return Ok(());
        }
        *locked = LockedFile::lock(&self.database, &self.path)?;
        tracing::warn!(
            path = %self.path.display(),
            "the lock file was removed or replaced, and was created again"
        );
        Ok(())
    }

    /// Releases the lock of a database that could not be opened. Removes the lock file if this lock
    /// created it, so that none remains beside a file of another program.
    pub(super) fn release_rejected(&self) {
        if self.is_new
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "could not remove the lock file");
        }
    }
}

impl LockedFile {
    fn lock(database: &Path, path: &Path) -> Result<Self, OpenError> {
        loop {
            let file = create_private(path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(OpenError(format!(
                        "{} is in use by another sessiond; stop that process first, or use another \
                         file",
                        database.display()
                    )));
                }
                Err(TryLockError::Error(error)) => return Err(cannot_open(path, &error)),
            }
            let metadata = file.metadata().map_err(|error| cannot_open(path, &error))?;
            let locked = Self {
                id: FileId::from(&metadata),
                _file: file,
            };
            // If another process has removed the file between its opening and its locking, a third
            // process can lock a new file of this name.
            if locked.is_at(path) {
                return Ok(locked);
            }
        }
    }

    fn is_at(&self, path: &Path) -> bool {
        FileId::of(path).is_ok_and(|id| id == self.id)
    }
}
