//! Last-seen times, overdue sessions, due summaries, the periodic work of the store, and purging.

mod overdue;
mod periodic;
mod purge;

use std::ops::RangeInclusive;

use bson::{Document, doc};
use futures_util::TryStreamExt;
use mongodb::error::Error;

pub(super) use self::{overdue::overdue, periodic::maintain, purge::purge};
use super::{
    collections::{Collections, SUMMARY_DUE_AT},
    errors::{damaged, unavailable},
    records::{id, millis, user_id, uuid_in},
};
use crate::{
    domain::{Timestamp, UserId},
    store::{SeenAfter, StoreError, Touch},
};

/// Writes all touches in one command. The driver does not retry a raw command, but the caller does.
/// The update is idempotent, because it takes a maximum.
pub(super) async fn touch(collections: &Collections, touches: &[Touch]) -> Result<(), StoreError> {
    if touches.is_empty() {
        return Ok(());
    }
    let updates = touches.iter().map(|touch| {
        doc! {
            "q": {
                "_id": id(touch.user.as_uuid()),
                "active.key": id(touch.session.as_uuid()),
            },
            "u": { "$max": { "active.last_seen_at": millis(touch.at) } },
        }
    });
    // An acknowledgment of one member is enough: if a failover loses a touch, the session expires
    // early rather than late.
    update_users(collections, updates.collect()).await
}

/// Executes many updates of users in one command, each acknowledged by one member.
async fn update_users(collections: &Collections, updates: Vec<Document>) -> Result<(), StoreError> {
    let command = doc! {
        "update": collections.users.name(),
        "updates": updates,
        "ordered": false,
        "writeConcern": { "w": 1 },
    };
    let reply = collections
        .database
        .run_command(command)
        .await
        .map_err(|error| unavailable(&error))?;
    let rejected = reply.get_array("writeErrors").map_or(0, Vec::len);
    if rejected > 0 {
        return Err(StoreError::Unavailable(
            format!("the server rejected {rejected} updates").into(),
        ));
    }
    Ok(())
}

pub(super) async fn summaries_due(
    collections: &Collections,
    due: RangeInclusive<Timestamp>,
    limit: usize,
) -> Result<Vec<UserId>, StoreError> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let range = doc! { "$gte": millis(*due.start()), "$lte": millis(*due.end()) };
    let found: Vec<Document> = async {
        collections
            .users
            .clone_with_type::<Document>()
            .find(doc! { SUMMARY_DUE_AT: range })
            .sort(doc! { SUMMARY_DUE_AT: 1 })
            .limit(server_limit(limit))
            .projection(doc! { "_id": 1 })
            .await?
            .try_collect()
            .await
    }
    .await
    .map_err(|error| unavailable(&error))?;
    let user = |document: Document| user_in(&document, "_id", "user");
    found.into_iter().map(user).collect()
}

/// Reads all users in the order of their ids, also those without an open session.
pub(super) async fn seen_after(
    collections: &Collections,
    latest: Timestamp,
    after: Option<UserId>,
    limit: usize,
) -> Result<SeenAfter, StoreError> {
    let filter = after.map_or_else(Document::new, |after| {
        doc! { "_id": { "$gt": id(after.as_uuid()) } }
    });
    let found: Vec<Document> = async {
        collections
            .users
            .clone_with_type::<Document>()
            .find(filter)
            .sort(doc! { "_id": 1 })
            .limit(server_limit(limit))
            .projection(doc! { "active.last_seen_at": 1, "pending.last_seen_at": 1 })
            .await?
            .try_collect()
            .await
    }
    .await
    .map_err(|error: Error| unavailable(&error))?;
    let mut users = Vec::new();
    for document in &found {
        let open = ["active", "pending"].into_iter().filter_map(|slot| {
            let session = document.get_document(slot).ok()?;
            Some(session.get_i64("last_seen_at"))
        });
        let mut is_later = false;
        for seen in open {
            let seen = seen.map_err(|error| damaged("session", error))?;
            is_later |= seen > millis(latest);
        }
        if is_later {
            users.push(user_in(document, "_id", "user")?);
        }
    }
    let next = match found.last() {
        Some(last) if found.len() == limit => Some(user_in(last, "_id", "user")?),
        _ => None,
    };
    Ok(SeenAfter { users, next })
}

/// Returns the user's id in this field.
fn user_in(document: &Document, field: &str, record: &'static str) -> Result<UserId, StoreError> {
    uuid_in(document, field)
        .map(user_id)
        .ok_or_else(|| damaged(record, "it has no user"))
}

/// Converts a limit for the server, which reads 0 as unlimited: callers exclude it.
pub(super) fn server_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
