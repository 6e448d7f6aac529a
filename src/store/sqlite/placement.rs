//! Detects that the database was moved, removed or replaced while it is open.
//!
//! On Unix, an open file can be written after its name is gone. Every change would then be
//! acknowledged, and lost when the process ends. SQLite looks for this only with a rollback journal.

use std::path::{Path, PathBuf};

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
    file: FileId,
}

impl Placement {
    pub(super) fn of(path: &Path) -> Result<Self, OpenError> {
        Ok(Self {
            path: path.to_owned(),
            file: file_id(path).map_err(|error| cannot_open(path, &error))?,
        })
    }

    /// Checks that the file still has its name. This takes one system call.
    pub(super) fn check(&self) -> Result<(), Moved> {
        let problem = match file_id(&self.path) {
            Ok(file) if file == self.file => return Ok(()),
            Ok(_) => "was replaced by another file".to_owned(),
            Err(error) => format!("is no longer there ({error})"),
        };
        Err(Moved(format!("{} {problem}", self.path.display())))
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
