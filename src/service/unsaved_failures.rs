//! Failed logins that the store could not write. They are written once it works again, so that a
//! restart gives back no guess that was made while the disk was full or the database was away.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::{domain::Mobile, store::FailedLogin};

/// The maximum number of mobile numbers whose failures wait. The failures of a further number count
/// in memory only. More could not fail within the time in which failures count.
const CAPACITY: usize = 100_000;

/// The failed logins that wait to be written.
#[derive(Debug, Default)]
pub(super) struct UnsavedFailures(Mutex<HashMap<Mobile, Unsaved>>);

/// The failures of one number.
#[derive(Debug)]
struct Unsaved {
    /// The failures, as one. `interval` is the sum of theirs.
    failure: FailedLogin,
    /// When `failure.remaining` was true.
    at: Instant,
}

impl UnsavedFailures {
    /// Keeps a failure that could not be written at this time.
    pub(super) fn keep(&self, failure: FailedLogin, at: Instant) {
        let mut all = self.0.lock();
        if let Some(kept) = all.get_mut(&failure.mobile) {
            kept.add(&failure, at);
        } else if all.len() < CAPACITY {
            all.insert(failure.mobile.clone(), Unsaved { failure, at });
        }
    }

    /// Returns a failure together with those of its number that wait, which no longer wait.
    pub(super) fn with_kept(&self, failure: FailedLogin, at: Instant) -> FailedLogin {
        match self.0.lock().remove(&failure.mobile) {
            Some(mut kept) => {
                kept.add(&failure, at);
                kept.failure
            }
            None => failure,
        }
    }

    /// Takes the failures of at most `limit` numbers, to write them now, without those that do not
    /// count any more. `None` if none wait.
    pub(super) fn take(&self, limit: usize, now: Instant) -> Option<Vec<FailedLogin>> {
        let mut all = self.0.lock();
        if all.is_empty() {
            return None;
        }
        let numbers: Vec<_> = all.keys().take(limit).cloned().collect();
        let taken = numbers.iter().filter_map(|number| all.remove(number));
        Some(taken.filter_map(|unsaved| unsaved.at_time(now)).collect())
    }
}

impl Unsaved {
    /// Adds another failure. Each was counted in memory together with those before it, so the one that
    /// counts for longest includes all.
    fn add(&mut self, failure: &FailedLogin, at: Instant) {
        let elapsed = at.saturating_duration_since(self.at);
        let left = self.failure.remaining.saturating_sub(elapsed);
        self.failure.remaining = left.max(failure.remaining);
        self.failure.interval += failure.interval;
        self.at = self.at.max(at);
    }

    /// The failures, with the time for which they still count. `None` if it is over.
    fn at_time(self, now: Instant) -> Option<FailedLogin> {
        let Self { mut failure, at } = self;
        let elapsed = now.saturating_duration_since(at);
        failure.remaining = failure.remaining.saturating_sub(elapsed);
        // A store that adds up the failures of all nodes must not count for longer than they do.
        failure.interval = failure.interval.min(failure.remaining);
        (failure.remaining > Duration::ZERO).then_some(failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(30);

    /// A failure of this number, with as many failures as count now.
    fn failure(number: usize, counted: u32) -> FailedLogin {
        FailedLogin {
            mobile: Mobile::parse(&format!("+4915100{number:06}")).unwrap(),
            remaining: INTERVAL * counted,
            interval: INTERVAL,
            longest: INTERVAL * 20,
        }
    }

    #[test]
    fn failures_of_a_number_are_written_as_one_that_counts_as_long_as_they_still_do() {
        let (failures, began) = (UnsavedFailures::default(), Instant::now());
        for counted in 1..=3 {
            failures.keep(failure(1, counted), began);
        }
        failures.keep(failure(2, 1), began);

        let mut taken = failures.take(10, began + INTERVAL).unwrap();
        assert_eq!(taken.len(), 1, "the failure of the other number is over");
        let taken = taken.remove(0);
        assert_eq!(taken.mobile, failure(1, 1).mobile);
        assert_eq!(taken.remaining, INTERVAL * 2);
        assert_eq!(taken.interval, INTERVAL * 2);
        assert!(failures.take(10, began).is_none());
    }

    #[test]
    fn a_further_failure_is_written_with_those_that_wait() {
        let (failures, began) = (UnsavedFailures::default(), Instant::now());
        failures.keep(failure(1, 2), began);
        let together = failures.with_kept(failure(1, 3), began);
        assert_eq!(together.remaining, INTERVAL * 3);
        assert_eq!(together.interval, INTERVAL * 2);
        assert!(failures.take(10, began).is_none());
        let alone = failures.with_kept(failure(1, 3), began);
        assert_eq!(alone.interval, INTERVAL);
    }

    #[test]
    fn the_numbers_that_wait_have_a_bound_and_are_taken_in_parts() {
        let (failures, now) = (UnsavedFailures::default(), Instant::now());
        for number in 0..=CAPACITY {
            failures.keep(failure(number, 1), now);
        }
        let taken = |limit| failures.take(limit, now).map(|taken| taken.len());
        assert_eq!(taken(256), Some(256));
        assert_eq!(taken(CAPACITY), Some(CAPACITY - 256));
        assert_eq!(taken(1), None);
    }
}
