//! A clock that a test controls.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use sessiond::{clock::Clock, domain::Timestamp};

/// A clock that changes only when a test advances it or sets it back. By default it starts at
/// 2024-11-22T10:45:47.209Z.
#[derive(Debug)]
pub struct FakeClock(AtomicI64);

impl Default for FakeClock {
    fn default() -> Self {
        Self(AtomicI64::new(1_732_272_347_209))
    }
}

impl FakeClock {
    /// A clock that starts at `now`.
    pub fn starting_at(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.as_millis()))
    }

    /// Sets the clock back.
    pub fn set_back(&self, by: Duration) {
        self.0
            .fetch_sub(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0
            .fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}
