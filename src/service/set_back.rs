//! The reaction to a clock that was set back: no limit of an open session may end later than its
//! whole duration after the step.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::{Error, Service, maintenance::run_all};
use crate::{
    domain::{CLOCK_TOLERANCE, Timestamp, UserId, rules},
    error_chain::ErrorChain,
    store::{SeenAfter, StoreError},
};

/// The maximum number of users in one page of a pass. After each page, the sweep records expired
/// sessions, so a long pass delays them only a little.
const PAGE_SIZE: usize = 1000;

/// How long a pass after a start may work in one sweep, of which there is one a second. A page takes
/// a few milliseconds, so a file of a million users is read within a minute, with a tenth of a core.
const TIME_IN_A_SWEEP: Duration = Duration::from_millis(100);

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
    After(Option<UserId>, Pace),
    Done,
}

/// How fast a pass is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// It takes [`TIME_IN_A_SWEEP`], because nothing shows that the clock was set back, and requests
    /// need the processor and the disk.
    Gentle,
    /// It does not pause: until it is done, some sessions live longer than they should.
    Full,
}

impl Pass {
    /// Whether the next page may follow in the same sweep.
    fn continues(self, elapsed: Duration) -> bool {
        match self {
            Self::After(_, Pace::Full) => true,
            Self::After(_, Pace::Gentle) => elapsed < TIME_IN_A_SWEEP,
            Self::Done => false,
        }
    }
}

impl ClockWatch {
    /// The watch begins with a pass, because the clock may have been set back while no node ran.
    pub(super) const fn new(now: Timestamp) -> Self {
        Self {
            latest: now,
            pass: Pass::After(None, Pace::Gentle),
        }
    }

    /// Notes that a page was processed. A session that was last seen in the future shows that the
    /// clock was set back, and the pass becomes fast.
    fn advance(&mut self, pace: Pace, next: Option<UserId>, has_found_any: bool) {
        let pace = if has_found_any { Pace::Full } else { pace };
        self.pass = next.map_or(Pass::Done, |next| Pass::After(Some(next), pace));
    }

    /// Compares the clock with the latest time that it has shown. If it was set back, a new pass
    /// begins. Returns the length of the step.
    fn observe(&mut self, now: Timestamp) -> Option<Duration> {
        if self.latest.is_ahead_of(now) {
            let step = self.latest.since(now);
            self.latest = now;
            self.pass = Pass::After(None, Pace::Full);
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
    /// Returns whether the next page follows in this sweep, which began at `started`.
    pub(super) async fn set_back_page(
        &self,
        watch: &mut ClockWatch,
        started: Instant,
        shutdown: &CancellationToken,
    ) -> Result<bool, Error> {
        let Pass::After(after, pace) = watch.pass else {
            return Ok(false);
        };
        let latest = self.now().plus(CLOCK_TOLERANCE);
        let SeenAfter { users, next } = self.store.seen_after(latest, after, PAGE_SIZE).await?;
        let has_found_any = !users.is_empty();
        // If the store fails, the next sweep repeats this page.
        run_all(users.into_iter().map(|user| self.set_back(user))).await?;
        watch.advance(pace, next, has_found_any);
        Ok(watch.pass.continues(started.elapsed()) && !shutdown.is_cancelled())
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
        assert_eq!(watch.pass, Pass::After(None, Pace::Gentle));
        watch.pass = Pass::Done;
        let later = NOW.plus(Duration::from_mins(1));
        for now in [later, later.minus(CLOCK_TOLERANCE), later] {
            assert_eq!(watch.observe(now), None);
        }
        assert_eq!(watch.pass, Pass::Done);

        assert_eq!(watch.observe(NOW), Some(Duration::from_mins(1)));
        assert_eq!(watch.pass, Pass::After(None, Pace::Full));
        assert_eq!(watch.observe(NOW), None);
    }

    #[test]
    fn small_steps_add_up() {
        let mut watch = ClockWatch::new(NOW);
        assert_eq!(watch.observe(NOW.minus(Duration::from_secs(4))), None);
        let step = Duration::from_secs(8);
        assert_eq!(watch.observe(NOW.minus(step)), Some(step));
    }

    #[test]
    fn a_pass_is_gentle_until_something_shows_that_the_clock_was_set_back() {
        let user = UserId::new(uuid::Uuid::from_u128(1));
        let mut watch = ClockWatch::new(NOW);
        watch.advance(Pace::Gentle, Some(user), false);
        assert_eq!(watch.pass, Pass::After(Some(user), Pace::Gentle));
        assert!(watch.pass.continues(TIME_IN_A_SWEEP / 2));
        assert!(!watch.pass.continues(TIME_IN_A_SWEEP));

        watch.advance(Pace::Gentle, Some(user), true);
        assert_eq!(watch.pass, Pass::After(Some(user), Pace::Full));
        assert!(watch.pass.continues(Duration::MAX));
        watch.advance(Pace::Full, Some(user), false);
        assert_eq!(watch.pass, Pass::After(Some(user), Pace::Full));
        watch.advance(Pace::Full, None, true);
        assert!(!watch.pass.continues(Duration::ZERO));
    }
}
