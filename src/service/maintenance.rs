//! Maintenance: writes last-seen times, records expired sessions, corrects sessions after the clock
//! was set back, and deletes old records.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{Error, Service, set_back::ClockWatch};
use crate::{domain::rules, error_chain::ErrorChain};

/// The interval at which last-seen times are written and expired sessions are recorded.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// The interval at which old records are deleted.
const PURGE_INTERVAL: Duration = Duration::from_mins(1);

/// The maximum number of overdue users in one batch. After a full batch, the sweep reads the next
/// one immediately.
const MAX_SWEEP_BATCH: usize = 256;

/// The maximum number of concurrent commits in a sweep.
pub(super) const MAX_CONCURRENT_CHANGES: usize = 16;

/// The maximum number of records of each kind in one delete. Several nodes delete at the same time,
/// and a busy database must finish each delete within its timeout.
const MAX_PURGE_BATCH: usize = 250;

impl Service {
    /// Runs the maintenance tasks until `shutdown` is canceled, and then writes the remaining
    /// last-seen times.
    pub async fn maintenance(&self, shutdown: CancellationToken) {
        let ticks = |every| {
            let mut ticks = interval(every);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        };
        let mut watch = ClockWatch::new(self.now());
        let (mut sweeps, mut purges) = (ticks(SWEEP_INTERVAL), ticks(PURGE_INTERVAL));
        loop {
            let result = tokio::select! {
                () = shutdown.cancelled() => break,
                _ = sweeps.tick() => self.sweep(&mut watch, &shutdown).await,
                _ = purges.tick() => self.purge().await,
            };
            if let Err(error) = result {
                let error = ErrorChain(&error);
                tracing::warn!(%error, "maintenance failed, will retry");
            }
        }
        if let Err(error) = self.activity.flush(&*self.store, self.now()).await {
            let error = ErrorChain(&error);
            tracing::error!(%error, "could not save last-seen times at shutdown");
        }
    }

    /// Writes last-seen times, and records the sessions that have expired. If the clock was set
    /// back, also corrects the sessions that were last seen in the future.
    async fn sweep(
        &self,
        watch: &mut ClockWatch,
        shutdown: &CancellationToken,
    ) -> Result<(), Error> {
        self.observe_clock(watch);
        // An expiry that fails must not prevent the corrections.
        let mut result = self.record_activity_and_expiries().await;
        while self.set_back_page(watch, shutdown).await? {
            result = result.and(self.record_activity_and_expiries().await);
        }
        result
    }

    async fn record_activity_and_expiries(&self) -> Result<(), Error> {
        self.activity.flush(&*self.store, self.now()).await?;
        loop {
            let overdue = self.store.overdue(self.now(), MAX_SWEEP_BATCH).await?;
            let is_last = overdue.len() < MAX_SWEEP_BATCH;
            let expiries = stream::iter(overdue).map(async |user| {
                let expire = |state: &_, context: rules::Context<'_>| {
                    Ok((rules::expire(state, context), ()))
                };
                match self.change(user, expire).await {
                    Ok(_) | Err(Error::NotFound(_)) => Ok(()),
                    Err(error) => Err(error),
                }
            });
            let results: Vec<Result<(), Error>> = expiries
                .buffer_unordered(MAX_CONCURRENT_CHANGES)
                .collect()
                .await;
            // An expiry can fail if a user's records are damaged. This must not prevent the expiry
            // of other users' sessions. The user stays overdue, so the loop ends here and the next
            // sweep retries.
            if is_last || results.iter().any(Result::is_err) {
                return results.into_iter().collect();
            }
        }
    }

    /// Deletes ended sessions and alerts that are older than the retention time.
    async fn purge(&self) -> Result<(), Error> {
        self.throttle.evict_expired();
        self.registrations.evict_expired();
        let before = self.now().minus(self.config.retention);
        loop {
            let purged = self.store.purge(before, MAX_PURGE_BATCH).await?;
            let largest = purged.sessions.max(purged.alerts);
            if largest < MAX_PURGE_BATCH as u64 {
                return Ok(());
            }
        }
    }
}
