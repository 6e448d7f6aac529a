//! The time, as an argument.

use std::{fmt::Debug, time::SystemTime};

/// A source of the time.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> SystemTime;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        #[expect(
            clippy::disallowed_methods,
            reason = "the only place that reads the time"
        )]
        SystemTime::now()
    }
}
