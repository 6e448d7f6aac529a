//! The alerts of one user that count against the bound on alerts a minute.

use std::{num::NonZeroU32, time::Duration};

use super::{Attempt, Newness, Timestamp};

/// One minute of a user's alerts that count against the bound. A minute starts with the first
/// counted alert after the previous minute has ended. Its size does not depend on the bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertWindow {
    /// The time of the first counted alert.
    pub started_at: Timestamp,
    /// The number of counted alerts since then.
    pub count: u32,
    /// The refused logins that no alert has reported yet, if there are any.
    pub folded: Option<FoldedLogins>,
}

/// Refused logins that raised no alert of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoldedLogins {
    /// The number of logins.
    pub count: u32,
    /// The last one.
    pub last: Attempt,
}

impl AlertWindow {
    /// The length of a window.
    pub const LENGTH: Duration = Duration::from_mins(1);

    /// The time from which further alerts are counted in a new window.
    #[must_use]
    pub fn ends_at(&self) -> Timestamp {
        self.started_at.plus(Self::LENGTH)
    }

    /// The time when maintenance reports the folded logins, if no alert has reported them before.
    /// `None` if there are none.
    ///
    /// A store that indexes it must compute the same value.
    #[must_use]
    pub fn summary_due_at(&self) -> Option<Timestamp> {
        self.folded.as_ref().map(|_| self.ends_at())
    }

    /// Whether alerts at `now` are counted in this window. A window that starts in the future was
    /// started before the clock was set back, and counts nothing.
    pub(super) fn is_open(&self, now: Timestamp) -> bool {
        self.started_at <= now && now < self.ends_at()
    }

    /// Counts `alerts` at `now`, in a new window if `previous` has ended. Folded logins are kept.
    ///
    /// # Errors
    /// The time until the window ends, if the alerts would exceed `max`. The first alerts of a
    /// window never do.
    pub(super) fn count_alerts(
        previous: Option<&Self>,
        alerts: u32,
        max: NonZeroU32,
        now: Timestamp,
    ) -> Result<Self, Duration> {
        let counted = match previous {
            Some(window) if window.is_open(now) => Self {
                count: window.count.saturating_add(alerts),
                ..window.clone()
            },
            _ => {
                return Ok(Self {
                    started_at: now,
                    count: alerts,
                    folded: previous.and_then(|window| window.folded.clone()),
                });
            }
        };
        if counted.count > max.get() {
            return Err(counted.ends_at().since(now));
        }
        Ok(counted)
    }

    /// Adds a refused login that raises no alert.
    pub(super) fn fold(&mut self, mut login: Attempt) {
        // A summary is about several logins, and shows the last of them only as an example.
        login.newness = Newness::default();
        let before = self.folded.take().map_or(0, |folded| folded.count);
        self.folded = Some(FoldedLogins {
            count: before.saturating_add(1),
            last: login,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_750_000_000_000);
    const MAX: NonZeroU32 = NonZeroU32::new(3).unwrap();

    fn count(previous: &AlertWindow, alerts: u32, now: Timestamp) -> Result<AlertWindow, Duration> {
        AlertWindow::count_alerts(Some(previous), alerts, MAX, now)
    }

    fn first() -> AlertWindow {
        AlertWindow::count_alerts(None, 1, MAX, START).unwrap()
    }

    #[test]
    fn a_window_counts_up_to_the_bound_and_names_the_time_until_its_end() {
        let third = count(&first(), 2, START.plus(Duration::from_secs(20))).unwrap();
        assert_eq!((third.started_at, third.count), (START, 3));
        let almost_over = START.plus(Duration::from_millis(59_999));
        assert_eq!(count(&third, 1, almost_over), Err(Duration::from_millis(1)));
        let next = count(&third, 1, third.ends_at()).unwrap();
        assert_eq!((next.started_at, next.count), (third.ends_at(), 1));
    }

    #[test]
    fn the_first_alerts_of_a_window_are_never_too_many() {
        let one = NonZeroU32::MIN;
        let window = AlertWindow::count_alerts(None, 2, one, START).unwrap();
        assert!(AlertWindow::count_alerts(Some(&window), 1, one, START).is_err());
    }

    #[test]
    fn a_window_in_the_future_silences_no_alert() {
        let full = count(&first(), 2, START).unwrap();
        let set_back = START.minus(Duration::from_hours(1));
        let window = count(&full, 1, set_back).unwrap();
        assert_eq!((window.started_at, window.count), (set_back, 1));
    }
}
