//! What the stores keep for the senders of webhooks: for each receiver, the epoch of its sender, the
//! position in the feed, and the users whose alerts wait.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{FeedPosition, StoreError};
use crate::domain::{Timestamp, UserId};

/// The part of a store that the senders of webhooks use.
#[async_trait]
pub trait WebhookStore {
    /// Takes the right to send webhooks to a receiver, for `duration` by the clock of the store.
    /// Returns `None` if the lease of another sender has not ended. A store that one process owns
    /// always grants it, because no other sender lives. A sender that had the lease before can no
    /// longer write.
    ///
    /// # Errors
    /// [`StoreError`] if the store is unavailable or the receiver's record is damaged.
    async fn take_webhook_lease(
        &self,
        receiver: ReceiverId,
        duration: Duration,
    ) -> Result<Option<WebhookState>, StoreError>;

    /// Extends the lease with this epoch, so that it ends `duration` from now. A duration of zero
    /// ends it. Returns false if another sender has taken it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store cannot be reached or cannot write.
    async fn renew_webhook_lease(
        &self,
        receiver: ReceiverId,
        epoch: u64,
        duration: Duration,
    ) -> Result<bool, StoreError>;

    /// Writes what the sender with this epoch has done, all of it or nothing. Returns false, and
    /// writes nothing, if another sender has taken the lease.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store cannot be reached or cannot write. The progress may
    /// have been written. Write it again.
    async fn save_webhook_progress(
        &self,
        receiver: ReceiverId,
        epoch: u64,
        progress: &WebhookProgress,
    ) -> Result<bool, StoreError>;
}

/// Names a receiver of webhooks: 128 bits of the hash of its URL. The URL itself may contain a secret
/// and is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReceiverId(Uuid);

impl ReceiverId {
    /// The id of the receiver with this URL.
    #[must_use]
    pub fn of_url(url: &str) -> Self {
        let hash: [u8; 32] = Sha256::digest(url).into();
        let mut id = [0; 16];
        id.copy_from_slice(&hash[..16]);
        Self(Uuid::from_bytes(id))
    }

    /// The id as a UUID.
    #[must_use]
    pub const fn as_uuid(&self) -> &Uuid {
        &self.0
    }
}

impl fmt::Display for ReceiverId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a sender of webhooks continues with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookState {
    /// The number of the lease. Only the sender with the highest one can write.
    pub epoch: u64,
    /// The position in the feed after the last change whose alerts were delivered or parked. `None`
    /// if the receiver is new.
    pub position: Option<FeedPosition>,
    /// The users whose alerts wait.
    pub parked: Vec<ParkedUser>,
}

/// A user whose alerts wait for a receiver, because one of them could not be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParkedUser {
    /// The user.
    pub user: UserId,
    /// The sequence of the first alert that waits.
    pub next: u64,
    /// The sequence of the last alert before the sender's position in the feed.
    pub last: u64,
    /// The number of failed tries to deliver the first alert that waits.
    pub failures: u32,
    /// When the first alert is tried again.
    pub retry_at: Timestamp,
    /// The time of the first alert.
    pub waiting_since: Timestamp,
}

/// What a sender of webhooks has done since it last wrote. Written as a whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookProgress {
    /// The new position in the feed.
    pub position: FeedPosition,
    /// The users whose alerts wait, and who did not wait before or have changed.
    pub parked: Vec<ParkedUser>,
    /// The users whose alerts no longer wait.
    pub removed: Vec<UserId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receivers_with_different_urls_have_different_ids() {
        let id = ReceiverId::of_url("https://a.example/hooks");
        assert_eq!(id, ReceiverId::of_url("https://a.example/hooks"));
        assert_ne!(id, ReceiverId::of_url("https://a.example/hooks/"));
    }
}
