//! Tells whether a name still belongs to a file that is open.

use std::{fs::Metadata, io, path::Path};

/// The identity of a file, which does not change with its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId(
    /// The device and the number of the file.
    #[cfg(unix)]
    (u64, u64),
);

impl FileId {
    /// Returns the identity of the file that has this name now.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        path.metadata().map(|file| Self::from(&file))
    }
}

impl From<&Metadata> for FileId {
    #[cfg(unix)]
    fn from(file: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self((file.dev(), file.ino()))
    }

    /// Other systems do not remove or rename a file that is open.
    #[cfg(not(unix))]
    fn from(_: &Metadata) -> Self {
        Self()
    }
}

/// Returns how many names the file has.
#[cfg(unix)]
pub(super) fn count_names(file: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::nlink(file)
}

/// Other systems report it only for an open file.
#[cfg(not(unix))]
pub(super) fn count_names(_: &Metadata) -> u64 {
    1
}
