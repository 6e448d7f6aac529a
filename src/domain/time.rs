//! Instants with the precision of the API.

use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeZone, Utc};

/// How far a stored instant may lie ahead of a node's clock. It covers nodes whose clocks differ a
/// little. An instant further ahead was recorded before the clock was set back.
pub const CLOCK_TOLERANCE: Duration = Duration::from_secs(5);

/// An instant in UTC, in whole milliseconds since the Unix epoch. The API and the stores have the
/// same precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The instant this many milliseconds after the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The instant `duration` later. Saturates at the latest instant.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(saturating_millis(duration)))
    }

    /// The instant `duration` earlier. Saturates at the earliest instant.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(saturating_millis(duration)))
    }

    /// Whether this instant was recorded by a clock that was later set back to `now`: it lies ahead
    /// of `now` by more than [`CLOCK_TOLERANCE`].
    #[must_use]
    pub fn is_ahead_of(self, now: Self) -> bool {
        self > now.plus(CLOCK_TOLERANCE)
    }

    /// The duration since `earlier`. Zero if `earlier` is after `self`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(instant: DateTime<Utc>) -> Self {
        Self(instant.trunc_subsecs(3).timestamp_millis())
    }
}

impl From<Timestamp> for DateTime<Utc> {
    fn from(instant: Timestamp) -> Self {
        // Only a damaged store has an instant outside of chrono's range (262,000 years). It becomes
        // the epoch.
        Utc.timestamp_millis_opt(instant.0)
            .single()
            .unwrap_or(DateTime::UNIX_EPOCH)
    }
}

fn saturating_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
