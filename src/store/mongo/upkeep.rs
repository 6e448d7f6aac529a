//! What happens to many users' sessions and alerts at once: touches, sweeps, purges.

use std::collections::HashSet;

use bson::{Bson, Document, RawDocumentBuf, doc};
use futures_util::TryStreamExt;
use mongodb::{Collection, error::Error};

use super::{
    collections::{ALERTS_AGE, Age, Collections, SESSIONS_AGE},
    documents::{SessionDocument, date, id, millis, user_id},
    errors::{damaged, unavailable},
};
use crate::{
    domain::{Timestamp, UserId},
    store::{Purged, StoreError, Touch},
};

/// One command for all of them. The driver does not retry it by itself; the caller does, and a maximum may be
/// written twice.
pub(super) async fn touch(collections: &Collections, touches: &[Touch]) -> Result<(), StoreError> {
    if touches.is_empty() {
        return Ok(());
    }
    let updates = touches.iter().map(|touch| {
        doc! {
            // By the small index that holds open sessions only, of which a user has two at most. The update tells
            // them apart.
            "q": { "user": id(touch.user.as_uuid()), "open": true },
            "u": SessionDocument::touch(id(touch.session.as_uuid()), millis(touch.at)).to_vec(),
            "multi": true,
        }
    });
    let command = doc! {
        "update": collections.sessions.name(),
        "updates": updates.collect::<Vec<_>>(),
        "ordered": false,
        // A last request that a failover loses errs to the safe side.
        "writeConcern": { "w": 1 },
    };
    let answer = collections
        .database
        .run_command(command)
        .await
        .map_err(|error| unavailable(&error))?;
    let refused = answer.get_array("writeErrors").map_or(0, Vec::len);
    if refused > 0 {
        return Err(StoreError::Unavailable(
            format!("the server refused {refused} touches").into(),
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
            .limit(at_most(limit))
            .projection(doc! { "_id": 0, "user": 1 })
            .await?
            .try_collect()
            .await
    }
    .await
    .map_err(|error| unavailable(&error))?;
    let user = |document: Document| match document.get("user") {
        Some(Bson::Binary(binary)) => binary
            .to_uuid()
            .map(user_id)
            .map_err(|error| damaged("session", error)),
        _ => Err(damaged("session", "it has no user")),
    };
    found.into_iter().map(user).collect()
}

/// What the TTL indexes of [`super::collections`] would forget too, by the caller's clock and as much as it says.
/// Several nodes may do so at once: each counts what it deleted itself.
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
            alerts: delete(&collections.alerts, ALERTS_AGE, before, limit).await?,
            sessions: delete(&collections.sessions, SESSIONS_AGE, before, limit).await?,
        })
    };
    purged.await.map_err(|error: Error| unavailable(&error))
}

async fn delete(
    collection: &Collection<RawDocumentBuf>,
    age: Age,
    before: Timestamp,
    limit: usize,
) -> Result<u64, Error> {
    let mut is_old = age.of();
    is_old.insert(age.instant, doc! { "$lt": date(before) });
    let found: Vec<Document> = collection
        .clone_with_type::<Document>()
        .find(is_old)
        .sort(doc! { age.instant: 1 })
        .limit(at_most(limit))
        .projection(doc! { "_id": 1, "user": 1 })
        .await?
        .try_collect()
        .await?;
    let of_all = |field| found.iter().filter_map(move |document| document.get(field));
    let ids: Vec<_> = of_all("_id").cloned().collect();
    if ids.is_empty() {
        return Ok(0);
    }
    // They name the shards. Each once: the oldest records may well be one user's.
    let users: HashSet<_> = of_all("user").collect();
    let users: Vec<_> = users.into_iter().cloned().collect();
    let deleted = collection
        .delete_many(doc! { "_id": { "$in": ids }, "user": { "$in": users } })
        .await?;
    Ok(deleted.deleted_count)
}

/// A limit as the server takes it, which reads 0 as none.
pub(super) fn at_most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
