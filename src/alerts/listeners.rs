//! The sessions whose devices listen: those with an open stream of alerts on this node.

use std::collections::{HashMap, HashSet};

use parking_lot::Mutex;

use crate::domain::SessionKey;

/// The number of open streams of each session that has any. Each entry belongs to open streams, so
/// the limits on connections bound their number.
#[derive(Debug, Default)]
pub(super) struct Listeners(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    streams: HashMap<SessionKey, u32>,
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
            counts.changed.insert(session);
        }
    }

    /// Counts a stream that closes.
    pub(super) fn close(&self, session: SessionKey) {
        let mut counts = self.0.lock();
        let Some(streams) = counts.streams.get_mut(&session) else {
            return;
        };
        *streams -= 1;
        if *streams == 0 {
            counts.streams.remove(&session);
            counts.changed.insert(session);
        }
    }

    /// Returns true if a stream of the session is open.
    pub(super) fn contains(&self, session: SessionKey) -> bool {
        self.0.lock().streams.contains_key(&session)
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
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_session_listens_from_its_first_stream_to_its_last_one() {
        let session = SessionKey::new(Uuid::from_u128(1));
        let listeners = Listeners::default();
        assert!(!listeners.contains(session));
        listeners.open(session);
        listeners.open(session);
        assert_eq!(listeners.take_changes(), [(session, true)]);
        listeners.close(session);
        assert!(listeners.contains(session));
        assert!(listeners.take_changes().is_empty());
        listeners.close(session);
        assert!(!listeners.contains(session));
        assert_eq!(listeners.take_changes(), [(session, false)]);
        assert!(listeners.0.lock().streams.is_empty());
    }
}
