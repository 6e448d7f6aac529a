//! Opens the database file: checks that it belongs to sessiond, and migrates it to this version.

use std::{
    fs::{File, OpenOptions},
    io::ErrorKind,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};
use rusqlite_migration::{Error as MigrationError, M, Migrations};

use super::{
    device_ids, file_id::count_names, layout_version::LayoutVersion, log_size::MAX_LOG_SIZE,
    one_table, page_cache,
};
use crate::store::OpenError;

/// SQLite's `application_id` of sessiond's files: "sd" in ASCII and a number. Files of other
/// programs have other ids.
const APPLICATION_ID: i32 = 0x7364_5001;

/// Returns the migrations of a file. Each migrates it from one version to the next. A released entry
/// never changes.
fn migrations() -> Migrations<'static> {
    let migrations: [M<'static>; VERSION] = [
        M::up(include_str!("schema.sql")),
        M::up(include_str!("schema_2_alert_windows.sql")),
        M::up(include_str!("schema_3_ended_by.sql")),
        M::up_with_hook("", device_ids::hash_all),
        M::up(include_str!("schema_5_expiry_checks.sql")),
        M::up(include_str!("schema_6_failed_logins.sql")),
        M::up(include_str!("schema_7_asking.sql")),
        M::up(include_str!("schema_8_feed.sql")),
        M::up(include_str!("schema_9_webhooks.sql")),
        M::up(include_str!("schema_10_sessions_in_order.sql")),
        M::up_with_hook(include_str!("schema_11_records.sql"), one_table::copy_all),
        M::up(include_str!("schema_12_clock.sql")),
    ];
    Migrations::new(migrations.into())
}

/// The version of the layout that has the sessions in the order of their numbers. The migration to it
/// copies the table of sessions.
pub(super) const SESSIONS_IN_ORDER: usize = 10;

/// The version of the layout that has all records in one table. The migration to it copies every
/// record, except the feed.
pub(super) const ONE_TABLE: usize = 11;

/// The version of the layout that this version of sessiond writes.
pub(super) const VERSION: usize = 12;

/// The maximum number of prepared statements that a connection keeps. There are fewer different
/// statements.
const STATEMENT_CACHE_CAPACITY: usize = 48;

/// How long a statement waits for a lock that another process holds on the file.
pub(super) const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// Returns the absolute path of the database without symbolic links. The lock file is named after
/// this path, and all connections use it. Creates the file if it is missing. Does not open an
/// existing file, because closing it would drop the locks of another handle.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, OpenError> {
    let resolved = match path.canonicalize() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            create_private(path)?;
            path.canonicalize()
        }
        found => found,
    }
    .map_err(|error| cannot_open(path, &error))?;
    if resolved.is_dir() {
        return Err(OpenError(format!(
            "{} is a folder; add a file name, such as {}",
            path.display(),
            path.join("sessiond.db").display()
        )));
    }
    // Opening a pipe would wait for its other end.
    if !resolved.is_file() {
        return Err(OpenError(format!("{} is not a file", path.display())));
    }
    reject_other_names(&resolved)?;
    Ok(resolved)
}

/// Rejects a file with a second name (a hard link). A server that opens it by that name would have a
/// lock file and a write-ahead log of its own, and the changes of one of both would be lost.
fn reject_other_names(path: &Path) -> Result<(), OpenError> {
    let file = path.metadata().map_err(|error| cannot_open(path, &error))?;
    let names = count_names(&file);
    if names > 1 {
        return Err(OpenError(format!(
            "{} has {names} names (hard links), each of which would have a write-ahead log of its \
             own; remove the names that no server uses, or stop the server and use a copy",
            path.display()
        )));
    }
    Ok(())
}

/// Returns the path of a file beside the database whose name has this ending, such as `-wal`.
pub(super) fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Opens the file, and creates it if it is missing. Only the owner may read or write a new file,
/// because the database holds password hashes.
pub(super) fn create_private(path: &Path) -> Result<File, OpenError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(path)
        .map_err(|error| cannot_open(path, &error))
}

/// Opens the only connection that writes, and migrates the file to this version.
pub(super) fn open_writer(path: &Path) -> Result<Connection, OpenError> {
    let failed = |error: rusqlite::Error| cannot_open(path, &error);
    let mut connection = open(path).map_err(failed)?;
    if !belongs_to_sessiond(&connection).map_err(failed)? {
        return Err(OpenError(format!(
            "{} is not a sessiond database",
            path.display()
        )));
    }
    prepare(&mut connection, path)?;
    Ok(connection)
}

/// Returns true if the file is empty or was created by sessiond.
fn belongs_to_sessiond(connection: &Connection) -> rusqlite::Result<bool> {
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(tables == 0 || was_written_by_sessiond(connection)?)
}

/// Returns true if the file has the id of sessiond's files.
pub(super) fn was_written_by_sessiond(connection: &Connection) -> rusqlite::Result<bool> {
    let id: i32 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    Ok(id == APPLICATION_ID)
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
    // Applies when a write starts the log again from its beginning.
    connection
        .pragma_update(None, "journal_size_limit", MAX_LOG_SIZE)
        .map_err(failed)?;
    // Deleted records are overwritten with zeros in the pages that are written anyway. Deletions of
    // users and old records overwrite whole pages too: see `delete::erase`.
    connection
        .pragma_update(None, "secure_delete", "FAST")
        .map_err(failed)?;
    // The tables of earlier versions check that a session has a known status, and the writer took the
    // status from an enum. SQLite checks a list of values by filling a temporary B-tree with them for
    // each row, which would slow down their migration.
    connection
        .pragma_update(None, "ignore_check_constraints", true)
        .map_err(failed)?;
    connection
        .pragma_update(None, "application_id", APPLICATION_ID)
        .map_err(failed)?;
    let version = connection.query_row("PRAGMA user_version", [], |row| row.get(0));
    let layout = LayoutVersion::of(path, version.map_err(failed)?);
    let is_new = layout.found == 0;
    if !is_new && layout.found < VERSION {
        tracing::info!(
            from = layout.found,
            to = VERSION,
            "migrating the layout of the database"
        );
    }
    migrations()
        .to_latest(connection)
        .map_err(|error| match error {
            MigrationError::MigrationDefinition(_) => OpenError(format!(
                "{} was written by a newer version of sessiond; run that version, or restore a \
                 backup",
                path.display()
            )),
            // The text of the error itself contains all statements of the migration.
            MigrationError::RusqliteError { err, .. } if !is_new => {
                layout.cannot_migrate(path, &err)
            }
            error => cannot_open(path, &error),
        })?;
    page_cache::fit(connection).map_err(failed)
}

/// Opens a connection that only reads. Does not create the file: if it was removed, a new and empty
/// one would take its place.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::default().difference(OpenFlags::SQLITE_OPEN_CREATE);
    let connection = Connection::open_with_flags(path, flags)?;
    set_up(&connection)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// Opens a connection without settings of the writer.
pub(super) fn open(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    set_up(&connection)?;
    Ok(connection)
}

fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(LOCK_TIMEOUT)?;
    // Makes query plans independent of the bound values. Without it, the bundled SQLite plans a
    // cached statement again whenever its values change.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE_CAPACITY);
    Ok(())
}

pub(super) fn cannot_open(path: &Path, error: &dyn std::error::Error) -> OpenError {
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
        let connection = open_writer(&path).unwrap();
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

    #[test]
    fn writing_a_session_fills_no_temporary_b_tree() {
        let folder = tempfile::tempdir().unwrap();
        let connection = open_writer(&folder.path().join("sessiond.db")).unwrap();
        let update =
            "EXPLAIN UPDATE records SET status = ? WHERE user = ? AND part = 1 AND number = ?";
        let opcodes: Vec<String> = connection
            .prepare(update)
            .unwrap()
            .query_map(("ended", b"user", 1), |row| row.get("opcode"))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        assert!(opcodes.iter().any(|opcode| opcode == "OpenWrite"));
        assert!(!opcodes.iter().any(|opcode| opcode == "OpenEphemeral"));
    }

    #[test]
    fn the_writer_of_a_small_file_has_a_small_page_cache() {
        let folder = tempfile::tempdir().unwrap();
        let connection = open_writer(&folder.path().join("sessiond.db")).unwrap();
        let size = connection.pragma_query_value(None, "cache_size", |row| row.get(0));
        assert_eq!(size, Ok(-2048));
    }

    /// `.cargo/config.toml` sets them.
    #[test]
    fn connections_share_no_lock() {
        let connection = Connection::open_in_memory().unwrap();
        let options: Vec<String> = connection
            .prepare("PRAGMA compile_options")
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        let has = |option: &str| options.iter().any(|has| has == option);
        assert!(!has("ENABLE_MEMORY_MANAGEMENT"), "{options:?}");
        assert!(has("DEFAULT_MEMSTATUS=0"), "{options:?}");
    }
}
