//! Opens the database file: locks it, checks that it belongs to sessiond, and migrates it to this
//! version.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::ErrorKind,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, config::DbConfig};
use rusqlite_migration::{Error as MigrationError, M, Migrations};

use crate::store::OpenError;

/// SQLite's `application_id` of sessiond's files: "sd" in ASCII and a number. Files of other
/// programs have other ids.
const APPLICATION_ID: i32 = 0x7364_5001;

/// Each entry migrates a file from one version to the next. A released entry never changes.
const MIGRATIONS: &[M<'static>] = &[
    M::up(include_str!("schema.sql")),
    M::up(include_str!("schema_2_alert_windows.sql")),
];

/// The maximum number of prepared statements that a connection keeps. There are fewer different
/// statements.
const STATEMENT_CACHE_CAPACITY: usize = 48;

/// How long a statement waits for a lock that another process holds on the file.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// An exclusive lock, held as long as the database is open. Opening a second handle fails, in this
/// process and in any other, because the second handle would miss the change notifications and
/// touches of the first one.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    is_new: bool,
    _file: File,
}

impl Lock {
    /// Locks a file beside the database, not the database itself: closing a second descriptor of
    /// the database would drop SQLite's own locks.
    pub(super) fn acquire(database: &Path) -> Result<Self, OpenError> {
        let mut name = database.as_os_str().to_owned();
        name.push(".lock");
        let path = PathBuf::from(name);
        let is_new = !path.exists();
        let file = create_private(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self {
                path,
                is_new,
                _file: file,
            }),
            Err(TryLockError::WouldBlock) => Err(OpenError(format!(
                "{} is in use by another sessiond; stop that process first, or use another file",
                database.display()
            ))),
            Err(TryLockError::Error(error)) => Err(cannot_open(&path, &error)),
        }
    }

    /// Removes the lock file if this lock created it, so that no lock file remains beside the
    /// database of another program. If another sessiond has just opened the same lock file, it does
    /// no harm: that process rejects the database as well.
    fn remove_if_new(&self) {
        if self.is_new
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "could not remove the lock file");
        }
    }
}

/// Returns the absolute path of the database without symbolic links. The lock file is named after
/// this path, and all connections use it. Creates the file if it is missing. Does not open an
/// existing file, because closing it would drop the locks of another handle.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, OpenError> {
    match path.canonicalize() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            create_private(path)?;
            path.canonicalize()
        }
        found => found,
    }
    .map_err(|error| cannot_open(path, &error))
}

/// Opens the file, and creates it if it is missing. Only the owner may read or write a new file,
/// because the database holds password hashes.
fn create_private(path: &Path) -> Result<File, OpenError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(path)
        .map_err(|error| cannot_open(path, &error))
}

/// Opens the only connection that writes, and migrates the file to this version.
pub(super) fn open_writer(path: &Path, lock: &Lock) -> Result<Connection, OpenError> {
    let failed = |error: rusqlite::Error| cannot_open(path, &error);
    let mut connection = open(path).map_err(failed)?;
    match belongs_to_sessiond(&connection) {
        Ok(true) => {}
        Ok(false) => {
            lock.remove_if_new();
            return Err(OpenError(format!(
                "{} is not a sessiond database",
                path.display()
            )));
        }
        Err(error) => {
            if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) {
                lock.remove_if_new();
            }
            return Err(failed(error));
        }
    }
    prepare(&mut connection, path)?;
    Ok(connection)
}

/// Returns true if the file is empty or was created by sessiond.
fn belongs_to_sessiond(connection: &Connection) -> rusqlite::Result<bool> {
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let id: i32 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    Ok(tables == 0 || id == APPLICATION_ID)
}

fn prepare(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let failed = |error: rusqlite::Error| cannot_open(path, &error);
    // FULL syncs the write-ahead log at each commit, so that an acknowledged commit is on the disk.
    connection
        .pragma_update(None, "journal_mode", "WAL")
        .map_err(failed)?;
    connection
        .pragma_update(None, "synchronous", "FULL")
        .map_err(failed)?;
    connection
        .pragma_update(None, "application_id", APPLICATION_ID)
        .map_err(failed)?;
    Migrations::from_slice(MIGRATIONS)
        .to_latest(connection)
        .map_err(|error| match error {
            MigrationError::MigrationDefinition(_) => OpenError(format!(
                "{} was written by a newer version of sessiond; run that version, or restore a \
                 backup",
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
    connection.busy_timeout(LOCK_TIMEOUT)?;
    // Makes query plans independent of the bound values. Without it, the bundled SQLite plans a
    // cached statement again whenever its values change.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE_CAPACITY);
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
    fn a_statement_is_planned_once_whatever_values_are_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessiond.db");
        let connection = open_writer(&path, &Lock::acquire(&path).unwrap()).unwrap();
        let page = "SELECT number FROM sessions WHERE user = ? AND number < ? \
             ORDER BY number DESC LIMIT ?";
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
