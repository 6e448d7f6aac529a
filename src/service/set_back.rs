//! The reaction to a clock that was set back: no limit of an open session may end later than its
//! whole duration after the step.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Error, Service, maintenance::run_all};
use crate::{
    domain::{CLOCK_TOLERANCE, Timestamp, UserId, rules},
    error_chain::ErrorChain,
    store::{ClockMark, SeenAfter, StoreError},
};

/// The maximum number of users in one page of a pass. After each page, the sweep records expired
/// sessions, so a long pass delays them only a little.
const PAGE_SIZE: usize = 1000;

/// Notices that the clock was set back, and keeps the position of the pass through all users that
/// follows.
#[derive(Debug, Default)]
pub(super) struct ClockWatch {
    /// The latest time that the clock has shown since the last step. `None` until the store has said
    /// which time the clock showed before this start.
    latest: Option<Timestamp>,
    pass: Pass,
}

/// A pass through all users.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// The next page starts after this user, or with the first one.
    After(Option<UserId>),
    #[default]
    Done,
}

impl ClockWatch {
    /// Begins with the latest time that the clock has shown before this start. A store without it may
    /// have been written by any clock, so a pass begins.
    fn start(&mut self, mark: Option<Timestamp>, now: Timestamp) {
        if mark.is_none() {
            self.pass = Pass::After(None);
        }
        self.latest = Some(mark.unwrap_or(now));
    }

    /// Compares the clock with the latest time that it has shown. If it was set back, a new pass
    /// begins. Returns the length of the step.
    fn observe(&mut self, now: Timestamp) -> Option<Duration> {
        let latest = self.latest?;
        if latest.is_ahead_of(now) {
            self.latest = Some(now);
            self.pass = Pass::After(None);
            return Some(latest.since(now));
        }
        self.latest = Some(latest.max(now));
        None
    }
}

impl Service {
    /// Checks whether the clock was set back since the last call, or while no node ran.
    pub(super) async fn observe_clock(&self, watch: &mut ClockWatch) -> Result<(), Error> {
        if watch.latest.is_none() {
            watch.start(self.store.clock_mark().await?, self.now());
        }
        if let Some(step) = watch.observe(self.now()) {
            tracing::warn!(
                ?step,
                "the clock was set back, so the limits of open sessions count from now on"
            );
        }
        Ok(())
    }

    /// Processes one page of the pass: sets back the sessions whose instants are in the future.
    /// Returns whether the next page follows.
    pub(super) async fn set_back_page(
        &self,
        watch: &mut ClockWatch,
        shutdown: &CancellationToken,
    ) -> Result<bool, Error> {
        let Pass::After(after) = watch.pass else {
            return Ok(false);
        };
        let now = self.now();
        let latest = now.plus(CLOCK_TOLERANCE);
        let SeenAfter { users, next } = self.store.seen_after(latest, after, PAGE_SIZE).await?;
        // If the store fails, the next sweep repeats this page.
        run_all(users.into_iter().map(|user| self.set_back(user))).await?;
        if next.is_none() {
            // Until then, the next start of any node would begin the pass again.
            self.store.save_clock_mark(ClockMark::At(now)).await?;
        }
        watch.pass = next.map_or(Pass::Done, |next| Pass::After(Some(next)));
        Ok(next.is_some() && !shutdown.is_cancelled())
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

    fn started(mark: Option<Timestamp>) -> ClockWatch {
        let mut watch = ClockWatch::default();
        watch.start(mark, NOW);
        watch
    }

    #[test]
    fn a_step_back_starts_a_pass_and_a_difference_within_the_tolerance_does_not() {
        let mut watch = started(Some(NOW));
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
        let mut watch = started(Some(NOW));
        assert_eq!(watch.observe(NOW.minus(Duration::from_secs(4))), None);
        let step = Duration::from_secs(8);
        assert_eq!(watch.observe(NOW.minus(step)), Some(step));
    }

    #[test]
    fn a_start_begins_a_pass_if_the_clock_is_behind_the_mark_or_there_is_none() {
        let step = Duration::from_hours(1);
        for (mark, found, pass) in [
            (Some(NOW.minus(step)), None, Pass::Done),
            (Some(NOW), None, Pass::Done),
            (Some(NOW.plus(CLOCK_TOLERANCE)), None, Pass::Done),
            (Some(NOW.plus(step)), Some(step), Pass::After(None)),
            (None, None, Pass::After(None)),
        ] {
            let mut watch = started(mark);
            assert_eq!(watch.observe(NOW), found, "{mark:?}");
            assert_eq!(watch.pass, pass, "{mark:?}");
        }
    }

    #[test]
    fn nothing_is_noticed_before_the_store_has_been_read() {
        let mut watch = ClockWatch::default();
        assert_eq!(watch.observe(NOW), None);
        assert_eq!(watch.observe(NOW.minus(Duration::from_hours(1))), None);
        assert_eq!(watch.pass, Pass::Done);
    }
}
