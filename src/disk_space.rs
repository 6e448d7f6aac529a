//! The free space of a disk.

use std::{io, path::Path};

/// The space of the disk that has a file or a folder, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskSpace {
    /// What a user without privileges can still write.
    pub free: u64,
    /// The size of the disk.
    pub total: u64,
}

impl DiskSpace {
    /// Returns the space of the disk that has this file or folder.
    ///
    /// # Errors
    /// The error of the operating system, for example if there is no such file.
    pub fn of(path: &Path) -> io::Result<Self> {
        let disk = rustix::fs::statvfs(path)?;
        Ok(Self {
            free: disk.f_bavail.saturating_mul(disk.f_frsize),
            total: disk.f_blocks.saturating_mul(disk.f_frsize),
        })
    }
}
