//! The work that one node at a time does for all: archives tails that have waited for a minute,
//! finishes deletions, and removes what dead nodes left behind.

use std::time::Duration;

use bson::{DateTime, Document, doc};
use futures_util::{StreamExt, TryStreamExt, stream};
use mongodb::error::Error;
use tokio::time::Instant;

use super::{
    super::{
        archive::archive,
        collections::{Collections, ERASING, TAIL_SINCE},
        delete::{erase, forget},
        errors::{is_duplicate, unavailable},
        open::server_time,
        presence::forget_dead_nodes,
        records::{DELETED_AT, millis, uuid_in},
    },
    server_limit, user_in,
};
use crate::{
    domain::{Timestamp, UserId},
    store::StoreError,
};

/// The time after which an entry of a tail is archived, even if the tail is short.
const MAX_TAIL_AGE: Duration = Duration::from_mins(1);

/// The time for which a tombstone stays. It is much longer than the time limit of archiving, so no
/// archiver that read the tail before the deletion can still write when the tombstone goes.
const TOMBSTONE_AGE: Duration = Duration::from_hours(1);

/// The time for which a node has the lease. A little less than the interval of the calls, so that
/// the node that has it can renew it.
const LEASE: Duration = Duration::from_secs(50);

/// The time in which a node archives tails before it returns to its other maintenance. What is left
/// waits for the next minute.
const ARCHIVING_TIME: Duration = Duration::from_secs(20);

/// The number of tails or tombstones that are worked on at the same time.
const CONCURRENCY: usize = 8;

/// Does the periodic work, unless another node does it.
pub(in super::super) async fn maintain(
    collections: &Collections,
    now: Timestamp,
    limit: usize,
) -> Result<(), StoreError> {
    let has_lease = take_lease(collections, now).await;
    if !has_lease.map_err(|error| unavailable(&error))? {
        return Ok(());
    }
    // Tails that cannot be archived must not prevent the deletions.
    let archived = archive_old_tails(collections, now.minus(MAX_TAIL_AGE), limit).await;
    let deleted = finish_deletions(collections, limit).await;
    let forgotten = forget_dead_nodes(collections).await;
    archived.and(deleted.and(forgotten).map_err(|error| unavailable(&error)))
}

/// Takes the lease, or renews it. Two nodes may have it at the same time, because their clocks
/// differ: all of the work may be done twice. A lease that ends too far in the future was taken
/// before the clock was set back.
async fn take_lease(collections: &Collections, now: Timestamp) -> Result<bool, Error> {
    let until = millis(now.plus(LEASE));
    let filters = [doc! { "$lte": millis(now) }, doc! { "$gt": until }];
    for free in filters {
        let filter = doc! { "_id": "maintenance", "until": free };
        let update = doc! { "$set": { "until": until } };
        match collections
            .meta
            .update_one(filter, update)
            .upsert(true)
            .await
        {
            Ok(_) => return Ok(true),
            // The document exists, and does not match.
            Err(error) if is_duplicate(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// Archives all tails that may have an entry from before this time, as far as the time suffices.
async fn archive_old_tails(
    collections: &Collections,
    before: Timestamp,
    limit: usize,
) -> Result<(), StoreError> {
    let deadline = Instant::now() + ARCHIVING_TIME;
    while archive_tails_before(collections, before, limit).await? == limit {
        if Instant::now() >= deadline {
            tracing::warn!("archiving is late: more tails wait than a node archives in a minute");
            break;
        }
    }
    Ok(())
}

/// Archives the tails that may have an entry from before this time, at most `limit` of them.
/// Returns their number.
pub(super) async fn archive_tails_before(
    collections: &Collections,
    before: Timestamp,
    limit: usize,
) -> Result<usize, StoreError> {
    let filter = doc! { TAIL_SINCE: { "$lt": millis(before) } };
    let users = find(collections, filter, TAIL_SINCE, limit).await;
    let users = users.map_err(|error| unavailable(&error))?;
    let users: Vec<UserId> = users
        .iter()
        .map(|user| user_in(user, "_id", "user"))
        .collect::<Result<_, _>>()?;
    let found = users.len();
    let results: Vec<_> = stream::iter(users)
        .map(|user| archive(collections, user))
        .buffer_unordered(CONCURRENCY)
        .collect()
        .await;
    results.into_iter().collect::<Result<(), _>>()?;
    Ok(found)
}

/// Erases what killed nodes have left of deleted users, and forgets tombstones.
async fn finish_deletions(collections: &Collections, limit: usize) -> Result<(), Error> {
    let unfinished = find(collections, doc! { ERASING: true }, ERASING, limit).await?;
    for_each(unfinished, |user| erase(collections, user)).await?;
    // The server has written the time of the deletion.
    let server_now = server_time(&collections.client).await?;
    let age = i64::try_from(TOMBSTONE_AGE.as_millis()).unwrap_or(i64::MAX);
    let oldest = DateTime::from_millis(server_now.timestamp_millis().saturating_sub(age));
    let old = doc! { DELETED_AT: { "$lt": oldest } };
    let old = find(collections, old, DELETED_AT, limit).await?;
    for_each(old, |user| forget(collections, user)).await
}

/// Returns the ids of the users, or tombstones, that the filter selects, in the order of the field.
async fn find(
    collections: &Collections,
    filter: Document,
    field: &str,
    limit: usize,
) -> Result<Vec<Document>, Error> {
    collections
        .users
        .clone_with_type::<Document>()
        .find(filter)
        .sort(doc! { field: 1 })
        .limit(server_limit(limit))
        .projection(doc! { "_id": 1 })
        .await?
        .try_collect()
        .await
}

async fn for_each<F>(users: Vec<Document>, work: impl Fn(bson::Uuid) -> F) -> Result<(), Error>
where
    F: Future<Output = Result<(), Error>>,
{
    for user in &users {
        if let Some(id) = uuid_in(user, "_id") {
            work(id).await?;
        }
    }
    Ok(())
}
