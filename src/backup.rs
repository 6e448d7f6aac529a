//! The commands `backup` and `restore`, and the sentences that they print.

use std::path::Path;

use thiserror::Error;

use crate::{
    config::Database,
    store::sqlite::{self, Copied, CopyError},
};

/// The reason why a backup was not made or restored, as a message for an operator.
#[derive(Debug, Error)]
pub enum BackupError {
    /// The database is not a file.
    #[error(
        "--database names MongoDB, which has tools of its own for backups, such as mongodump --oplog"
    )]
    NotSqlite,
    /// The file was not copied.
    #[error(transparent)]
    Copy(#[from] CopyError),
}

/// Copies the database to the new file `target`, and returns what it holds as a sentence.
///
/// # Errors
/// [`BackupError`] if the database is not a file, or if it cannot be copied.
pub fn back_up(database: &Database, target: &Path) -> Result<String, BackupError> {
    let copied = sqlite::back_up(file(database)?, target)?;
    Ok(describe(target, &copied))
}

/// Creates the database from `backup`, and returns what it holds as a sentence.
///
/// # Errors
/// [`BackupError`] if the database is not a file, exists, or cannot be written.
pub fn restore(backup: &Path, database: &Database) -> Result<String, BackupError> {
    let file = file(database)?;
    let copied = sqlite::restore(backup, file)?;
    Ok(describe(file, &copied))
}

fn file(database: &Database) -> Result<&Path, BackupError> {
    match database {
        Database::Sqlite(file) => Ok(file.path()),
        Database::Mongo(_) => Err(BackupError::NotSqlite),
    }
}

fn describe(file: &Path, copied: &Copied) -> String {
    let Copied {
        bytes,
        users,
        sessions,
    } = copied;
    format!(
        "{} is complete and verified: {bytes} bytes, {users} users, {sessions} sessions.\n",
        file.display()
    )
}
