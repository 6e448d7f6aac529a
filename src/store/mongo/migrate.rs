//! Converts a database of layout 1 to layout 2.
//!
//! In layout 1, `sessions` held the open sessions too, and a commit was a transaction. In layout 2,
//! a user's document holds its open sessions. The ended sessions and the alerts stay where they
//! are: both layouts read them.
//!
//! The version in `meta` is raised first, so that no node of layout 1 starts any more. Each user is
//! then converted by one compare-and-set on the version of its document, without a transaction:
//! a commit of an old node that still runs makes the comparison fail, and the document is read
//! again. An old node cannot read a converted document, and writes nothing to it. Each step may be
//! repeated, and any number of nodes may migrate at the same time. `meta` holds the last user of
//! the batches that are done, after which a later start continues.
//!
//! The keys of the sessions of layout 1 do not contain their users. `keys` maps them to the users
//! until the sessions are purged.

mod form;

use bson::{Bson, DateTime, Document, RawDocumentBuf, doc};
use futures_util::TryStreamExt;
use mongodb::{
    error::{Error, ErrorKind},
    options::InsertManyOptions,
};

use self::form::{current_form, open_sessions};
use super::{
    collections::{Collections, INDEX_NOT_FOUND, durable},
    errors::{DUPLICATE_KEY, code},
    layout::{MIGRATION, schema},
    records::id,
};
use crate::domain::UserId;

/// The number of users that are converted at once.
const BATCH_SIZE: i64 = 200;

/// The field of the documents of layout 1 that those of layout 2 lack.
pub(super) const FORMER_FIELD: &str = "hint";

/// The number of batches after which progress is logged.
const BATCHES_PER_LOG_LINE: u64 = 50;

/// The indexes of `sessions` that only layout 1 used.
const FORMER_INDEXES: [&str; 2] = ["open_by_user", "open_by_expiry"];

/// The number of times that a batch is repeated in which old nodes have changed users.
const MAX_BATCH_ATTEMPTS: usize = 10;

/// What a migration has done. A part that was done before an interruption does not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Migration {
    /// The number of users whose documents were converted.
    pub users: u64,
    /// The number of sessions whose keys were recorded.
    pub sessions: u64,
    /// The number of users that could not be converted, because a record is damaged. Such a user
    /// stays unusable, as before.
    pub damaged: u64,
}

/// Converts all users after those that `meta` names, and then marks the migration as finished.
pub(super) async fn run(collections: &Collections) -> Result<Migration, Error> {
    let mut migration = Migration::default();
    let mut after = position(collections).await?;
    tracing::info!(
        resumed = after.is_some(),
        "migrating the database from layout 1 to layout 2"
    );
    for batch in 1.. {
        let Some(last) = convert_batch(collections, after.as_ref(), &mut migration).await? else {
            break;
        };
        let progress = doc! { "$set": { format!("{MIGRATION}.after"): last.clone() } };
        collections.meta.update_one(schema(), progress).await?;
        after = Some(last);
        if batch % BATCHES_PER_LOG_LINE == 0 {
            tracing::info!(users = migration.users, "migrating");
        }
    }
    drop_former_indexes(collections).await?;
    let finished = doc! { "$unset": { MIGRATION: "" } };
    collections.meta.update_one(schema(), finished).await?;
    let Migration {
        users,
        sessions,
        damaged,
    } = migration;
    tracing::info!(
        users,
        sessions,
        damaged,
        "migrated the database to layout 2"
    );
    Ok(migration)
}

/// Whether a document has the form of layout 1: an old node that was not stopped may register users
/// after the migration.
pub(super) fn is_former(user: &RawDocumentBuf) -> bool {
    user.get(FORMER_FIELD).is_ok_and(|field| field.is_some())
}

/// Converts one user.
pub(super) async fn convert_user(collections: &Collections, user: UserId) -> Result<(), Error> {
    let filter = doc! { "_id": id(user.as_uuid()) };
    convert(collections, filter, &mut Migration::default())
        .await
        .map(drop)
}

async fn position(collections: &Collections) -> Result<Option<Bson>, Error> {
    let meta = collections.meta.find_one(schema()).await?;
    let after = meta.and_then(|meta| meta.get_document(MIGRATION).ok()?.get("after").cloned());
    Ok(after)
}

/// Converts the users after `after`, in the order of their ids. Returns the last one, or `None` if
/// no user is left.
async fn convert_batch(
    collections: &Collections,
    after: Option<&Bson>,
    migration: &mut Migration,
) -> Result<Option<Bson>, Error> {
    let filter = after.map_or_else(Document::new, |after| doc! { "_id": { "$gt": after } });
    for _ in 0..MAX_BATCH_ATTEMPTS {
        let batch = convert(collections, filter.clone(), migration).await?;
        if batch.is_complete {
            return Ok(batch.last);
        }
    }
    Err(Error::custom(
        "nodes of an earlier version still change users; stop them first",
    ))
}

/// The users of one batch.
struct Batch {
    last: Option<Bson>,
    /// False if an old node has changed one of the users since it was read.
    is_complete: bool,
}

async fn convert(
    collections: &Collections,
    filter: Document,
    migration: &mut Migration,
) -> Result<Batch, Error> {
    let users: Vec<Document> = collections
        .users
        .clone_with_type::<Document>()
        .find(filter)
        .sort(doc! { "_id": 1 })
        .limit(BATCH_SIZE)
        .await?
        .try_collect()
        .await?;
    let ids = |users: &mut dyn Iterator<Item = &Document>| -> Vec<Bson> {
        users.filter_map(|user| user.get("_id").cloned()).collect()
    };
    let is_former = |user: &&Document| user.contains_key(FORMER_FIELD);
    let former = ids(&mut users.iter().filter(is_former));
    let mut converted = ids(&mut users.iter().filter(|user| !is_former(user)));
    let mut is_complete = true;
    if !former.is_empty() {
        let sessions = sessions_of(collections, &former).await?;
        migration.sessions += record_keys(collections, &sessions).await?;
        let open = open_sessions(sessions);
        let (mut updates, mut replaced_ids) = (Vec::new(), Vec::new());
        for user in users.iter().filter(is_former) {
            let Some(current) = current_form(user, &open) else {
                let user = user.get("_id").map(ToString::to_string);
                tracing::error!(user, "a user of layout 1 is damaged, and was not migrated");
                migration.damaged += 1;
                continue;
            };
            let filter = doc! {
                "_id": user.get("_id"),
                "version": user.get("version"),
                FORMER_FIELD: { "$exists": true },
            };
            replaced_ids.extend(user.get("_id").cloned());
            updates.push(doc! { "q": filter, "u": current });
        }
        let replaced = replace(collections, updates).await?;
        migration.users += replaced;
        is_complete = replaced == replaced_ids.len() as u64;
        if is_complete {
            converted.extend(replaced_ids);
        }
    }
    // After an interruption, this removes what an earlier run has left.
    if !converted.is_empty() {
        let moved = doc! { "user": { "$in": converted }, "open": true };
        collections.sessions.delete_many(moved).await?;
    }
    let last = users.last().and_then(|user| user.get("_id").cloned());
    Ok(Batch { last, is_complete })
}

async fn sessions_of(collections: &Collections, users: &[Bson]) -> Result<Vec<Document>, Error> {
    let sessions = collections.sessions.clone_with_type::<Document>();
    let found = sessions.find(doc! { "user": { "$in": users } }).await?;
    found.try_collect().await
}

/// Records the users of these sessions by their keys, until the sessions are certainly purged.
async fn record_keys(collections: &Collections, sessions: &[Document]) -> Result<u64, Error> {
    let retention = i64::try_from(collections.retention.as_millis()).unwrap_or(i64::MAX);
    let keys = sessions.iter().filter_map(|session| {
        let ends_at = match session.get_datetime("ended_at") {
            Ok(ended_at) => ended_at.timestamp_millis(),
            Err(_) => session.get_i64("lifetime_ends_at").ok()?,
        };
        Some(doc! {
            "_id": session.get("_id")?,
            "user": session.get("user")?,
            "expires_at": DateTime::from_millis(ends_at.saturating_add(retention)),
        })
    });
    let keys: Vec<_> = keys.collect();
    if keys.is_empty() {
        return Ok(0);
    }
    let count = keys.len() as u64;
    let unordered = InsertManyOptions::builder().ordered(false).build();
    let inserted = collections.keys.insert_many(keys).with_options(unordered);
    match inserted.await {
        Ok(_) => Ok(count),
        Err(error) => match duplicates(&error) {
            // An earlier run has recorded these.
            Some(duplicates) => Ok(count.saturating_sub(duplicates)),
            None => Err(error),
        },
    }
}

/// The number of documents that existed already. `None` if anything else went wrong.
fn duplicates(error: &Error) -> Option<u64> {
    let ErrorKind::InsertMany(failures) = &*error.kind else {
        return None;
    };
    let errors = failures.write_errors.as_ref()?;
    let only_duplicates = failures.write_concern_error.is_none()
        && errors.iter().all(|failure| failure.code == DUPLICATE_KEY);
    only_duplicates.then_some(errors.len() as u64)
}

/// Replaces the documents that have not changed. Returns their number.
async fn replace(collections: &Collections, updates: Vec<Document>) -> Result<u64, Error> {
    if updates.is_empty() {
        return Ok(0);
    }
    let concern = bson::serialize_to_bson(&durable()).map_err(Error::custom)?;
    let command = doc! {
        "update": collections.users.name(),
        "updates": updates,
        "ordered": false,
        "writeConcern": concern,
    };
    let reply = collections.database.run_command(command).await?;
    if let Ok([Bson::Document(error), ..]) = reply.get_array("writeErrors").map(Vec::as_slice) {
        let code = error.get_i32("code").unwrap_or_default();
        return Err(Error::custom(format!(
            "the server rejected a user with error {code}"
        )));
    }
    if reply.contains_key("writeConcernError") {
        return Err(Error::custom("no majority has acknowledged the users"));
    }
    let matched = reply.get_i32("n").unwrap_or_default();
    Ok(u64::try_from(matched).unwrap_or_default())
}

async fn drop_former_indexes(collections: &Collections) -> Result<(), Error> {
    for name in collections.sessions.list_index_names().await? {
        if !FORMER_INDEXES.contains(&name.as_str()) {
            continue;
        }
        match collections.sessions.drop_index(name).await {
            Err(error) if !is_missing_index(&error) => return Err(error),
            // Another node may have dropped it.
            _ => {}
        }
    }
    Ok(())
}

fn is_missing_index(error: &Error) -> bool {
    code(error) == Some(INDEX_NOT_FOUND)
}
