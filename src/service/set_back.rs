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

/// How far the clock may be ahead of the clock mark before the mark is raised.
const MARK_INTERVAL: Duration = Duration::from_mins(1);

/// Notices that the clock was set back, and keeps the position of the pass through all users that
/// follows.
#[derive(Debug)]
pub(super) struct ClockWatch {
    /// The latest time that the clock has shown since the last step.
    latest: Timestamp,
    /// The clock mark of the store, as this node has read or saved it.
    mark: Mark,
    pass: Pass,
}

/// What a node knows of the clock mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// The node has started, and not read it yet.
    Unread,
    /// The store has none before a pass is done.
    Missing,
    At(Timestamp),
}

/// A pass through all users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// The next page starts after this user, or with the first one.
    After(Option<UserId>),
    Done,
}

impl ClockWatch {
    pub(super) const fn new(now: Timestamp) -> Self {
        Self {
            latest: now,
            mark: Mark::Unread,
            pass: Pass::Done,
        }
    }

    /// The latest time that the clock has shown since the last step that was noticed.
    pub(super) fn latest(&self, now: Timestamp) -> Timestamp {
        self.latest.max(now)
    }

    /// Notes the mark that the store had at the start: a time that the clock of a node has shown before.
    /// A store without it may have been written by any clock, so a pass begins.
    fn read(&mut self, mark: Option<Timestamp>) {
        if let Some(mark) = mark {
            self.mark = Mark::At(mark);
            self.latest = self.latest.max(mark);
        } else {
            self.mark = Mark::Missing;
            self.pass = Pass::After(None);
        }
    }

    /// Compares the clock with the latest time that it has shown. If it was set back, a new pass
    /// begins. Returns the time before the step, to which the mark is to be raised.
    fn observe(&mut self, now: Timestamp) -> Option<Timestamp> {
        if !self.latest.is_ahead_of(now) {
            self.latest = self.latest.max(now);
            return None;
        }
        let from = self.latest;
        if self.mark != Mark::Missing {
            self.mark = Mark::At(from);
        }
        self.latest = now;
        self.pass = Pass::After(None);
        Some(from)
    }

    /// Whether the mark is to be raised to `now`.
    fn is_mark_old(&self, now: Timestamp) -> bool {
        matches!(self.mark, Mark::At(mark) if now >= mark.plus(MARK_INTERVAL))
    }
}

impl Service {
    /// Checks whether the clock was set back since the last call, or while no node ran, and raises the
    /// clock mark.
    pub(super) async fn observe_clock(&self, watch: &mut ClockWatch) -> Result<(), Error> {
        let unread = match watch.mark {
            Mark::Unread => self.store.clock_mark().await.map(|mark| watch.read(mark)),
            Mark::Missing | Mark::At(_) => Ok(()),
        };
        let now = self.now();
        if let Some(from) = watch.observe(now) {
            tracing::warn!(
                step = ?from.since(now),
                "the clock was set back, so the limits of open sessions count from now on"
            );
            // A start after an interrupted pass begins it again.
            self.store.save_clock_mark(ClockMark::AtLeast(from)).await?;
        }
        if watch.is_mark_old(now) {
            self.store.save_clock_mark(ClockMark::AtLeast(now)).await?;
            watch.mark = Mark::At(now);
        }
        Ok(unread?)
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
            watch.mark = Mark::At(now);
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
        let mut watch = ClockWatch::new(NOW);
        watch.read(mark);
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

        assert_eq!(watch.latest(NOW), later);
        assert_eq!(watch.observe(NOW), Some(later));
        assert_eq!(watch.pass, Pass::After(None));
        assert_eq!(watch.observe(NOW), None);
    }

    #[test]
    fn small_steps_add_up() {
        let mut watch = started(Some(NOW));
        assert_eq!(watch.observe(NOW.minus(Duration::from_secs(4))), None);
        assert_eq!(watch.observe(NOW.minus(Duration::from_secs(8))), Some(NOW));
    }

    #[test]
    fn a_start_finds_a_step_if_the_clock_is_behind_the_mark_and_begins_a_pass_if_there_is_none() {
        let step = Duration::from_hours(1);
        for (mark, found) in [
            (NOW.minus(step), None),
            (NOW, None),
            (NOW.plus(CLOCK_TOLERANCE), None),
            (NOW.plus(step), Some(NOW.plus(step))),
        ] {
            let mut watch = started(Some(mark));
            assert_eq!(watch.observe(NOW), found, "{mark:?}");
            assert_eq!(watch.pass == Pass::Done, found.is_none(), "{mark:?}");
        }
        let mut watch = started(None);
        assert_eq!(watch.observe(NOW), None);
        assert_eq!(watch.pass, Pass::After(None));
    }

    #[test]
    fn a_step_is_noticed_before_the_mark_could_be_read() {
        let mut watch = ClockWatch::new(NOW);
        let before = NOW.minus(Duration::from_hours(1));
        assert_eq!(watch.observe(before), Some(NOW));
    }

    #[test]
    fn the_mark_is_raised_when_the_clock_is_a_minute_ahead_of_it_and_never_amid_a_pass() {
        let mut watch = started(Some(NOW));
        let due = NOW.plus(MARK_INTERVAL);
        assert!(!watch.is_mark_old(due.minus(Duration::from_millis(1))));
        assert!(watch.is_mark_old(due));

        let before = NOW.minus(Duration::from_hours(1));
        assert_eq!(watch.observe(before), Some(NOW));
        assert!(!watch.is_mark_old(before.plus(MARK_INTERVAL)));
        assert!(!started(None).is_mark_old(NOW.plus(MARK_INTERVAL)));
    }
}
