//! The failed logins of mobile numbers, which all nodes count together.
//!
//! Each number has one document with the time until which its failures count. A failure adds its
//! interval to this time, so that the time says how many failures there were. The clock is that of
//! the database: the clocks of the nodes may differ.

use std::time::Duration;

use bson::{DateTime, Document, doc};
use futures_util::TryStreamExt;
use mongodb::{
    error::Error,
    options::{Acknowledgment, ReturnDocument, WriteConcern},
};

use super::{
    collections::{Collections, FAILED_UNTIL},
    errors::{damaged, is_duplicate, unavailable},
    maintenance::server_limit,
    open::server_time,
    retry::Retry,
};
use crate::{
    domain::Mobile,
    store::{FailedLogin, FailedLogins, StoreError},
};

/// The field that holds the time of the last failure.
const FAILED_AT: &str = "failed_at";

/// Counts a failure in one statement. Returns the time for which the failures of the number count.
///
/// An attempt whose response is lost is repeated, and may count twice.
pub(super) async fn record(
    collections: &Collections,
    failure: &FailedLogin,
) -> Result<Duration, StoreError> {
    let mut retry = Retry::new();
    let counted = loop {
        match add(collections, failure).await {
            Ok(Some(counted)) => break counted,
            // Two nodes have inserted the document at the same time. A compatible server then counts
            // both failures, and returns nothing to one of the nodes.
            Ok(None) => return Ok(failure.remaining),
            Err(error) if is_duplicate(&error) => retry.pause().await,
            Err(error) => retry.after_write(&error).await?,
        }
    };
    let time = |field| {
        let time = counted.get_datetime(field);
        time.map_err(|error| damaged("failed login", error))
    };
    Ok(between(*time(FAILED_AT)?, *time(FAILED_UNTIL)?))
}

/// One acknowledgment is enough: if a failover loses a failure, one more guess is possible.
async fn add(collections: &Collections, failure: &FailedLogin) -> Result<Option<Document>, Error> {
    let [interval, longest] = [failure.interval, failure.longest].map(milliseconds);
    // Milliseconds, because a compatible server does not compare `$$NOW` with a stored date. `$max`
    // ignores a missing field.
    let now = doc! { "$toLong": "$$NOW" };
    let stored = doc! { "$toLong": format!("${FAILED_UNTIL}") };
    let counted = doc! { "$add": [{ "$max": [now.clone(), stored] }, interval] };
    let longest = doc! { "$add": [now, longest] };
    let update = vec![doc! { "$set": {
        FAILED_UNTIL: { "$toDate": { "$min": [counted, longest] } },
        FAILED_AT: "$$NOW",
    } }];
    collections
        .failed_logins
        .find_one_and_update(doc! { "_id": failure.mobile.as_str() }, update)
        .upsert(true)
        .return_document(ReturnDocument::After)
        .write_concern(
            WriteConcern::builder()
                .w(Acknowledgment::Nodes(1))
                .journal(false)
                .build(),
        )
        .await
}

/// Returns the failures that still count, those that count longest first. A document that is damaged
/// is left out, because it must not prevent the start of a node.
pub(super) async fn load(
    collections: &Collections,
    limit: usize,
) -> Result<Vec<FailedLogins>, StoreError> {
    let read = async {
        let now = server_time(&collections.client).await?;
        let found: Vec<Document> = collections
            .failed_logins
            .find(doc! { FAILED_UNTIL: { "$gt": now } })
            .sort(doc! { FAILED_UNTIL: -1 })
            .limit(server_limit(limit))
            .await?
            .try_collect()
            .await?;
        Ok((now, found))
    };
    let (now, found) = read.await.map_err(|error: Error| unavailable(&error))?;
    let failures = found.iter().filter_map(|document| {
        Some(FailedLogins {
            mobile: Mobile::from_stored(document.get_str("_id").ok()?).ok()?,
            remaining: between(now, *document.get_datetime(FAILED_UNTIL).ok()?),
        })
    });
    Ok(failures.collect())
}

/// Deletes the failures of a number.
pub(super) async fn forget(collections: &Collections, mobile: &str) -> Result<(), Error> {
    let failures = doc! { "_id": mobile };
    collections
        .failed_logins
        .delete_one(failures)
        .await
        .map(drop)
}

fn between(start: DateTime, end: DateTime) -> Duration {
    let elapsed = end
        .timestamp_millis()
        .saturating_sub(start.timestamp_millis());
    Duration::from_millis(u64::try_from(elapsed).unwrap_or(0))
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
