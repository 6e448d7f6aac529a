//! What a node does without being asked: write touches, record what time has ended, forget what is old.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{Error, Service};
use crate::{domain::rules, error_chain::ErrorChain};

/// How often last requests are written and overdue sessions looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// How often old records are looked for.
const PURGE_EVERY: Duration = Duration::from_mins(1);

/// Overdue users in one round; a full round is followed by another at once.
const SWEEP_AT_ONCE: usize = 256;

/// Records of each kind in one write, which a busy database has to finish in time for several nodes at once.
const PURGE_AT_ONCE: usize = 250;

impl Service {
    /// Runs until `shutdown`, and then writes what is still in memory.
    pub async fn maintenance(&self, shutdown: CancellationToken) {
        let ticks = |every| {
            let mut ticks = interval(every);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        };
        let (mut sweeps, mut purges) = (ticks(SWEEP_EVERY), ticks(PURGE_EVERY));
        loop {
            let done = tokio::select! {
                () = shutdown.cancelled() => break,
                _ = sweeps.tick() => self.sweep().await,
                _ = purges.tick() => self.purge().await,
            };
            if let Err(error) = done {
                tracing::warn!(error = %ErrorChain(&error), "maintenance is put off");
            }
        }
        if let Err(error) = self.activity.flush(&*self.store).await {
            tracing::error!(error = %ErrorChain(&error), "last requests were lost");
        }
    }

    async fn sweep(&self) -> Result<(), Error> {
        self.activity.flush(&*self.store).await?;
        loop {
            let overdue = self.store.overdue(self.now(), SWEEP_AT_ONCE).await?;
            let is_last = overdue.len() < SWEEP_AT_ONCE;
            let expiries = stream::iter(overdue).map(async |user| {
                let expire = |state: &_, context: rules::Context<'_>| {
                    Ok((rules::expire(state, context), ()))
                };
                match self.change(user, expire).await {
                    Ok(_) | Err(Error::NotFound(_)) => Ok(()),
                    Err(error) => Err(error),
                }
            });
            let outcomes: Vec<Result<(), Error>> = expiries.buffer_unordered(16).collect().await;
            // One damaged user keeps nobody else from expiring, nor the round from ending.
            if is_last || outcomes.iter().any(Result::is_err) {
                return outcomes.into_iter().collect();
            }
        }
    }

    async fn purge(&self) -> Result<(), Error> {
        self.throttle.evict_expired();
        let before = self.now().minus(self.config.retention);
        loop {
            let purged = self.store.purge(before, PURGE_AT_ONCE).await?;
            let most = purged.sessions.max(purged.alerts);
            if most < PURGE_AT_ONCE as u64 {
                return Ok(());
            }
        }
    }
}
