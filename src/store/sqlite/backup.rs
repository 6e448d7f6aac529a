//! Copies a database file to a new one: `sessiond backup` and `sessiond restore`.
//!
//! `VACUUM INTO` reads the source in one transaction, so the copy is the state of one instant
//! however many logins are committed meanwhile. SQLite's online backup would start again after each
//! of them. The copy is written under another name and gets its own name only after it was verified
//! and synced, so that a file of that name is always a complete copy.

use std::{
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags};
use thiserror::Error;

use super::{
    empty_log::{LOG_ENDINGS, leaving_no_log},
    file_id::count_names,
    lock::Lock,
    open::{self, LOCK_TIMEOUT, beside, create_private},
};
use crate::store::OpenError;

/// The ending of the name that a copy has until it is complete.
const PARTIAL_ENDING: &str = ".partial";

/// The reason why a database was not copied, as a message for an operator.
#[derive(Debug, Error)]
pub enum CopyError {
    /// A file of the target's name exists.
    #[error("{} exists and is not overwritten; move it away first, or use another name", .0.display())]
    Exists(PathBuf),
    /// Another process writes a copy to the same target.
    #[error("another process is writing {}; wait until it has ended", .0.display())]
    InProgress(PathBuf),
    /// The source was not written by sessiond.
    #[error("{} is not a sessiond database", .0.display())]
    NotSessiond(PathBuf),
    /// The source has several names, and the latest changes may be beside another one.
    #[error("{} has several names (hard links), and no write-ahead log is beside this one; use the name that the server uses, or remove the other names", .0.display())]
    SeveralNames(PathBuf),
    /// The source was written by a newer version.
    #[error("{} was written by a newer version of sessiond; restore it with that version", .0.display())]
    Newer(PathBuf),
    /// SQLite found an error in the copy.
    #[error("the copy of {} is damaged, and so is probably the file itself: {problem}", path.display())]
    Damaged {
        /// The source.
        path: PathBuf,
        /// The first problem that SQLite found.
        problem: String,
    },
    /// The source cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The source.
        path: PathBuf,
        /// The error of SQLite.
        source: rusqlite::Error,
    },
    /// The source is damaged, or the copy cannot be written.
    #[error("cannot copy {} to {}: {source}", path.display(), target.display())]
    Copy {
        /// The source.
        path: PathBuf,
        /// The target.
        target: PathBuf,
        /// The error of SQLite.
        source: rusqlite::Error,
    },
    /// The folder or the file of the target cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The target.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The target is in use, or its lock file cannot be created.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// What a copy holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// The size of the file, in bytes.
    pub bytes: u64,
    /// The number of users.
    pub users: u64,
    /// The number of sessions, ended ones included.
    pub sessions: u64,
}

/// Copies the database at `database`, which a server may be using, to the new file `target`. Only
/// the owner may read the copy.
///
/// # Errors
/// [`CopyError`] if the target exists, if the source cannot be read, or if the copy cannot be
/// written or verified. No file of the target's name exists then.
pub fn back_up(database: &Path, target: &Path) -> Result<Copied, CopyError> {
    let target = absolute(target)?;
    reject_other_name(database)?;
    leaving_no_log(database, || copy(&Source::open(database)?, &target))
}

/// Rejects a second name of a database: the log with the latest changes is beside the name that the
/// server uses.
fn reject_other_name(database: &Path) -> Result<(), CopyError> {
    // What cannot be found is reported when it is opened.
    let Ok(path) = database.canonicalize() else {
        return Ok(());
    };
    let has_names = path.metadata().is_ok_and(|file| count_names(&file) > 1);
    if has_names && !beside(&path, "-wal").exists() {
        return Err(CopyError::SeveralNames(path));
    }
    Ok(())
}

/// Copies the backup at `backup` to the new database file `database`.
///
/// # Errors
/// [`CopyError`] as for [`back_up`], and if the backup was written by a newer version, or if a
/// server is using the database. A database that exists is never overwritten.
pub fn restore(backup: &Path, database: &Path) -> Result<Copied, CopyError> {
    let database = absolute(database)?;
    let source = Source::open(backup)?;
    source.reject_newer_version()?;
    // First of all, because the files of a database that is in use must not be moved away.
    let lock = Lock::acquire(&database)?;
    let copied = reject_existing_database(&database).and_then(|()| copy(&source, &database));
    if copied.is_err() {
        lock.release_rejected();
    }
    copied
}

/// A database to copy.
pub(super) struct Source {
    path: PathBuf,
    connection: Connection,
}

impl Source {
    pub(super) fn open(path: &Path) -> Result<Self, CopyError> {
        let failed = |source| CopyError::Read {
            path: path.to_owned(),
            source,
        };
        let connection = open_read_only(path).map_err(failed)?;
        connection.busy_timeout(LOCK_TIMEOUT).map_err(failed)?;
        let source = Self {
            path: path.to_owned(),
            connection,
        };
        if !open::was_written_by_sessiond(&source.connection).map_err(failed)? {
            return Err(CopyError::NotSessiond(source.path));
        }
        Ok(source)
    }

    pub(super) fn version(&self) -> Result<usize, CopyError> {
        self.connection
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .map_err(|source| CopyError::Read {
                path: self.path.clone(),
                source,
            })
    }

    pub(super) fn reject_newer_version(&self) -> Result<(), CopyError> {
        if self.version()? > open::VERSION {
            return Err(CopyError::Newer(self.path.clone()));
        }
        Ok(())
    }

    fn cannot_copy(&self, target: &Path, source: rusqlite::Error) -> CopyError {
        CopyError::Copy {
            path: self.path.clone(),
            target: target.to_owned(),
            source,
        }
    }
}

/// Opens a file that may be on a medium that is read-only.
fn open_read_only(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags)
}

/// Writes the copy under its partial name, verifies and syncs it, and then renames it. The lock on
/// the partial file excludes other copies to the same target. A partial file that is not locked was
/// left by a process that was killed.
fn copy(source: &Source, target: &Path) -> Result<Copied, CopyError> {
    reject_existing(target)?;
    let partial = beside(target, PARTIAL_ENDING);
    let file = create_private(&partial)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(CopyError::InProgress(target.to_owned())),
        Err(TryLockError::Error(error)) => return Err(cannot_write(target)(error)),
    }
    let copied = write_partial(source, &partial, &file, target);
    if copied.is_err() {
        // The error of the copy matters more than one of the removal.
        let _ = std::fs::remove_file(&partial);
    }
    copied
}

fn write_partial(
    source: &Source,
    partial: &Path,
    file: &File,
    target: &Path,
) -> Result<Copied, CopyError> {
    let failed = cannot_write(target);
    let not_text = || failed(io::Error::other("the path is not UTF-8 text"));
    let name = partial.to_str().ok_or_else(not_text)?;
    // SQLite writes into an empty file only.
    file.set_len(0).map_err(&failed)?;
    source
        .connection
        .execute("VACUUM INTO ?", [name])
        .map_err(|error| source.cannot_copy(target, error))?;
    let copied = verify(source, partial, target)?;
    // `VACUUM INTO` does not sync the file.
    file.sync_all().map_err(&failed)?;
    reject_existing(target)?;
    std::fs::rename(partial, target).map_err(&failed)?;
    let folder = target.parent().unwrap_or(Path::new("/"));
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(&failed)?;
    Ok(copied)
}

/// Reads the whole copy, its constraints included.
fn verify(source: &Source, partial: &Path, target: &Path) -> Result<Copied, CopyError> {
    let failed = |error| source.cannot_copy(target, error);
    let copy = open_read_only(partial).map_err(failed)?;
    let problem: String = copy
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(failed)?;
    if problem != "ok" {
        let path = source.path.clone();
        return Err(CopyError::Damaged { path, problem });
    }
    let count = |sql: &str| copy.query_row(sql, [], |row| row.get(0)).map_err(failed);
    Ok(Copied {
        users: count("SELECT count(*) FROM users")?,
        sessions: count("SELECT count(*) FROM sessions")?,
        bytes: partial.metadata().map_err(cannot_write(target))?.len(),
    })
}

/// Returns the path from the root without symbolic links to its folder, as the lock file of a
/// database needs it. SQLite does not take such a path for a URI.
fn absolute(path: &Path) -> Result<PathBuf, CopyError> {
    let failed = cannot_write(path);
    let no_name = || failed(io::ErrorKind::IsADirectory.into());
    let name = path.file_name().ok_or_else(no_name)?;
    let folder = std::path::absolute(path).map(|path| path.parent().map(Path::to_owned));
    let folder = folder.map_err(&failed)?.unwrap_or_default();
    Ok(folder.canonicalize().map_err(&failed)?.join(name))
}

/// Also rejects the files of a log, which would be taken for those of the restored database.
fn reject_existing_database(database: &Path) -> Result<(), CopyError> {
    for ending in LOG_ENDINGS {
        reject_existing(&beside(database, ending))?;
    }
    reject_existing(database)
}

fn reject_existing(path: &Path) -> Result<(), CopyError> {
    match path.symlink_metadata() {
        Ok(_) => Err(CopyError::Exists(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(cannot_write(path)(error)),
    }
}

fn cannot_write(path: &Path) -> impl Fn(io::Error) -> CopyError {
    move |source| CopyError::Write {
        path: path.to_owned(),
        source,
    }
}
