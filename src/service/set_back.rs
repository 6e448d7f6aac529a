//! The reaction to a clock that was set back: no limit of an open session may end later than its
//! whole duration after the step.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Error, Service, maintenance::run_all};
use crate::{
    domain::{CLOCK_TOLERANCE, Timestamp, UserId, rules},
    error_chain::ErrorChain,
    store::StoreError,
};

/// The maximum number of users in one page of a pass. After each page, the sweep records expired
/// sessions, so a long pass delays them only a little.
const PAGE_SIZE: usize = 1000;

/// Notices that the clock was set back, and keeps the position of the pass through all users that
/// follows.
#[derive(Debug)]
pub(super) struct ClockWatch {
    /// The latest time that the clock has shown since the last step.
    latest: Timestamp,
    pass: Pass,
}

/// A pass through all users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// The next page starts after this user, or with the first one.
    After(Option<UserId>),
    Done,
}

impl ClockWatch {
    /// The watch begins with a pass, because the clock may have been set back while no node ran.
    pub(super) const fn new(now: Timestamp) -> Self {
        Self {
            latest: now,
            pass: Pass::After(None),
        }
    }

    /// Compares the clock with the latest time that it has shown. If it was set back, a new pass
    /// begins. Returns the length of the step.
    fn observe(&mut self, now: Timestamp) -> Option<Duration> {
        if self.latest.is_ahead_of(now) {
            let step = self.latest.since(now);
            self.latest = now;
            self.pass = Pass::After(None);
            return Some(step);
        }
        self.latest = self.latest.max(now);
        None
    }
}

impl Service {
    /// Checks whether the clock was set back since the last call.
    pub(super) fn observe_clock(&self, watch: &mut ClockWatch) {
        if let Some(step) = watch.observe(self.now()) {
            tracing::warn!(
                ?step,
                "the clock was set back, so the limits of open sessions count from now on"
            );
        }
    }

    /// Processes one page of the pass: sets back the sessions whose instants are in the future.
    /// Returns whether more pages follow.
    pub(super) async fn set_back_page(
        &self,
        watch: &mut ClockWatch,
        shutdown: &CancellationToken,
    ) -> Result<bool, Error> {
        let Pass::After(after) = watch.pass else {
            return Ok(false);
        };
        let latest = self.now().plus(CLOCK_TOLERANCE);
        let page = self.store.seen_after(latest, after, PAGE_SIZE).await?;
        // If the store fails, the next sweep repeats this page.
        run_all(page.users.into_iter().map(|user| self.set_back(user))).await?;
        watch.pass = page.next.map_or(Pass::Done, |next| Pass::After(Some(next)));
        Ok(watch.pass != Pass::Done && !shutdown.is_cancelled())
    }

    /// Sets back the sessions of one user, as every command of the user would.
    async fn set_back(&self, user: UserId) -> Result<(), Error> {
        match self.apply_rule(user, rules::expire).await {
            // No caller can use a damaged session, and it must not end the pass.
            Err(Error::Store(error @ StoreError::Damaged { .. })) => {
                tracing::error!(%user, error = %ErrorChain(&error), "could not set back a session");
                Ok(())
            }
            result => result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_750_000_000_000);

    #[test]
    fn a_step_back_starts_a_pass_and_a_difference_within_the_tolerance_does_not() {
        let mut watch = ClockWatch::new(NOW);
        assert_eq!(watch.pass, Pass::After(None));
        watch.pass = Pass::Done;
        let later = NOW.plus(Duration::from_mins(1));
        for now in [later, later.minus(CLOCK_TOLERANCE), later] {
            assert_eq!(watch.observe(now), None);
        }
        assert_eq!(watch.pass, Pass::Done);

        assert_eq!(watch.observe(NOW), Some(Duration::from_mins(1)));
        assert_eq!(watch.pass, Pass::After(None));
        assert_eq!(watch.observe(NOW), None);
    }

    #[test]
    fn small_steps_add_up() {
        let mut watch = ClockWatch::new(NOW);
        assert_eq!(watch.observe(NOW.minus(Duration::from_secs(4))), None);
        let step = Duration::from_secs(8);
        assert_eq!(watch.observe(NOW.minus(step)), Some(step));
    }
}
