//! The right to send to a receiver. No request begins that could outlast it.

use std::{future::pending, time::Duration};

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

use crate::store::{ReceiverId, Store, StoreError};

/// The part of a lease after which it is renewed.
const RENEWAL_PART: u32 = 3;

/// A lease that this node has. It counts from before the call that took or renewed it, by the clock
/// that nobody sets.
#[derive(Debug)]
pub(super) struct Lease {
    receiver: ReceiverId,
    pub epoch: u64,
    duration: Duration,
    ends_at: Mutex<Instant>,
}

impl Lease {
    pub fn new(receiver: ReceiverId, epoch: u64, duration: Duration, taken_at: Instant) -> Self {
        Self {
            receiver,
            epoch,
            duration,
            ends_at: Mutex::new(taken_at + duration),
        }
    }

    /// Waits for ever if a request that begins now, and takes at most `limit`, could outlast the
    /// lease. [`Lease::keep`] then ends.
    pub async fn permit(&self, limit: Duration) {
        let ends_at = *self.ends_at.lock();
        if Instant::now() + limit >= ends_at {
            pending::<()>().await;
        }
    }

    /// Renews the lease again and again. Returns when another sender has taken it, or when a request
    /// that takes `limit` could outlast it.
    pub async fn keep(&self, store: &dyn Store, limit: Duration) {
        let interval = self.duration / RENEWAL_PART;
        let mut next = *self.ends_at.lock() - self.duration + interval;
        loop {
            sleep_until(next).await;
            let begun = Instant::now();
            let last = *self.ends_at.lock() - limit.min(self.duration);
            let renewal = store.renew_webhook_lease(self.receiver, self.epoch, self.duration);
            next = begun + interval;
            match tokio::time::timeout_at(last, renewal).await {
                Ok(Ok(true)) => *self.ends_at.lock() = begun + self.duration,
                Ok(Ok(false)) | Err(_) => return,
                Ok(Err(error)) => {
                    tracing::debug!(%error, "could not renew a lease of webhooks, will retry");
                    next = begun + interval / 4;
                }
            }
        }
    }

    /// Gives the lease back, so that another node can take it at once.
    pub async fn release(&self, store: &dyn Store) -> Result<(), StoreError> {
        store
            .renew_webhook_lease(self.receiver, self.epoch, Duration::ZERO)
            .await
            .map(drop)
    }
}
