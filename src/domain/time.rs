//! Instants with the precision of the API.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, SubsecRound, TimeZone, Utc};

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

    /// Appends the instant as RFC 3339 writes it, in UTC with milliseconds, such as
    /// `2026-11-27T06:05:04.003Z`. Responses have many instants, and chrono takes five times as long.
    pub fn append_to(self, text: &mut Vec<u8>) {
        match u64::try_from(self.0) {
            Ok(millis) if millis < YEAR_10000 => text.extend_from_slice(&rfc3339(millis)),
            _ => {
                let instant = DateTime::<Utc>::from(self);
                let instant = instant.to_rfc3339_opts(SecondsFormat::Millis, true);
                text.extend_from_slice(instant.as_bytes());
            }
        }
    }
}

/// The first instant whose year has five digits, in milliseconds since the Unix epoch.
const YEAR_10000: u64 = 253_402_300_800_000;

/// Returns the text of an instant between 1970 and [`YEAR_10000`].
///
/// The date is found as in Howard Hinnant's `civil_from_days`
/// (<https://howardhinnant.github.io/date_algorithms.html>): years begin in March, so that the leap
/// day is the last one, and 400 years have 146,097 days.
fn rfc3339(millis: u64) -> [u8; 24] {
    /// The days from 1 March of the year 0 to the Unix epoch.
    const EPOCH: u64 = 719_468;
    let (days, in_day) = (millis / 86_400_000 + EPOCH, millis % 86_400_000);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let leap_days = day_of_era / 1_460 + day_of_era / 146_096 - day_of_era / 36_524;
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era + year_of_era / 100 - 365 * year_of_era - year_of_era / 4;
    // The months from March on have 153 days in each five.
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    let year = 400 * era + year_of_era + next_year;
    let mut text = *b"0000-00-00T00:00:00.000Z";
    for (place, value) in [
        (0..4, year),
        (5..7, month),
        (8..10, day),
        (11..13, in_day / 3_600_000),
        (14..16, in_day / 60_000 % 60),
        (17..19, in_day / 1_000 % 60),
        (20..23, in_day % 1_000),
    ] {
        let mut rest = value;
        for digit in text[place].iter_mut().rev() {
            *digit += u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
        }
    }
    text
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(instant: Timestamp) -> String {
        let mut text = Vec::new();
        instant.append_to(&mut text);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn an_instant_is_written_as_rfc_3339_does() {
        for (millis, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_735_689_599_999, "2024-12-31T23:59:59.999Z"),
            (4_107_542_399_000, "2100-02-28T23:59:59.000Z"),
            (4_107_542_400_001, "2100-03-01T00:00:00.001Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (253_402_300_800_000, "+10000-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (i64::MAX, "1970-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(text(Timestamp::from_millis(millis)), expected);
        }
    }

    proptest! {
        #[test]
        fn an_instant_has_the_text_that_chrono_gives_it(millis in -1_000_000_000_000..300_000_000_000_000_i64) {
            let instant = Timestamp::from_millis(millis);
            let expected = DateTime::<Utc>::from(instant);
            let expected = expected.to_rfc3339_opts(SecondsFormat::Millis, true);
            prop_assert_eq!(text(instant), expected);
        }
    }
}
