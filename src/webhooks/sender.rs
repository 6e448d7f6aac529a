//! The sender of one receiver: waits for the lease, and works while it has it.

use std::{sync::Arc, time::Duration};

use parking_lot::RwLock;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{
    Timing, WebhookSecrets, WebhookUrl,
    lease::Lease,
    work::{WorkEnd, work},
};
use crate::{
    clock::Clock,
    domain::UserId,
    error_chain::ErrorChain,
    ids::IdGenerator,
    log_limit::LogLimit,
    metrics::{self, WebhookResult},
    store::{FeedPosition, Store, WebhookState},
};

/// The pause after the store failed, and after the lease was lost.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// The parts that a sender depends on.
#[derive(Debug, Clone)]
pub struct Dependencies {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The source of the current time.
    pub clock: Arc<dyn Clock>,
    /// The source of the random parts of pauses.
    pub ids: IdGenerator,
    /// The secrets, which may be replaced while senders run.
    pub secrets: Arc<RwLock<Arc<WebhookSecrets>>>,
    /// The time limits.
    pub timing: Timing,
}

/// Sends alerts to one receiver.
#[derive(Debug)]
pub struct Sender {
    pub(super) url: WebhookUrl,
    /// The number of the receiver in the settings, from 1. Metrics and log lines name the receiver by
    /// it, because its path may be a secret.
    number: usize,
    /// Where a new receiver begins.
    pub(super) start: FeedPosition,
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: IdGenerator,
    pub(super) secrets: Arc<RwLock<Arc<WebhookSecrets>>>,
    pub(super) timing: Timing,
    failures: LogLimit,
    drops: LogLimit,
}

impl Sender {
    /// Creates the sender to a receiver. `number` is the receiver's number in the settings, from 1. A
    /// receiver that is new gets the alerts after `start`.
    #[must_use]
    pub fn new(
        url: WebhookUrl,
        number: usize,
        start: FeedPosition,
        dependencies: Dependencies,
    ) -> Self {
        let Dependencies {
            store,
            clock,
            ids,
            secrets,
            timing,
        } = dependencies;
        Self {
            url,
            number,
            start,
            store,
            clock,
            ids,
            secrets,
            timing,
            failures: LogLimit::new(),
            drops: LogLimit::new(),
        }
    }

    /// Sends while this node has the lease, until `stop` is canceled or the receiver responds with
    /// 410.
    pub async fn run(self, stop: CancellationToken) {
        self.record_waiting(0, Duration::ZERO);
        while let Some((state, lease)) = stop.run_until_cancelled(self.take_lease()).await {
            let ended = self.hold(state, &lease, &stop).await;
            self.record_waiting(0, Duration::ZERO);
            if ended == WorkEnd::Gone {
                tracing::error!(
                    number = self.number,
                    receiver = %self.url,
                    "the receiver of webhooks responds with 410 Gone, and gets no more until a \
                     restart; remove its --webhook-url if it has gone for good"
                );
                return;
            }
            // Without this call the lease ends by itself.
            if let Err(error) = lease.release(&*self.store).await {
                tracing::debug!(%error, "could not release a lease of webhooks");
            }
            stop.run_until_cancelled(sleep(STORE_PAUSE)).await;
        }
    }

    /// Works while the lease can be renewed.
    async fn hold(&self, state: WebhookState, lease: &Lease, stop: &CancellationToken) -> WorkEnd {
        tokio::select! {
            () = lease.keep(&*self.store, self.timing.request) => WorkEnd::Lost,
            ended = work(self, state, lease, stop) => ended,
        }
    }

    /// Waits until the lease is free.
    async fn take_lease(&self) -> (WebhookState, Lease) {
        let (receiver, duration) = (self.url.receiver(), self.timing.lease);
        loop {
            let begun = Instant::now();
            let pause = match self.store.take_webhook_lease(receiver, duration).await {
                Ok(Some(state)) => {
                    let lease = Lease::new(receiver, state.epoch, duration, begun);
                    return (state, lease);
                }
                // Another node sends.
                Ok(None) => duration / 3,
                Err(error) => {
                    self.log_failure(&error);
                    STORE_PAUSE
                }
            };
            sleep(pause / 2 + pause / 2 * u32::from(self.ids.jitter()) / 255).await;
        }
    }

    /// Logs a failure, unless one was logged in the last minute.
    pub(super) fn log_failure(&self, error: &(dyn std::error::Error + 'static)) {
        let error = ErrorChain(error);
        let (number, receiver) = (self.number, &self.url);
        if let Some(count) = self.failures.record(std::time::Instant::now()) {
            tracing::warn!(
                number, %receiver, %error, count,
                "could not deliver webhooks, will retry"
            );
        } else {
            tracing::debug!(
                number, %receiver, %error,
                "could not deliver a webhook again, will retry"
            );
        }
    }

    /// Counts an alert that was dropped, and logs it unless one was logged in the last minute.
    pub(super) fn log_drop(&self, user: UserId, sequence: u64) {
        metrics::record(|metrics| metrics.webhook_deliveries.increment(WebhookResult::Dropped));
        if let Some(count) = self.drops.record(std::time::Instant::now()) {
            let (number, receiver) = (self.number, &self.url);
            tracing::error!(
                number, %receiver, %user, sequence, count,
                "dropped webhooks that could not be delivered for three days"
            );
        }
    }

    /// Records the number of parked users, and the age of the oldest alert that waits.
    pub(super) fn record_waiting(&self, parked: usize, oldest: Duration) {
        metrics::record(|metrics| metrics.webhooks_waiting(self.number, parked, oldest));
    }
}
