//! The state of the senders of webhooks.
//!
//! One process owns the file, so a new sender takes the lease at once. The former one, if there is
//! one, has a lower epoch and can no longer write.

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::{SqliteStore, records::damaged, writer::Command};
use crate::{
    domain::{Timestamp, UserId},
    store::{
        FeedPosition, ParkedUser, ReceiverId, StoreError, WebhookProgress, WebhookState,
        WebhookStore,
    },
};

#[async_trait]
impl WebhookStore for SqliteStore {
    async fn take_webhook_lease(
        &self,
        receiver: ReceiverId,
        _duration: Duration,
    ) -> Result<Option<WebhookState>, StoreError> {
        let state = self.write(|reply| Command::TakeWebhookLease { receiver, reply });
        Ok(Some(state.await?))
    }

    async fn renew_webhook_lease(
        &self,
        receiver: ReceiverId,
        epoch: u64,
        _duration: Duration,
    ) -> Result<bool, StoreError> {
        self.readers.read("webhook receiver", |connection| {
            is_current(connection, receiver, epoch)
        })
    }

    async fn save_webhook_progress(
        &self,
        receiver: ReceiverId,
        epoch: u64,
        progress: &WebhookProgress,
    ) -> Result<bool, StoreError> {
        let progress = Box::new(progress.clone());
        self.write(|reply| Command::SaveWebhookProgress {
            receiver,
            epoch,
            progress,
            reply,
        })
        .await
    }
}

/// Takes the lease with the next epoch.
pub(super) fn take(
    connection: &Connection,
    receiver: ReceiverId,
) -> rusqlite::Result<WebhookState> {
    let id = receiver.as_uuid().as_bytes();
    let (epoch, position): (u64, Option<String>) = connection
        .prepare_cached(
            "INSERT INTO webhook_receivers (id, epoch) VALUES (?, 1) \
             ON CONFLICT (id) DO UPDATE SET epoch = epoch + 1 RETURNING epoch, position",
        )?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let position = position
        .map(|text| FeedPosition::parse(&text).ok_or_else(|| damaged("not a position of the feed")))
        .transpose()?;
    let parked = connection
        .prepare_cached("SELECT * FROM webhook_parked WHERE receiver = ?")?
        .query_map([id], parked_user)?
        .collect::<Result<_, _>>()?;
    Ok(WebhookState {
        epoch,
        position,
        parked,
    })
}

fn parked_user(row: &Row<'_>) -> rusqlite::Result<ParkedUser> {
    Ok(ParkedUser {
        user: UserId::new(row.get("user").map(Uuid::from_bytes)?),
        next: row.get("next_alert")?,
        last: row.get("last_alert")?,
        failures: row.get("failures")?,
        retry_at: Timestamp::from_millis(row.get("retry_at")?),
        waiting_since: Timestamp::from_millis(row.get("waiting_since")?),
    })
}

/// Returns whether this is the epoch of the last sender.
pub(super) fn is_current(
    connection: &Connection,
    receiver: ReceiverId,
    epoch: u64,
) -> rusqlite::Result<bool> {
    let current: Option<u64> = connection
        .prepare_cached("SELECT epoch FROM webhook_receivers WHERE id = ?")?
        .query_row([receiver.as_uuid().as_bytes()], |row| row.get(0))
        .optional()?;
    Ok(current == Some(epoch))
}

/// Writes what a sender has done. Returns false, and writes nothing, if another sender has taken the
/// lease.
pub(super) fn save(
    connection: &Connection,
    receiver: ReceiverId,
    epoch: u64,
    progress: &WebhookProgress,
) -> rusqlite::Result<bool> {
    let id = receiver.as_uuid().as_bytes();
    let is_current = connection
        .prepare_cached("UPDATE webhook_receivers SET position = ? WHERE id = ? AND epoch = ?")?
        .execute(params![progress.position.as_str(), id, epoch])?
        > 0;
    if !is_current {
        return Ok(false);
    }
    for user in &progress.removed {
        connection
            .prepare_cached("DELETE FROM webhook_parked WHERE receiver = ? AND user = ?")?
            .execute(params![id, user.as_uuid().as_bytes()])?;
    }
    for parked in &progress.parked {
        connection
            .prepare_cached("INSERT OR REPLACE INTO webhook_parked VALUES (?, ?, ?, ?, ?, ?, ?)")?
            .execute(params![
                id,
                parked.user.as_uuid().as_bytes(),
                parked.next,
                parked.last,
                parked.failures,
                parked.retry_at.as_millis(),
                parked.waiting_since.as_millis(),
            ])?;
    }
    Ok(true)
}
