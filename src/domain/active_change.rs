//! Which session of a user became active, and which one no longer is.

use super::{Ended, Session, SessionKey, Status, Timestamp, UserState};

/// The effect of a transition on the active session of its user. Only sessions that are or were
/// active count: a pending session that is denied has no effect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActiveChange {
    /// The session that was active and has ended. It ended before `activated` became active.
    pub ended: Option<EndedSession>,
    /// The session that became active.
    pub activated: Option<ActivatedSession>,
}

/// A session that was active and has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndedSession {
    /// The key of the session.
    pub key: SessionKey,
    /// The end.
    pub end: Ended,
}

/// A session that became active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActivatedSession {
    /// The key of the session.
    pub key: SessionKey,
    /// The time when it became active.
    pub at: Timestamp,
    /// When the session expires if no further request is made with its token.
    pub expires_at: Timestamp,
}

impl ActiveChange {
    /// Compares two states of a user. `written` contains the sessions that changed in between, and
    /// `now` is the time of the change.
    #[must_use]
    pub fn between<'a>(
        before: &UserState,
        after: &UserState,
        mut written: impl Iterator<Item = &'a Session>,
        now: Timestamp,
    ) -> Self {
        let key = |state: &UserState| state.active.as_ref().map(|session| session.key);
        let (old, new) = (key(before), key(after));
        if old == new {
            return Self::default();
        }
        let ended = old.and_then(|old| {
            written.find_map(|session| match session.status {
                Status::Ended(end) if session.key == old => Some(EndedSession { key: old, end }),
                _ => None,
            })
        });
        let activated = after.active.as_ref().map(|session| ActivatedSession {
            key: session.key,
            at: now,
            expires_at: session.expires_at(),
        });
        Self { ended, activated }
    }

    /// Returns true if no session became active or ended.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ended.is_none() && self.activated.is_none()
    }
}
