//! The state of the senders of webhooks: one document for each receiver, with the lease, the position
//! in the feed and the users whose alerts wait. The clock of the server decides about the lease.

use std::time::Duration;

use async_trait::async_trait;
use bson::{Bson, DateTime, Document, doc};
use mongodb::{error::Error, options::ReturnDocument};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    MongoStore,
    collections::Collections,
    errors::{damaged, is_duplicate, unavailable},
    open::server_time,
    records::id,
    timeouts::operation,
};
use crate::{
    domain::{Timestamp, UserId},
    store::{
        FeedPosition, ParkedUser, ReceiverId, StoreError, WebhookProgress, WebhookState,
        WebhookStore,
    },
};

/// The end of the lease, a BSON date.
const UNTIL: &str = "until";
const EPOCH: &str = "epoch";
const POSITION: &str = "position";
/// The users whose alerts wait: an object with one field for each, whose name is the user's id.
const PARKED: &str = "parked";

/// The kind of record in error messages.
const RECORD: &str = "webhook receiver";

/// A user whose alerts wait. Sequences and instants are stored as numbers.
#[derive(Serialize, Deserialize)]
struct StoredParked {
    next: i64,
    last: i64,
    failures: i64,
    retry_at: i64,
    waiting_since: i64,
}

#[async_trait]
impl WebhookStore for MongoStore {
    async fn take_webhook_lease(
        &self,
        receiver: ReceiverId,
        duration: Duration,
    ) -> Result<Option<WebhookState>, StoreError> {
        operation(take(&self.collections, receiver, duration)).await
    }

    async fn renew_webhook_lease(
        &self,
        receiver: ReceiverId,
        epoch: u64,
        duration: Duration,
    ) -> Result<bool, StoreError> {
        let renewal = renew(&self.collections, receiver, epoch, duration);
        operation(renewal).await
    }

    async fn save_webhook_progress(
        &self,
        receiver: ReceiverId,
        epoch: u64,
        progress: &WebhookProgress,
    ) -> Result<bool, StoreError> {
        operation(save(&self.collections, receiver, epoch, progress)).await
    }
}

/// Takes the lease with the next epoch, if no other sender has it.
///
/// An attempt whose response is lost leaves a lease that nobody uses, until it ends.
pub(super) async fn take(
    collections: &Collections,
    receiver: ReceiverId,
    duration: Duration,
) -> Result<Option<WebhookState>, StoreError> {
    let taken = async {
        let (now, until) = lease(collections, duration).await?;
        let is_free = doc! { "_id": id(receiver.as_uuid()), UNTIL: { "$lte": now } };
        let update = doc! { "$set": { UNTIL: until }, "$inc": { EPOCH: 1_i64 } };
        let taken = collections
            .webhooks
            .find_one_and_update(is_free, update)
            .upsert(true)
            .return_document(ReturnDocument::After);
        match taken.await {
            // The document exists, and does not match.
            Err(error) if is_duplicate(&error) => Ok(None),
            taken => taken,
        }
    };
    let taken = taken.await.map_err(|error: Error| unavailable(&error))?;
    taken.map(|document| state(&document)).transpose()
}

/// Returns the time of the server, and that at which a lease from now ends.
async fn lease(
    collections: &Collections,
    duration: Duration,
) -> Result<(DateTime, DateTime), Error> {
    let now = server_time(&collections.client).await?;
    let duration = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    let until = now.timestamp_millis().saturating_add(duration);
    Ok((now, DateTime::from_millis(until)))
}

fn state(document: &Document) -> Result<WebhookState, StoreError> {
    let invalid = |field: &'static str| damaged(RECORD, field);
    let epoch = document.get_i64(EPOCH).ok();
    let position = match document.get(POSITION) {
        None => None,
        Some(Bson::String(text)) => {
            Some(FeedPosition::parse(text).ok_or_else(|| invalid(POSITION))?)
        }
        Some(_) => return Err(invalid(POSITION)),
    };
    let none = Document::new();
    let parked = match document.get(PARKED) {
        None => &none,
        Some(Bson::Document(parked)) => parked,
        Some(_) => return Err(invalid(PARKED)),
    };
    let parked = parked
        .iter()
        .map(|(user, stored)| parked_user(user, stored.clone()).ok_or_else(|| invalid(PARKED)));
    Ok(WebhookState {
        epoch: epoch
            .and_then(|epoch| u64::try_from(epoch).ok())
            .ok_or_else(|| invalid(EPOCH))?,
        position,
        parked: parked.collect::<Result<_, _>>()?,
    })
}

fn parked_user(user: &str, stored: Bson) -> Option<ParkedUser> {
    let stored: StoredParked = bson::deserialize_from_bson(stored).ok()?;
    Some(ParkedUser {
        user: UserId::new(Uuid::try_parse(user).ok()?),
        next: u64::try_from(stored.next).ok()?,
        last: u64::try_from(stored.last).ok()?,
        failures: u32::try_from(stored.failures).ok()?,
        retry_at: Timestamp::from_millis(stored.retry_at),
        waiting_since: Timestamp::from_millis(stored.waiting_since),
    })
}

/// Moves the end of the lease. Returns false if another sender has taken it.
pub(super) async fn renew(
    collections: &Collections,
    receiver: ReceiverId,
    epoch: u64,
    duration: Duration,
) -> Result<bool, StoreError> {
    let renewal = async {
        let (_, until) = lease(collections, duration).await?;
        let update = doc! { "$set": { UNTIL: until } };
        let own = filter(receiver, epoch);
        collections.webhooks.update_one(own, update).await
    };
    let renewal = renewal.await.map_err(|error| unavailable(&error))?;
    Ok(renewal.matched_count > 0)
}

/// Writes what a sender has done, in one update that compares the epoch.
pub(super) async fn save(
    collections: &Collections,
    receiver: ReceiverId,
    epoch: u64,
    progress: &WebhookProgress,
) -> Result<bool, StoreError> {
    let field = |user: &UserId| format!("{PARKED}.{user}");
    let mut set = doc! { POSITION: progress.position.as_str() };
    for parked in &progress.parked {
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let stored = StoredParked {
            next: number(parked.next),
            last: number(parked.last),
            failures: parked.failures.into(),
            retry_at: parked.retry_at.as_millis(),
            waiting_since: parked.waiting_since.as_millis(),
        };
        let stored = bson::serialize_to_bson(&stored).map_err(|error| damaged(RECORD, error))?;
        set.insert(field(&parked.user), stored);
    }
    let mut update = doc! { "$set": set };
    let removed = progress.removed.iter();
    let removed: Document = removed.map(|user| (field(user), Bson::Int32(1))).collect();
    if !removed.is_empty() {
        update.insert("$unset", removed);
    }
    let saved = collections
        .webhooks
        .update_one(filter(receiver, epoch), update);
    let saved = saved.await.map_err(|error| unavailable(&error))?;
    Ok(saved.matched_count > 0)
}

fn filter(receiver: ReceiverId, epoch: u64) -> Document {
    let epoch = i64::try_from(epoch).unwrap_or(i64::MAX);
    doc! { "_id": id(receiver.as_uuid()), EPOCH: epoch }
}
