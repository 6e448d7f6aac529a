//! Deletes old ended sessions and alerts.

use std::collections::HashSet;

use bson::{Document, RawDocumentBuf, doc};
use futures_util::TryStreamExt;
use mongodb::{Collection, error::Error};

use super::{
    super::{
        collections::{ALERT_RETENTION, Collections, RetentionIndex, SESSION_RETENTION},
        errors::unavailable,
        records::date,
    },
    periodic::archive_tails_before,
    server_limit,
};
use crate::{
    domain::Timestamp,
    store::{Purged, StoreError},
};

pub(in super::super) async fn purge(
    collections: &Collections,
    before: Timestamp,
    limit: usize,
) -> Result<Purged, StoreError> {
    if limit == 0 {
        return Ok(Purged::default());
    }
    // An entry is deleted by its age only after it was archived.
    archive_tails_before(collections, before, limit).await?;
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
