//! The source of the current time. Nothing else in the crate reads the system's clock, so a test can hold it still.

use std::fmt;

use chrono::Utc;

use crate::domain::Timestamp;

/// A clock that tells the current time.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The current instant, in milliseconds.
    fn now(&self) -> Timestamp;
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the only place that reads the clock"
    )]
    fn now(&self) -> Timestamp {
        Utc::now().into()
    }
}
