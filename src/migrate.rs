//! The `migrate` command: migrates the database to the layout of this version without starting a
//! node.

use crate::{
    config::{Database, Settings},
    store::{
        OpenError, Store,
        mongo::{Migration, MigrationPlan, MongoStore},
        sqlite::{LayoutVersion, SqliteStore, layout_version},
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

/// Returns what [`migrate`] would do, as a sentence for an operator. Changes nothing, and may run
/// while a server of an older version uses the database.
///
/// # Errors
/// [`OpenError`] if the database cannot be read, or was written by a newer version.
pub async fn migration_plan(settings: &Settings) -> Result<String, OpenError> {
    const CURRENT: &str =
        "The database has the layout of this version: there is nothing to migrate.";
    match &settings.database {
        Database::Sqlite(file) => {
            let path = file.path();
            if !path.exists() {
                let path = path.display();
                return Ok(format!(
                    "{path} does not exist: there is nothing to migrate."
                ));
            }
            let layout = layout_version(path)?;
            let LayoutVersion { found, current, .. } = layout;
            if found == current {
                return Ok(CURRENT.to_owned());
            }
            let space = match layout.needed_space {
                0 => String::new(),
                _ => format!(" It takes {}.", layout.describe_space()),
            };
            Ok(format!(
                "{} would be migrated from layout {found} to layout {current}, in one \
                 transaction.{space} Make a backup first: an earlier version cannot open the \
                 migrated file.",
                path.display()
            ))
        }
        Database::Mongo(uri) => {
            let plan = MongoStore::migration_plan(uri, settings.sessions.retention).await?;
            Ok(match plan {
                MigrationPlan::New => {
                    "The database is new: there is nothing to migrate.".to_owned()
                }
                MigrationPlan::Current => CURRENT.to_owned(),
                MigrationPlan::Former { users } => format!(
                    "The documents of {users} users would be converted. Stop the nodes of the \
                     earlier version first: they cannot read converted users."
                ),
            })
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
