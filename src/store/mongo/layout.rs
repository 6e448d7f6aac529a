//! The version of the database's layout, in `meta`.

use bson::{Document, doc};
use mongodb::error::Error;

use super::{collections::Collections, errors::is_duplicate, open::cannot};
use crate::store::OpenError;

/// The version of the layout that [`super::collections`] describes.
const VERSION: i64 = 2;

/// The version that [`super::migrate`] converts.
const FORMER_VERSION: i64 = 1;

/// The field with the state of an unfinished migration.
pub(super) const MIGRATION: &str = "migration";

/// The layout of a database that this version can open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    Current,
    /// The database has to be migrated, or a migration has to be finished.
    Former,
}

/// Selects the document of `meta` with the version.
pub(super) fn schema() -> Document {
    doc! { "_id": "schema" }
}

/// Reads the layout. Writes the version to a new database.
pub(super) async fn read(collections: &Collections) -> Result<Layout, OpenError> {
    let name = collections.database.name();
    let failed = |error: Error| cannot("read", name, &error);
    let found = collections.meta.find_one(schema()).await.map_err(failed)?;
    let Some(found) = found else {
        return match insert(collections).await {
            Ok(()) => Ok(Layout::Current),
            // Another node has written its version first. If it is another version, the next start
            // of this node fails or migrates.
            Err(error) if is_duplicate(&error) => Ok(Layout::Current),
            Err(error) => Err(cannot("write to", name, &error)),
        };
    };
    of(&found, name)
}

/// Reads the layout, and writes nothing. Returns `None` for a new database.
pub(super) async fn find(collections: &Collections) -> Result<Option<Layout>, OpenError> {
    let name = collections.database.name();
    let found = collections.meta.find_one(schema()).await;
    let found = found.map_err(|error| cannot("read", name, &error))?;
    found.map(|found| of(&found, name)).transpose()
}

/// The layout that the document of `meta` names.
fn of(found: &Document, name: &str) -> Result<Layout, OpenError> {
    match found.get_i64("version") {
        Ok(VERSION) if !found.contains_key(MIGRATION) => Ok(Layout::Current),
        Ok(VERSION | FORMER_VERSION) => Ok(Layout::Former),
        Ok(_) => Err(OpenError(format!(
            "the database {name} was written by a newer version of sessiond; run that version, or \
             restore a backup"
        ))),
        Err(_) => Err(OpenError(format!(
            "the database {name} is not a sessiond database"
        ))),
    }
}

async fn insert(collections: &Collections) -> Result<(), Error> {
    let version = doc! { "$setOnInsert": { "version": VERSION } };
    let insert = collections.meta.update_one(schema(), version).upsert(true);
    insert.await.map(drop)
}

/// Raises the version, so that no node of the former version starts any more. Does nothing if
/// another node has raised it.
pub(super) async fn begin_migration(collections: &Collections) -> Result<(), Error> {
    let mut former = schema();
    former.insert("version", FORMER_VERSION);
    let mark = doc! { "$set": { "version": VERSION, MIGRATION: {} } };
    collections.meta.update_one(former, mark).await.map(drop)
}
