//! Archiving: copies the tail of a user to the collections `sessions` and `alerts`, and then
//! removes from the tail what was copied.
//!
//! Each step may be repeated, and any number of nodes may archive the same tail at the same time:
//! entries never change, a copy is inserted only if it does not exist, and the removal names the
//! copied entries. The user's version does not change, so archiving never makes a commit stale.

use std::time::Duration;

use bson::{Bson, Document, RawBsonRef, RawDocument, doc};
use mongodb::{
    Collection,
    error::Error,
    options::{Acknowledgment, WriteConcern},
};

use super::{
    collections::{Collections, TAIL_SINCE},
    errors::{DUPLICATE_KEY, unavailable},
    records::{AlertDocument, Entry, SessionDocument, StoredUser, id},
    timeouts::WRITE_TIMEOUT,
};
use crate::{
    domain::UserId,
    store::{StoreError, mongo::timeouts::within},
};

/// The time limit of archiving one tail. A deletion relies on it: an archiver that has read the
/// tail before the deletion cannot write after it, because the deletion is repeated later.
const ARCHIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// The number of alerts after which a user's tail is archived.
const ALERTS_IN_A_BATCH: u64 = 8;

/// Whether the tail of a user is to be archived after a commit that raised `added` alerts, the last
/// of which is `last`. The tail grows with the alerts: a session ends only with an alert.
pub(super) const fn is_due_after(last: u64, added: u64) -> bool {
    last / ALERTS_IN_A_BATCH != last.saturating_sub(added) / ALERTS_IN_A_BATCH
}

/// Archives the tail of a user. Succeeds if the user does not exist.
pub(super) async fn archive(collections: &Collections, user: UserId) -> Result<(), StoreError> {
    within(ARCHIVE_TIMEOUT, async {
        archive_tail(collections, user)
            .await
            .map_err(|error| unavailable(&error))
    })
    .await
}

async fn archive_tail(collections: &Collections, user: UserId) -> Result<(), Error> {
    let user = id(user.as_uuid());
    let found = collections
        .users
        .find_one(doc! { "_id": user })
        .projection(doc! { "tail": 1, "version": 1, "last_alert": 1 })
        .await?;
    // A tombstone has no version.
    let Some(stored) = found.and_then(StoredUser::new) else {
        return Ok(());
    };
    copy::<SessionDocument>(collections, user, &stored).await?;
    copy::<AlertDocument>(collections, user, &stored).await?;
    trim(collections, user, &stored).await
}

/// Copies the tail entries of one kind, and waits until a majority has them in its journal.
///
/// Usually none of the copies exists yet, so they are inserted: the server writes all inserts of a
/// command at once, but each upsert alone, after a search. If it has rejected an insert, the upserts
/// decide which copies exist and which are missing.
async fn copy<E: Entry>(
    collections: &Collections,
    user: bson::Uuid,
    stored: &StoredUser,
) -> Result<(), Error> {
    let history = E::history(collections);
    let entries = stored.tail_of::<E>();
    if entries.is_empty() {
        return Ok(());
    }
    let inserts = entries.iter().map(|(number, value)| {
        let mut copy = doc! { "user": user, E::NUMBER: *number };
        copy.extend(archived_fields::<E>(*value));
        copy
    });
    let command = doc! {
        "insert": history.name(),
        "documents": inserts.collect::<Vec<_>>(),
        "ordered": false,
        "writeConcern": majority(),
    };
    let reply = collections.database.run_command(command).await?;
    if !reply.contains_key("writeErrors") {
        return check::<E>(history, &reply);
    }
    let upserts = entries.iter().map(|(number, value)| {
        doc! {
            "q": { "user": user, E::NUMBER: *number },
            "u": { "$setOnInsert": archived_fields::<E>(*value) },
            "upsert": true,
        }
    });
    let command = doc! {
        "update": history.name(),
        "updates": upserts.collect::<Vec<_>>(),
        "ordered": false,
        "writeConcern": majority(),
    };
    let reply = collections.database.run_command(command).await?;
    check::<E>(history, &reply)
}

fn majority() -> Document {
    doc! {
        "w": "majority",
        "j": true,
        "wtimeout": i64::try_from(WRITE_TIMEOUT.as_millis()).unwrap_or(i64::MAX),
    }
}

/// The fields of an entry in the history, except those that the filter of the upsert names. They
/// are copied as they are stored, so that a damaged entry does not stop the others.
fn archived_fields<E: Entry>(value: RawBsonRef<'_>) -> Document {
    let copy = |entry: &RawDocument| Document::try_from(entry).ok();
    let Some(mut fields) = value.as_document().and_then(copy) else {
        return doc! { "damaged": Bson::try_from(value).unwrap_or(Bson::Null) };
    };
    fields.remove(E::NUMBER);
    if let Some(key) = fields.remove("key") {
        fields.insert("_id", key);
    }
    fields
}

/// Fails if a copy was not written. An upsert that lost a race against another archiver finds its
/// number taken, so the copy exists.
fn check<E: Entry>(
    history: &Collection<bson::RawDocumentBuf>,
    reply: &Document,
) -> Result<(), Error> {
    let is_copied = |error: &Bson| {
        let error = error.as_document();
        error.is_some_and(|error| {
            let keys = error.get_document("keyPattern");
            error.get_i32("code").ok() == Some(DUPLICATE_KEY)
                && keys.is_ok_and(|keys| keys.keys().eq(["user", E::NUMBER]))
        })
    };
    let errors = reply.get_array("writeErrors");
    let mut rejected = errors
        .into_iter()
        .flatten()
        .filter(|error| !is_copied(error));
    let code = rejected.find_map(|error| error.as_document()?.get_i32("code").ok());
    if let Some(code) = code {
        let collection = history.name();
        return Err(Error::custom(format!(
            "the server rejected a copy to `{collection}` with error {code}"
        )));
    }
    if reply.contains_key("writeConcernError") {
        return Err(Error::custom("no majority has acknowledged the copies"));
    }
    Ok(())
}

/// Removes the copied entries from the tail. The removal may be lost: the entries are then copied
/// again.
async fn trim(
    collections: &Collections,
    user: bson::Uuid,
    stored: &StoredUser,
) -> Result<(), Error> {
    let users = collections.users.clone_with_type::<Document>();
    let one_member = || WriteConcern::builder().w(Acknowledgment::Nodes(1)).build();
    let unset: Document = copied_fields::<SessionDocument>(stored)
        .chain(copied_fields::<AlertDocument>(stored))
        .map(|name| (name, Bson::from("")))
        .collect();
    let mut update = Document::new();
    // All alerts up to this one are archived now: those that are not in the tail were before.
    if let Ok(last) = stored.last_alert() {
        update.insert("$max", doc! { "archived": last });
    }
    // The mark may be removed only if no commit has added an entry. A mark that stays is harmless.
    if let Ok(version) = stored.version() {
        let mut update = update.clone();
        let mut all = unset.clone();
        all.insert(TAIL_SINCE, "");
        update.insert("$unset", all);
        let trimmed = users
            .update_one(doc! { "_id": user, "version": version }, update)
            .write_concern(one_member())
            .await?;
        if trimmed.matched_count > 0 {
            return Ok(());
        }
    }
    if unset.is_empty() {
        return Ok(());
    }
    update.insert("$unset", unset);
    users
        .update_one(doc! { "_id": user, "version": { "$exists": true } }, update)
        .write_concern(one_member())
        .await
        .map(drop)
}

fn copied_fields<E: Entry>(stored: &StoredUser) -> impl Iterator<Item = String> {
    let entries = stored.tail_of::<E>().into_iter();
    entries.map(|(number, _)| format!("tail.{}{number}", E::TAIL_PREFIX))
}
