//! What the rules remember of a user's logins: denials, take-overs, shown numbers and devices. Each
//! part has a bound, so that the size of a user does not depend on the length of its history.

use std::time::Duration;

use super::{DeviceId, NumberMatch, SessionKey, Timestamp};

/// What the rules remember of a user's logins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoginHistory {
    /// The denied and the unanswered logins. `None` if there are none, or after an approval.
    pub denials: Option<Denials>,
    /// The logins that ended another device's waiting login, in the last window.
    pub supersessions: Option<Window>,
    /// The take-overs in the last window. `None` if there was none.
    pub take_overs: Option<TakeOvers>,
    /// The choices of the last attempts, oldest first, at most [`MAX_RECENT_CHOICES`].
    pub recent_choices: Vec<RecentChoices>,
    /// The devices that had an active session, the latest last, at most [`MAX_KNOWN_DEVICES`]. The
    /// device of the present active session is not one of them.
    pub devices: Vec<DeviceHash>,
}

/// The capacity of [`LoginHistory::recent_choices`]. 28 attempts have 84 of the 90 numbers, so that
/// three free ones are always left.
pub const MAX_RECENT_CHOICES: usize = 28;

/// The capacity of [`LoginHistory::devices`]. If it is full, the oldest device is forgotten, and
/// counts as new at its next login.
pub const MAX_KNOWN_DEVICES: usize = 16;

/// The time for which a user's numbers are not shown again.
pub(super) const CHOICES_REST: Duration = Duration::from_mins(10);

impl LoginHistory {
    /// Whether there is nothing to remember.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds a device that had an active session.
    pub(super) fn remember(&mut self, device: DeviceHash) {
        self.forget(device);
        if self.devices.len() == MAX_KNOWN_DEVICES {
            self.devices.remove(0);
        }
        self.devices.push(device);
    }

    /// Removes a device, because it has the active session.
    pub(super) fn forget(&mut self, device: DeviceHash) {
        self.devices.retain(|known| *known != device);
    }

    /// Adapts the instants to a clock that was set back to `now`: none in the future extends a
    /// pause, or keeps a number from being shown.
    pub(super) fn set_back(&mut self, now: Timestamp) {
        if let Some(denials) = &mut self.denials {
            denials.set_back(now);
        }
        let take_overs = self.take_overs.as_mut().map(|events| &mut events.window);
        for window in self.supersessions.iter_mut().chain(take_overs) {
            set_back(&mut window.started_at, now);
        }
        let opened = self.take_overs.as_mut().and_then(|t| t.opened.as_mut());
        if let Some(opened) = opened {
            set_back(&mut opened.taken_at, now);
        }
        for choices in &mut self.recent_choices {
            set_back(&mut choices.at, now);
        }
    }
}

fn set_back(at: &mut Timestamp, now: Timestamp) {
    if at.is_ahead_of(now) {
        *at = now;
    }
}

/// The first 128 bits of the hash of a device id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceHash([u8; 16]);

impl DeviceHash {
    /// Shortens the hash of a device id.
    #[must_use]
    pub fn of(id: &DeviceId) -> Self {
        let bytes = id.as_bytes();
        Self(std::array::from_fn(|index| bytes[index]))
    }

    /// Restores a stored hash.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// The three numbers of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecentChoices {
    /// The time of the attempt.
    pub at: Timestamp,
    /// The numbers.
    pub choices: [u8; NumberMatch::CHOICES],
}

/// The logins that were denied or not answered. Each denial starts a pause in which no further login
/// may ask, and which grows with each one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Denials {
    /// The number of denials.
    pub count: u32,
    /// The number of unanswered logins since the last denial.
    pub unanswered: u32,
    /// The start of the last pause.
    pub paused_at: Option<Timestamp>,
    /// The time of the last denied or unanswered login.
    pub last_at: Timestamp,
}

impl Denials {
    /// The pauses after the first, the second and each further denial.
    pub const PAUSES: [Duration; 3] = [
        Duration::from_mins(1),
        Duration::from_mins(5),
        Duration::from_mins(30),
    ];

    /// The time without a denial after which the count is zero again.
    pub const MEMORY: Duration = Duration::from_hours(24);

    /// As many unanswered logins count as one denial.
    pub const UNANSWERED: u32 = 3;

    /// Counts a denied login.
    pub(super) fn denied(previous: Option<Self>, at: Timestamp) -> Self {
        Self {
            count: Self::remembered(previous, at).count.saturating_add(1),
            unanswered: 0,
            paused_at: Some(at),
            last_at: at,
        }
    }

    /// Counts a login that nobody answered.
    pub(super) fn unanswered(previous: Option<Self>, at: Timestamp) -> Self {
        let before = Self::remembered(previous, at);
        if before.unanswered + 1 >= Self::UNANSWERED {
            return Self::denied(previous, at);
        }
        Self {
            unanswered: before.unanswered + 1,
            last_at: at,
            ..before
        }
    }

    /// The end of the last pause.
    #[must_use]
    pub fn pause_ends_at(&self) -> Option<Timestamp> {
        let index = usize::try_from(self.count.checked_sub(1)?).unwrap_or(usize::MAX);
        let pause = Self::PAUSES[index.min(Self::PAUSES.len() - 1)];
        Some(self.paused_at?.plus(pause))
    }

    fn remembered(previous: Option<Self>, at: Timestamp) -> Self {
        let nothing = Self {
            count: 0,
            unanswered: 0,
            paused_at: None,
            last_at: at,
        };
        previous
            .filter(|denials| at.since(denials.last_at) < Self::MEMORY)
            .unwrap_or(nothing)
    }

    fn set_back(&mut self, now: Timestamp) {
        set_back(&mut self.last_at, now);
        if let Some(paused_at) = &mut self.paused_at {
            set_back(paused_at, now);
        }
    }
}

/// Events that are counted from the first one on, for a fixed time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The time of the first event.
    pub started_at: Timestamp,
    /// The number of events since then.
    pub count: u32,
}

impl Window {
    /// The time until the end of the window. `None` if it has ended. A window that starts in the
    /// future, because the clock was set back, counts as started now, until [`LoginHistory::set_back`]
    /// has adapted it: a step of the clock must not end a limit.
    pub(super) fn remaining(&self, length: Duration, now: Timestamp) -> Option<Duration> {
        remaining(self.started_at, length, now)
    }

    /// Counts one more event, in a new window if the previous one has ended.
    pub(super) fn counted(previous: Option<Self>, length: Duration, now: Timestamp) -> Self {
        match previous {
            Some(window) if window.remaining(length, now).is_some() => Self {
                count: window.count.saturating_add(1),
                ..window
            },
            _ => Self {
                started_at: now,
                count: 1,
            },
        }
    }
}

/// The take-overs in one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakeOvers {
    /// The number of take-overs.
    pub window: Window,
    /// The device that had the active session before the first take-over, if it has an id. If a
    /// take-over of an earlier window opened that session, it is the incumbent of that window.
    pub incumbent: Option<DeviceHash>,
    /// The session that the last take-over opened, or a later one that counts as opened by it:
    /// because its device replaced its own session, because that session approved it, or because
    /// another device than the incumbent logged in without a conflict within [`TakeOvers::MEMORY`].
    /// `None` if the fight is over: the incumbent or the service has opened or approved a session
    /// since.
    pub opened: Option<TakenSession>,
}

/// A session that a take-over opened, or that counts as opened by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakenSession {
    /// The session's key.
    pub key: SessionKey,
    /// The time of the take-over. A later session that counts as opened by it keeps this time.
    pub taken_at: Timestamp,
}

impl TakenSession {
    /// The time until a limit of this length since the take-over has passed. `None` if it has. A
    /// take-over in the future counts as one of now, as in a [`Window`].
    pub(super) fn remaining(&self, length: Duration, now: Timestamp) -> Option<Duration> {
        remaining(self.taken_at, length, now)
    }
}

fn remaining(started_at: Timestamp, length: Duration, now: Timestamp) -> Option<Duration> {
    let ends_at = started_at.min(now).plus(length);
    (now < ends_at).then(|| ends_at.since(now))
}

impl TakeOvers {
    /// The time since the first take-over in which a login without a conflict, by another device
    /// than the incumbent, counts as the continuation of the last take-over.
    pub const MEMORY: Duration = Duration::from_hours(24);
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_750_000_000_000);

    fn pause(denials: &Denials) -> Duration {
        denials.pause_ends_at().unwrap().since(denials.last_at)
    }

    #[test]
    fn the_pause_grows_with_each_denial_and_the_count_is_zero_after_a_day() {
        let mut denials = None;
        let mut at = START;
        for minutes in [1, 5, 30, 30] {
            let denied = Denials::denied(denials, at);
            assert_eq!(pause(&denied), Duration::from_mins(minutes));
            at = at.plus(Duration::from_hours(1));
            denials = Some(denied);
        }
        let next_day = at.plus(Duration::from_hours(23));
        assert_eq!(Denials::denied(denials, next_day).count, 1);
    }

    #[test]
    fn three_unanswered_logins_count_as_one_denial() {
        let first = Denials::unanswered(None, START);
        let second = Denials::unanswered(Some(first), START);
        assert_eq!((second.count, second.pause_ends_at()), (0, None));
        let third = Denials::unanswered(Some(second), START);
        assert_eq!((third.count, third.unanswered), (1, 0));
        assert_eq!(pause(&third), Duration::from_mins(1));
    }

    #[test]
    fn a_pause_in_the_future_is_not_extended() {
        let mut denials = Denials::denied(None, START);
        let set_back = START.minus(Duration::from_hours(1));
        denials.set_back(set_back);
        assert_eq!(
            denials.pause_ends_at(),
            Some(set_back.plus(Duration::from_mins(1)))
        );
    }

    #[test]
    fn a_window_in_the_future_starts_now() {
        let length = Duration::from_mins(10);
        let window = Window::counted(None, length, START);
        assert_eq!(window.remaining(length, START), Some(length));
        assert_eq!(window.remaining(length, START.plus(length)), None);
        let set_back = START.minus(Duration::from_hours(1));
        assert_eq!(window.remaining(length, set_back), Some(length));

        let mut history = LoginHistory {
            supersessions: Some(window),
            ..LoginHistory::default()
        };
        history.set_back(set_back);
        let adapted = history.supersessions.unwrap();
        assert_eq!(adapted.remaining(length, set_back.plus(length)), None);
    }
}
