//! The source of the current wall-clock time. Every decision and every stored time uses it, so a
//! test can set the time.
//!
//! Timeouts, intervals and rate limits use monotonic clocks instead: a change of the system's time
//! must neither shorten nor extend them.

use std::{
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::domain::Timestamp;

/// A source of the current time.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Returns the current time, in milliseconds since the Unix epoch.
    fn now(&self) -> Timestamp;
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the only place that reads the wall clock"
    )]
    fn now(&self) -> Timestamp {
        // A request reads the clock several times, and a date of chrono takes longer than the clock.
        let millis = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()),
            Err(before) => i64::try_from(before.duration().as_millis()).map(|millis| -millis),
        };
        Timestamp::from_millis(millis.unwrap_or(i64::MAX))
    }
}
