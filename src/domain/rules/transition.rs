//! Transitions: the changes that one command makes to one user.

use crate::domain::{Alert, AlertKind, Session, SessionKey, Status, UserState};

/// The changes that one command makes to one user. A store commits all of them or none.
#[derive(Debug, Clone)]
pub struct Transition {
    /// The user's state after the transition.
    pub next: UserState,
    /// The sessions to write, each at most once.
    pub sessions: Vec<SessionWrite>,
    /// The alerts to append to the user's log.
    pub alerts: Vec<Alert>,
}

impl Transition {
    /// Whether the transition changes `state`, which must be the state before the command. If not,
    /// no commit is necessary.
    #[must_use]
    pub fn changes(&self, state: &UserState) -> bool {
        self.next.version != state.version
    }

    /// Whether the transition approves the pending session with this key.
    #[must_use]
    pub fn approves(&self, key: SessionKey) -> bool {
        self.alerts
            .iter()
            .any(|alert| alert.kind == AlertKind::LoginApproved && alert.concerns(key))
    }

    /// The session that the session with this key replaces, if the transition ends one for it.
    #[must_use]
    pub fn replaced_by(&self, key: SessionKey) -> Option<SessionKey> {
        let mut written = self.sessions.iter().map(SessionWrite::session);
        let replaced = written.find(|session| match session.status {
            Status::Ended(ended) => ended.replaced_by == Some(key),
            Status::Active | Status::Pending { .. } => false,
        });
        replaced.map(|session| session.key)
    }

    /// The session with this key, if the transition writes it.
    #[must_use]
    pub fn session(&self, key: SessionKey) -> Option<&Session> {
        self.sessions
            .iter()
            .map(SessionWrite::session)
            .find(|session| session.key == key)
    }
}

/// One session to write, in its new state.
#[derive(Debug, Clone)]
pub enum SessionWrite {
    /// Inserts a new session.
    Open(Session),
    /// Updates the status and the last-seen time of a stored session.
    Change(Session),
    /// Updates the token of a pending session, and the user agent and the address of its device.
    /// The device's id stays. Also writes its instants, which are earlier if the clock was set
    /// back.
    Renew(Session),
    /// Ends a session whose idle timeout has passed. If the store has recorded a later request than
    /// `last_seen_at`, it rejects the whole commit as stale.
    ExpireIdle(Session),
    /// Updates a stored session as [`Self::Change`] does, and also its instants: the clock was set
    /// back, and they were in the future. A last-seen time that the store has recorded since is
    /// overwritten, which is safe: the session then expires earlier, by less than a minute.
    SetBack(Session),
}

impl SessionWrite {
    /// The session in its new state.
    #[must_use]
    pub const fn session(&self) -> &Session {
        match self {
            Self::Open(session)
            | Self::Change(session)
            | Self::Renew(session)
            | Self::ExpireIdle(session)
            | Self::SetBack(session) => session,
        }
    }
}
