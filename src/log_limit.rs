//! Limits log lines that any number of requests can cause to one a minute.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// The minimum time between two log lines about the same kind of event.
const INTERVAL: Duration = Duration::from_mins(1);

/// Counts the events of one kind, and selects at most one a minute to be logged. It holds two
/// numbers, however many events there are.
#[derive(Debug, Default)]
pub struct LogLimit(Mutex<Events>);

#[derive(Debug, Default)]
struct Events {
    last_logged: Option<Instant>,
    not_logged: u64,
}

impl LogLimit {
    /// Creates a limit that has not counted an event.
    #[must_use]
    pub const fn new() -> Self {
        Self(Mutex::new(Events {
            last_logged: None,
            not_logged: 0,
        }))
    }

    /// Counts an event at `now`. Returns the number of events since the last logged one, including
    /// this one, if this one is to be logged.
    pub fn record(&self, now: Instant) -> Option<u64> {
        let mut events = self.0.lock();
        events.not_logged += 1;
        let is_due = events
            .last_logged
            .is_none_or(|at| now.saturating_duration_since(at) >= INTERVAL);
        is_due.then(|| {
            events.last_logged = Some(now);
            std::mem::take(&mut events.not_logged)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_event_a_minute_is_logged_with_the_count_since_the_last_one() {
        let limit = LogLimit::default();
        let start = Instant::now();
        let record = |seconds| limit.record(start + Duration::from_secs(seconds));
        assert_eq!(record(0), Some(1));
        assert_eq!(record(1), None);
        assert_eq!(record(59), None);
        assert_eq!(record(60), Some(3));
        assert_eq!(record(61), None);
        assert_eq!(record(300), Some(2));
    }
}
