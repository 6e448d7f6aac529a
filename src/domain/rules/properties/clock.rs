//! Limits measured by a stopwatch, which runs on when the clock of the rules is set back.

use std::{collections::HashMap, time::Duration};

use proptest::{prelude::*, test_runner::TestCaseResult};

use super::model::{History, POLICY};
use crate::domain::{
    CLOCK_TOLERANCE, SessionKey, Stage, Timestamp,
    rules::{SessionWrite, Transition},
};

/// The true time since the start of a history, and the true times of its events.
#[derive(Debug, Clone, Default)]
pub(super) struct Stopwatch {
    elapsed: Duration,
    opened: HashMap<SessionKey, Duration>,
    used: HashMap<SessionKey, Duration>,
    pub step: Step,
}

/// The last step of the clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Step {
    /// The clock was never set back.
    #[default]
    Never,
    /// No command has run since the clock was set back. The maintenance task runs one soon.
    Unnoticed,
    /// The first command since the clock was set back ran at this time.
    Noticed(Duration),
}

impl Stopwatch {
    pub(super) fn wait(&mut self, duration: Duration) {
        self.elapsed += duration;
    }

    pub(super) fn set_back(&mut self) {
        self.step = Step::Unnoticed;
    }

    pub(super) fn used(&mut self, session: SessionKey) {
        self.used.insert(session, self.elapsed);
    }

    pub(super) fn committed(&mut self, transition: &Transition) {
        if self.step == Step::Unnoticed {
            self.step = Step::Noticed(self.elapsed);
        }
        for write in &transition.sessions {
            let key = write.session().key;
            if matches!(write, SessionWrite::Open(_)) {
                self.opened.insert(key, self.elapsed);
                self.used(key);
            } else if transition.approves(key) {
                self.used(key);
            }
        }
    }

    /// The true time since `event` or since the last step, whichever is later.
    fn since(&self, event: Duration) -> Duration {
        let start = match self.step {
            Step::Noticed(at) => event.max(at),
            Step::Never | Step::Unnoticed => event,
        };
        self.elapsed.saturating_sub(start)
    }
}

/// A stored instant as a command at `now` leaves it: lowered to `now` if the clock was set back by more
/// than the tolerance. Within the tolerance it stays, because the clock of another node may be ahead.
pub(super) fn lowered(at: Timestamp, now: Timestamp) -> Timestamp {
    if at > now.plus(CLOCK_TOLERANCE) {
        now
    } else {
        at
    }
}

/// Checks that no session outlives its limits, counted from the last step of the clock at the
/// latest.
pub(super) fn limits_hold(history: &History) -> TestCaseResult {
    let stopwatch = &history.stopwatch;
    let tolerance = match stopwatch.step {
        Step::Never => Duration::ZERO,
        Step::Unnoticed => return Ok(()),
        Step::Noticed(_) => CLOCK_TOLERANCE,
    };
    for session in &history.sessions {
        let unused = stopwatch.since(stopwatch.used[&session.key]);
        let age = stopwatch.since(stopwatch.opened[&session.key]);
        let is_within_limits = match session.stage(history.now) {
            Stage::Pending => age < POLICY.approval_timeout + tolerance,
            Stage::Active => {
                unused < POLICY.idle_timeout + tolerance
                    && age < POLICY.session_lifetime + tolerance
            }
            Stage::Ended(_) => true,
        };
        prop_assert!(
            is_within_limits,
            "age {age:?}, unused for {unused:?}: {session:?}"
        );
    }
    Ok(())
}
