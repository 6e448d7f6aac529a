//! Detects that the database was moved, removed or replaced while it is open.
//!
//! On Unix, an open file can be written after its name is gone. Every change would then be
//! acknowledged, and lost when the process ends. SQLite looks for this only with a rollback journal.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use thiserror::Error;

use super::open::cannot_open;
use crate::store::{OpenError, StoreError};

/// The database is not where it was opened.
#[derive(Debug, Clone, Error)]
#[error("{0}; put the file back with those beside it, or stop the server and restore a backup")]
pub(super) struct Moved(String);

impl From<Moved> for StoreError {
    fn from(moved: Moved) -> Self {
        Self::Unavailable(moved.into())
    }
}

/// The file that the store has opened, and the name under which the next start will look for it.
#[derive(Debug, Clone)]
pub(super) struct Placement {
    path: PathBuf,
    id: FileId,
    /// Held until all connections are closed: the system drops SQLite's locks if any descriptor of the
    /// file is closed.
    file: Arc<File>,
}

impl Placement {
    pub(super) fn of(path: &Path) -> Result<Self, OpenError> {
        let failed = |error| cannot_open(path, &error);
        let file = File::options()
            .read(true)
            .write(true)
            .open(path)
            .map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            id: file_id(path).map_err(failed)?,
            file: Arc::new(file),
        })
    }

    /// Checks that the file still has its name. This takes one system call.
    pub(super) fn check(&self) -> Result<(), Moved> {
        let problem = match file_id(&self.path) {
            Ok(id) if id == self.id => return Ok(()),
            Ok(_) => "was replaced by another file".to_owned(),
            Err(error) => format!("is no longer there ({error})"),
        };
        Err(Moved(format!("{} {problem}", self.path.display())))
    }

    /// Waits until everything that was written to the file is on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// The device and the number of a file.
#[cfg(unix)]
type FileId = (u64, u64);

#[cfg(unix)]
fn file_id(path: &Path) -> std::io::Result<FileId> {
    use std::os::unix::fs::MetadataExt;
    let file = path.metadata()?;
    Ok((file.dev(), file.ino()))
}

/// Other systems do not remove or rename a file that is open.
#[cfg(not(unix))]
type FileId = ();

#[cfg(not(unix))]
fn file_id(path: &Path) -> std::io::Result<FileId> {
    path.metadata().map(drop)
}
