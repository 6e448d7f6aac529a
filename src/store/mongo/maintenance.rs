//! Last-seen times, overdue sessions, due summaries, and purging.

use std::{collections::HashSet, ops::RangeInclusive};

use bson::{Bson, Document, RawDocumentBuf, doc};
use futures_util::TryStreamExt;
use mongodb::{Collection, error::Error};

use super::{
    collections::{
        ALERT_RETENTION, Collections, RetentionIndex, SESSION_RETENTION, SUMMARY_DUE_AT,
    },
    errors::{damaged, unavailable},
    records::{SessionDocument, date, id, millis, user_id},
};
use crate::{
    domain::{Timestamp, UserId},
    store::{Purged, SeenAfter, StoreError, Touch},
};

/// Writes all touches in one command. The driver does not retry a raw command, but the caller does.
/// The update is idempotent, because it takes a maximum.
pub(super) async fn touch(collections: &Collections, touches: &[Touch]) -> Result<(), StoreError> {
    if touches.is_empty() {
        return Ok(());
    }
    let updates = touches.iter().map(|touch| {
        doc! {
            // Uses the small index of open sessions, of which a user has at most two. The update
            // selects the right one.
            "q": { "user": id(touch.user.as_uuid()), "open": true },
            "u": SessionDocument::touch(id(touch.session.as_uuid()), millis(touch.at)).to_vec(),
            "multi": true,
        }
    });
    let command = doc! {
        "update": collections.sessions.name(),
        "updates": updates.collect::<Vec<_>>(),
        "ordered": false,
        // An acknowledgment of one member is enough: if a failover loses a touch, the session
        // expires early rather than late.
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
            format!("the server rejected {rejected} touches").into(),
        ));
    }
    Ok(())
}

pub(super) async fn overdue(
    collections: &Collections,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<UserId>, StoreError> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let found: Vec<Document> = async {
        collections
            .sessions
            .clone_with_type::<Document>()
            .find(doc! { "expires_at": { "$lte": millis(now) } })
            .sort(doc! { "expires_at": 1 })
            .limit(server_limit(limit))
            .projection(doc! { "_id": 0, "user": 1 })
            .await?
            .try_collect()
            .await
    }
    .await
    .map_err(|error| unavailable(&error))?;
    let user = |document: Document| user_in(&document, "user", "session");
    found.into_iter().map(user).collect()
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

/// Reads the open sessions in the order of their users, by the partial index of open sessions.
pub(super) async fn seen_after(
    collections: &Collections,
    latest: Timestamp,
    after: Option<UserId>,
    limit: usize,
) -> Result<SeenAfter, StoreError> {
    let mut filter = doc! { "open": true };
    if let Some(after) = after {
        filter.insert("user", doc! { "$gt": id(after.as_uuid()) });
    }
    // A user has at most two open sessions. The page may end between them, so a full page leaves
    // its last user to the next page. With two more sessions, it still contains another user.
    let limit = limit.saturating_add(2);
    let found: Vec<Document> = async {
        collections
            .sessions
            .clone_with_type::<Document>()
            .find(filter)
            .sort(doc! { "user": 1 })
            .limit(server_limit(limit))
            .projection(doc! { "_id": 0, "user": 1, "last_seen_at": 1 })
            .await?
            .try_collect()
            .await
    }
    .await
    .map_err(|error: Error| unavailable(&error))?;
    let mut sessions = found
        .iter()
        .map(|session| {
            let seen = session.get_i64("last_seen_at");
            let seen = seen.map_err(|error| damaged("session", error))?;
            Ok((user_in(session, "user", "session")?, seen))
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
    let mut next = None;
    if sessions.len() == limit
        && let Some((last, _)) = sessions.last().copied()
    {
        sessions.retain(|(user, _)| *user != last);
        next = sessions.last().map(|(user, _)| *user);
    }
    let mut users: Vec<UserId> = sessions
        .into_iter()
        .filter(|(_, seen)| *seen > millis(latest))
        .map(|(user, _)| user)
        .collect();
    users.dedup();
    Ok(SeenAfter { users, next })
}

/// Returns the user's id in this field.
fn user_in(document: &Document, field: &str, record: &'static str) -> Result<UserId, StoreError> {
    match document.get(field) {
        Some(Bson::Binary(binary)) => binary
            .to_uuid()
            .map(user_id)
            .map_err(|error| damaged(record, error)),
        _ => Err(damaged(record, "it has no user")),
    }
}

/// Deletes the records that the TTL indexes of [`super::collections`] would delete as well, but by
/// the caller's clock and retention. Several nodes may purge at the same time: each counts only the
/// records that it deleted itself.
pub(super) async fn purge(
    collections: &Collections,
    before: Timestamp,
    limit: usize,
) -> Result<Purged, StoreError> {
    if limit == 0 {
        return Ok(Purged::default());
    }
    let purged = async {
        Ok(Purged {
            alerts: delete(&collections.alerts, ALERT_RETENTION, before, limit).await?,
            sessions: delete(&collections.sessions, SESSION_RETENTION, before, limit).await?,
        })
    };
    purged.await.map_err(|error: Error| unavailable(&error))
}

async fn delete(
    collection: &Collection<RawDocumentBuf>,
    index: RetentionIndex,
    before: Timestamp,
    limit: usize,
) -> Result<u64, Error> {
    let mut filter = index.filter();
    filter.insert(index.field, doc! { "$lt": date(before) });
    let found: Vec<Document> = collection
        .clone_with_type::<Document>()
        .find(filter)
        .sort(doc! { index.field: 1 })
        .limit(server_limit(limit))
        .projection(doc! { "_id": 1, "user": 1 })
        .await?
        .try_collect()
        .await?;
    let values = |field| found.iter().filter_map(move |document| document.get(field));
    let ids: Vec<_> = values("_id").cloned().collect();
    if ids.is_empty() {
        return Ok(0);
    }
    // The users are the shard keys. Duplicates are removed, because many of the oldest records may
    // be of one user.
    let users: HashSet<_> = values("user").collect();
    let users: Vec<_> = users.into_iter().cloned().collect();
    let deleted = collection
        .delete_many(doc! { "_id": { "$in": ids }, "user": { "$in": users } })
        .await?;
    Ok(deleted.deleted_count)
}

/// Converts a limit for the server, which reads 0 as unlimited: callers exclude it.
pub(super) fn server_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
