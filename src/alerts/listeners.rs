//! The sessions whose devices listen: those with an open stream of alerts on this node. Also those
//! that listened until a short time ago, because their devices are not away at once.

use std::collections::{HashMap, HashSet};

use parking_lot::Mutex;

use crate::domain::{SessionKey, Timestamp};

/// The maximum number of sessions that are remembered after they have ceased to listen. A further
/// one counts as away as if it had never listened. An entry has 24 bytes.
const MAX_FORMER: usize = 1 << 17;

/// The sessions with an open stream, and those that had one.
#[derive(Debug, Default)]
pub(super) struct Listeners(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// The number of open streams of each session that has any. The limits on connections bound the
    /// number of entries.
    streams: HashMap<SessionKey, u32>,
    /// The times when the last streams of other sessions were closed, at most [`MAX_FORMER`].
    former: HashMap<SessionKey, Timestamp>,
    /// The sessions that began or ceased to listen since [`Listeners::take_changes`] was last called.
    changed: HashSet<SessionKey>,
}

impl Listeners {
    /// Counts a stream that opens.
    pub(super) fn open(&self, session: SessionKey) {
        let mut counts = self.0.lock();
        let streams = counts.streams.entry(session).or_default();
        *streams += 1;
        if *streams == 1 {
            counts.former.remove(&session);
            counts.changed.insert(session);
        }
    }

    /// Counts a stream that closes.
    pub(super) fn close(&self, session: SessionKey, now: Timestamp) {
        let mut counts = self.0.lock();
        let Some(streams) = counts.streams.get_mut(&session) else {
            return;
        };
        *streams -= 1;
        if *streams == 0 {
            counts.streams.remove(&session);
            counts.changed.insert(session);
            if counts.former.len() < MAX_FORMER {
                counts.former.insert(session, now);
            }
        }
    }

    /// Returns true if a stream of the session is open.
    pub(super) fn contains(&self, session: SessionKey) -> bool {
        self.0.lock().streams.contains_key(&session)
    }

    /// Returns the last time when a stream of the session was open: `now` if one is. `None` if there
    /// was none, or if its end is forgotten.
    pub(super) fn last_open(&self, session: SessionKey, now: Timestamp) -> Option<Timestamp> {
        let counts = self.0.lock();
        if counts.streams.contains_key(&session) {
            return Some(now);
        }
        counts.former.get(&session).copied()
    }

    /// Forgets the streams that were closed before `before`. A time that is ahead of `now` was recorded
    /// before the clock was set back, and becomes `now`.
    pub(super) fn forget_closed(&self, before: Timestamp, now: Timestamp) {
        self.0.lock().former.retain(|_, closed_at| {
            if closed_at.is_ahead_of(now) {
                *closed_at = now;
            }
            *closed_at >= before
        });
    }

    /// Returns the sessions that began or ceased to listen since the last call, each with whether it
    /// listens now.
    pub(super) fn take_changes(&self) -> Vec<(SessionKey, bool)> {
        let mut counts = self.0.lock();
        let changed = std::mem::take(&mut counts.changed);
        let listens = |session: SessionKey| (session, counts.streams.contains_key(&session));
        changed.into_iter().map(listens).collect()
    }

    /// Adds sessions to the next [`Listeners::take_changes`], because they could not be written.
    pub(super) fn put_back(&self, sessions: impl IntoIterator<Item = SessionKey>) {
        self.0.lock().changed.extend(sessions);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_750_000_000_000);

    #[test]
    fn a_session_listens_from_its_first_stream_to_its_last_one() {
        let session = SessionKey::new(Uuid::from_u128(1));
        let listeners = Listeners::default();
        assert!(!listeners.contains(session));
        listeners.open(session);
        listeners.open(session);
        assert_eq!(listeners.take_changes(), [(session, true)]);
        listeners.close(session, START);
        assert!(listeners.contains(session));
        assert!(listeners.take_changes().is_empty());
        listeners.close(session, START);
        assert!(!listeners.contains(session));
        assert_eq!(listeners.take_changes(), [(session, false)]);
        assert!(listeners.0.lock().streams.is_empty());
    }

    #[test]
    fn the_end_of_the_last_stream_is_remembered_for_a_time() {
        let session = SessionKey::new(Uuid::from_u128(1));
        let listeners = Listeners::default();
        let now = START.plus(Duration::from_secs(9));
        assert_eq!(listeners.last_open(session, now), None);
        listeners.open(session);
        listeners.open(session);
        listeners.close(session, START);
        assert_eq!(listeners.last_open(session, now), Some(now));
        let end = START.plus(Duration::from_secs(1));
        listeners.close(session, end);
        listeners.forget_closed(end, now);
        assert_eq!(listeners.last_open(session, now), Some(end));
        listeners.open(session);
        listeners.forget_closed(now, now);
        assert_eq!(listeners.last_open(session, now), Some(now));
        listeners.close(session, end);

        // The clock is set back by an hour.
        let now = end.minus(Duration::from_hours(1));
        listeners.forget_closed(now.minus(Duration::from_mins(2)), now);
        assert_eq!(listeners.last_open(session, now), Some(now));
        let later = now.plus(Duration::from_millis(1));
        listeners.forget_closed(later, later);
        assert_eq!(listeners.last_open(session, later), None);
    }
}
