//! Opening the database file: one process at a time, of a version that this one knows.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::ErrorKind,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, config::DbConfig};
use rusqlite_migration::{Error as MigrationError, M, Migrations};

use crate::store::OpenError;

/// "sd" and a number of our own (SQLite's `application_id`): another program's file is not taken for ours.
const APPLICATION_ID: i32 = 0x7364_5001;

/// Each entry takes a file from one version to the next. An entry that was released is never changed.
const MIGRATIONS: &[M<'static>] = &[M::up(include_str!("schema.sql"))];

/// Statements kept prepared on a connection: more than there are.
const STATEMENTS: usize = 48;

/// Held for as long as the file is open. A second handle would miss the first one's hints and touches,
/// so it is refused, in this process and in any other.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    is_new: bool,
    _file: File,
}

impl Lock {
    /// Locks a file beside the database. Not the database itself: closing a second descriptor of it
    /// would drop SQLite's own locks.
    pub(super) fn take(database: &Path) -> Result<Self, OpenError> {
        let mut name = database.as_os_str().to_owned();
        name.push(".lock");
        let path = PathBuf::from(name);
        let is_new = !path.exists();
        let file = private(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self {
                path,
                is_new,
                _file: file,
            }),
            Err(TryLockError::WouldBlock) => Err(OpenError(format!(
                "{} is in use by another sessiond; stop it first, or give this one a file of its own",
                database.display()
            ))),
            Err(TryLockError::Error(error)) => Err(cannot_open(&path, &error)),
        }
    }

    /// Leaves nothing beside a file that is not ours. Whoever waits to take the lock meanwhile is refused the file, too.
    fn clear(&self) {
        if self.is_new
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            tracing::warn!(%error, "{} was left behind", self.path.display());
        }
    }
}

/// The file's one absolute name, whatever links lead to it: the lock and later connections go by that. Makes the
/// file where it is missing, and does not open it where it is there: closing it would drop another handle's locks.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, OpenError> {
    match path.canonicalize() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            private(path)?;
            path.canonicalize()
        }
        found => found,
    }
    .map_err(|error| cannot_open(path, &error))
}

/// Makes the file, readable by its owner alone, where it is missing: it holds password hashes.
fn private(path: &Path) -> Result<File, OpenError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(path)
        .map_err(|error| cannot_open(path, &error))
}

/// Opens the one connection that writes, and brings the file to this version.
pub(super) fn open_writer(path: &Path, lock: &Lock) -> Result<Connection, OpenError> {
    let failed = |error: rusqlite::Error| cannot_open(path, &error);
    let mut connection = open(path).map_err(failed)?;
    match is_ours(&connection) {
        Ok(true) => {}
        Ok(false) => {
            lock.clear();
            return Err(OpenError(format!(
                "{} is not a sessiond database",
                path.display()
            )));
        }
        Err(error) => {
            if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) {
                lock.clear();
            }
            return Err(failed(error));
        }
    }
    prepare(&mut connection, path)?;
    Ok(connection)
}

/// Whether the file is empty, or one that this program made.
fn is_ours(connection: &Connection) -> rusqlite::Result<bool> {
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let id: i32 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    Ok(tables == 0 || id == APPLICATION_ID)
}

fn prepare(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let failed = |error: rusqlite::Error| cannot_open(path, &error);
    // FULL syncs the log at each commit: what has been answered is on the disk.
    connection
        .pragma_update(None, "journal_mode", "WAL")
        .map_err(failed)?;
    connection
        .pragma_update(None, "synchronous", "FULL")
        .map_err(failed)?;
    connection
        .pragma_update(None, "application_id", APPLICATION_ID)
        .map_err(failed)?;
    Migrations::from_slice(MIGRATIONS).to_latest(connection).map_err(|error| match error {
        MigrationError::MigrationDefinition(_) => OpenError(format!(
            "{} was written by a newer version of sessiond; run that version, or restore a backup",
            path.display()
        )),
        error => cannot_open(path, &error),
    })
}

/// Opens a connection that only reads.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = open(path)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    // Plans do not depend on what is bound. Otherwise SQLite, as it is bundled, plans a kept statement anew whenever its
    // values change.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

fn cannot_open(path: &Path, error: &dyn std::error::Error) -> OpenError {
    OpenError(format!("cannot open {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    #[test]
    fn a_statement_is_planned_once_whatever_is_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessiond.db");
        let connection = open_writer(&path, &Lock::take(&path).unwrap()).unwrap();
        let page = "SELECT number FROM sessions WHERE user = ? AND number < ? ORDER BY number DESC LIMIT ?";
        let mut statement = connection.prepare(page).unwrap();
        for number in 0..3 {
            assert!(
                statement
                    .query_row((b"user", number, number), |_| Ok(()))
                    .is_err()
            );
        }
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
    }
}
