//! Instants in the future, because the clock was set back after they were recorded.

use super::Draft;
use crate::domain::{Session, SessionKey, rules::SessionWrite};

impl Draft<'_> {
    /// Adapts the user to a clock that was set back: no limit of a current session, no pause and no
    /// freeze is extended, and no conflict in the future silences an alert later.
    pub(super) fn set_back_current(&mut self) {
        let now = self.now();
        let conflicts = &mut self.next.recent_conflicts;
        conflicts.retain(|conflict| !conflict.at.is_ahead_of(now));
        self.next.history.set_back(now);
        if let Some(freeze) = &mut self.next.freeze {
            freeze.set_back(now);
        }
        for session in self.next.active.iter_mut().chain(&mut self.next.pending) {
            if session.set_back(now) {
                self.set_back.push(session.key);
            }
        }
    }

    /// The write of a session that was current before this transition.
    pub(super) fn change(&self, session: Session) -> SessionWrite {
        if self.set_back.contains(&session.key) {
            SessionWrite::SetBack(session)
        } else {
            SessionWrite::Change(session)
        }
    }

    /// Writes the sessions that were set back and have not changed otherwise.
    pub(super) fn write_set_back(&mut self) {
        let is_written = |key: SessionKey| {
            let mut written = self.sessions.iter().map(SessionWrite::session);
            written.any(|session| session.key == key)
        };
        let unwritten: Vec<_> = self
            .set_back
            .iter()
            .filter(|key| !is_written(**key))
            .filter_map(|key| self.next.current(*key).cloned())
            .map(SessionWrite::SetBack)
            .collect();
        self.sessions.extend(unwritten);
    }
}
