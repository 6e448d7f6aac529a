//! The version of a file's layout, for `sessiond migrate --dry-run`.

use std::path::Path;

use super::{
    backup::{CopyError, Source},
    empty_log::leaving_no_log,
    open,
};
use crate::store::OpenError;

/// The version of a file's layout, and that of this version of sessiond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayoutVersion {
    /// The version of the file.
    pub found: usize,
    /// The version that this sessiond writes.
    pub current: usize,
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
    Ok(LayoutVersion {
        found,
        current: open::VERSION,
    })
}
