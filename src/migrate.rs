//! The `migrate` command: migrates the database to the layout of this version without starting a
//! node.

use crate::{
    config::{Database, Settings},
    store::{
        OpenError, Store,
        mongo::{Migration, MongoStore},
        sqlite::SqliteStore,
    },
};

/// Migrates the database. Returns what was done, as a sentence for an operator. Does not create a
/// missing SQLite file.
///
/// # Errors
/// [`OpenError`] if the database cannot be opened, or if the connection is lost. The command may
/// then be repeated.
pub async fn migrate(settings: &Settings) -> Result<String, OpenError> {
    match &settings.database {
        Database::Sqlite(file) => {
            let path = file.path();
            if !path.exists() {
                let path = path.display();
                return Ok(format!(
                    "{path} does not exist: there is nothing to migrate."
                ));
            }
            SqliteStore::open(path)?.close().await;
            let path = path.display();
            Ok(format!("{path} has the layout of this version."))
        }
        Database::Mongo(uri) => {
            let migration = MongoStore::migrate(uri, settings.sessions.retention).await?;
            Ok(migration.map_or_else(
                || {
                    "The database has the layout of this version: there is nothing to migrate."
                        .into()
                },
                describe,
            ))
        }
    }
}

fn describe(migration: Migration) -> String {
    let Migration {
        users,
        sessions,
        damaged,
    } = migration;
    let migrated = format!(
        "Migrated {users} users and the keys of {sessions} sessions to the layout of this version."
    );
    if damaged == 0 {
        return migrated;
    }
    format!(
        "{migrated} Records of {damaged} users are damaged. These users stay unusable: the log has \
         their ids."
    )
}
