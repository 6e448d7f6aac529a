//! The version of a file's layout, and what a migration to that of this version needs.

use std::path::Path;

use super::{
    backup::{CopyError, Source},
    empty_log::leaving_no_log,
    lock::Lock,
    open,
};
use crate::{disk_space::DiskSpace, store::OpenError};

/// The version of a file's layout, and what a migration to that of this version needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayoutVersion {
    /// The version of the file.
    pub found: usize,
    /// The version that this sessiond writes.
    pub current: usize,
    /// The free disk space that the migration takes, in bytes: about as much as was measured. 0 if it
    /// does not copy a table.
    pub needed_space: u64,
    /// The free space of the disk that has the file, in bytes. `None` if it cannot be read.
    pub free_space: Option<u64>,
}

impl LayoutVersion {
    pub(super) fn of(database: &Path, found: usize) -> Self {
        let size = database.metadata().map_or(0, |file| file.len());
        // A copy takes a new table, and a log that has the new pages and the overwritten ones. The
        // first copy is of the sessions only, and both have one log.
        let needed_space = if found < open::SESSIONS_IN_ORDER {
            size * 5
        } else if found < open::ONE_TABLE {
            size * 3
        } else {
            0
        };
        Self {
            found,
            current: open::VERSION,
            needed_space,
            free_space: DiskSpace::of(database).ok().map(|space| space.free),
        }
    }

    /// Returns whether the disk probably has too little space for the migration.
    #[must_use]
    pub fn lacks_space(&self) -> bool {
        self.free_space.is_some_and(|free| free < self.needed_space)
    }

    /// Describes the space that the migration takes and the free space, as a part of a sentence.
    #[must_use]
    pub fn describe_space(&self) -> String {
        const MEGABYTE: u64 = 1_000_000;
        let needed = self.needed_space.div_ceil(MEGABYTE);
        let free = self.free_space.map_or_else(String::new, |free| {
            format!(", and {} MB are free", free / MEGABYTE)
        });
        format!("about {needed} MB of free disk space{free}")
    }

    /// Returns the error of a failed migration. SQLite may report a full disk as an I/O error, so the
    /// error shows the space that there was.
    pub(super) fn cannot_migrate(
        &self,
        database: &Path,
        error: &dyn std::error::Error,
    ) -> OpenError {
        let Self { found, current, .. } = self;
        OpenError(format!(
            "cannot migrate {} from layout {found} to layout {current}, and the file is unchanged: \
             {error}; the migration takes {}",
            database.display(),
            self.describe_space()
        ))
    }
}

/// Reads the version of a file's layout, and changes nothing.
///
/// # Errors
/// [`OpenError`] if the file cannot be read, belongs to another program, or was written by a newer
/// version.
pub fn layout_version(database: &Path) -> Result<LayoutVersion, OpenError> {
    let version = leaving_no_log(database, || {
        let source = Source::open(database)?;
        source.reject_newer_version()?;
        source.version()
    });
    let found = version.map_err(|error: CopyError| OpenError(error.to_string()))?;
    Ok(LayoutVersion::of(database, found))
}

/// Checks that no server has the file open, and changes nothing.
///
/// # Errors
/// [`OpenError`] if a server has the file open, or if the lock file cannot be created.
pub fn check_not_in_use(database: &Path) -> Result<(), OpenError> {
    Lock::acquire(&open::resolve(database)?)?.release_rejected();
    Ok(())
}
