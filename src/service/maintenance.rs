//! Maintenance: writes last-seen times, records expired sessions, reports folded logins, announces
//! listening sessions, writes the failed logins that the store could not write before, corrects
//! sessions after the clock was set back, and deletes old records.

use std::{
    ops::RangeInclusive,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{Error, Service, set_back::ClockWatch};
use crate::{
    domain::{
        AlertWindow, Timestamp, UserId, UserState,
        rules::{self, Transition},
    },
    error_chain::ErrorChain,
    log_limit::LogLimit,
    metrics::{self, Metrics},
    store::ClockMark,
};

/// The interval at which last-seen times are written, expired sessions are recorded, and folded
/// logins are reported.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// The interval at which old records are deleted.
const PURGE_INTERVAL: Duration = Duration::from_mins(1);

/// The maximum number of users in one batch. After a full batch, the sweep reads the next
/// one immediately.
const MAX_SWEEP_BATCH: usize = 256;

/// The maximum number of concurrent commits in a sweep.
pub(super) const MAX_CONCURRENT_CHANGES: usize = 16;

/// The maximum number of records of each kind in one delete. Several nodes delete at the same time,
/// and a busy database must finish each delete within its timeout.
const MAX_PURGE_BATCH: usize = 250;

/// The maximum number of changes of the feed in one delete. They are small, and one beside another.
const MAX_FEED_PURGE: usize = 2500;

impl Service {
    /// Runs the maintenance tasks until `shutdown` is canceled, and then writes the remaining
    /// last-seen times and failed logins.
    pub async fn maintenance(&self, shutdown: CancellationToken) {
        let ticks = |every| {
            let mut ticks = interval(every);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        };
        let mut watch = ClockWatch::new(self.now());
        let (mut sweeps, mut purges) = (ticks(SWEEP_INTERVAL), ticks(PURGE_INTERVAL));
        // A damaged record fails in every sweep.
        let failures = LogLimit::default();
        loop {
            let result = tokio::select! {
                () = shutdown.cancelled() => break,
                _ = sweeps.tick() => {
                    let swept = self.sweep(&mut watch, &shutdown).await;
                    if swept.is_ok() {
                        metrics::record(Metrics::maintenance_succeeded);
                    }
                    swept
                }
                _ = purges.tick() => {
                    // A long purge must not delay it.
                    let observed = self.observe_clock(&mut watch).await;
                    observed.and(self.purge().await)
                }
            };
            if let Err(error) = result {
                let error = ErrorChain(&error);
                if let Some(count) = failures.record(Instant::now()) {
                    tracing::warn!(%error, count, "maintenance failed, will retry");
                } else {
                    tracing::debug!(%error, "maintenance failed again, will retry");
                }
            }
        }
        if let Err(error) = self.activity.flush(&*self.store, self.now()).await {
            let error = ErrorChain(&error);
            tracing::error!(%error, "could not save last-seen times at shutdown");
        }
        if let Err(error) = self.save_kept_failures().await {
            let error = ErrorChain(&error);
            tracing::error!(%error, "could not save failed logins at shutdown");
        }
        // All streams are closed by now. Otherwise the lease of this node would end soon.
        if let Err(error) = self.announce_listeners().await {
            let error = ErrorChain(&error);
            tracing::debug!(%error, "could not take back the announced listeners at shutdown");
        }
        // If the clock was set back and nobody has noticed it, the next start does.
        let mark = ClockMark::AtLeast(watch.latest(self.now()));
        if let Err(error) = self.store.save_clock_mark(mark).await {
            let error = ErrorChain(&error);
            tracing::debug!(%error, "could not raise the clock mark at shutdown");
        }
    }

    /// Writes last-seen times and failed logins, records the sessions that have expired, and reports
    /// folded logins. If the clock was set back, also corrects the sessions that were last seen in the
    /// future.
    async fn sweep(
        &self,
        watch: &mut ClockWatch,
        shutdown: &CancellationToken,
    ) -> Result<(), Error> {
        // An expiry that fails must not prevent the reports and the corrections.
        let mut result = self.record_activity_and_expiries(watch, shutdown).await;
        let until_now = |now| Timestamp::from_millis(i64::MIN)..=now;
        result = result.and(self.report_folded(until_now).await);
        result = result.and(self.announce_listeners().await);
        result = result.and(self.save_kept_failures().await);
        while self.set_back_page(watch, shutdown).await? {
            result = result.and(self.record_activity_and_expiries(watch, shutdown).await);
        }
        result
    }

    /// Observes the clock too, because many sessions may have expired while no node ran. The last
    /// writes of a shutdown do not wait for them.
    async fn record_activity_and_expiries(
        &self,
        watch: &mut ClockWatch,
        shutdown: &CancellationToken,
    ) -> Result<(), Error> {
        let mut observed = self.observe_clock(watch).await;
        self.activity.flush(&*self.store, self.now()).await?;
        loop {
            let overdue = self.store.overdue(self.now(), MAX_SWEEP_BATCH).await?;
            if !self.change_each(overdue, rules::expire).await? || shutdown.is_cancelled() {
                return observed;
            }
            observed = observed.and(self.observe_clock(watch).await);
        }
    }

    /// Reports the folded logins of the users whose summary is due in this range of time.
    async fn report_folded(
        &self,
        due: fn(Timestamp) -> RangeInclusive<Timestamp>,
    ) -> Result<(), Error> {
        loop {
            let due = due(self.now());
            let users = self.store.summaries_due(due, MAX_SWEEP_BATCH).await?;
            if !self.change_each(users, rules::report_folded).await? {
                return Ok(());
            }
        }
    }

    /// Applies a rule to each user of a batch. Returns true if more users may follow.
    ///
    /// A change can fail if a user's records are damaged. This does not prevent the changes of the
    /// other users. The store returns the user again in the next batch, so the caller must stop
    /// after an error. The next sweep retries.
    async fn change_each(
        &self,
        users: Vec<UserId>,
        rule: fn(&UserState, rules::Context<'_>) -> Transition,
    ) -> Result<bool, Error> {
        let is_full = users.len() >= MAX_SWEEP_BATCH;
        let changes = users.into_iter().map(|user| self.apply_rule(user, rule));
        run_all(changes).await?;
        Ok(is_full)
    }

    /// Applies a rule to a user. Succeeds if the user does not exist.
    pub(super) async fn apply_rule(
        &self,
        user: UserId,
        rule: fn(&UserState, rules::Context<'_>) -> Transition,
    ) -> Result<(), Error> {
        let decide = |state: &_, context: rules::Context<'_>| Ok((rule(state, context), ()));
        match self.change(user, decide).await {
            Ok(_) | Err(Error::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Deletes ended sessions and alerts that are older than the retention time.
    ///
    /// Also reports the folded logins whose summary is further away than a minute. Their minute
    /// started in the future, before the clock was set back.
    async fn purge(&self) -> Result<(), Error> {
        self.throttle.evict_expired();
        self.registrations.evict_expired();
        self.forget_former_listeners();
        // A report that fails must not prevent the deletions.
        let reported = self
            .report_folded(|now| {
                let latest = now.plus(AlertWindow::LENGTH + Duration::from_millis(1));
                latest..=Timestamp::from_millis(i64::MAX)
            })
            .await;
        // Nor must the store's own work.
        let now = self.now();
        let maintained = self.store.maintain(now, MAX_PURGE_BATCH).await;
        let reported = reported.and(maintained.map_err(Error::from));
        let before = now.minus(self.config.retention);
        while self.store.purge_feed(before, MAX_FEED_PURGE).await? == MAX_FEED_PURGE as u64 {}
        loop {
            let purged = self.store.purge(before, MAX_PURGE_BATCH).await?;
            let largest = purged.sessions.max(purged.alerts);
            if largest < MAX_PURGE_BATCH as u64 {
                return reported;
            }
        }
    }
}

/// Runs changes, a few at the same time. One that fails does not prevent the others. Returns one of
/// the errors.
pub(super) async fn run_all<F>(changes: impl Iterator<Item = F>) -> Result<(), Error>
where
    F: Future<Output = Result<(), Error>>,
{
    let results: Vec<Result<(), Error>> = stream::iter(changes)
        .buffer_unordered(MAX_CONCURRENT_CHANGES)
        .collect()
        .await;
    results.into_iter().collect()
}
