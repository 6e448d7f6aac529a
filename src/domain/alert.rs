use std::net::IpAddr;

use super::{AlertId, AttemptId, SessionKey, Timestamp, UserAgent, UserId};

/// One entry in a user's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    pub user: UserId,
    /// Its place in the log: 1, 2, 3 and so on without a gap.
    pub sequence: u64,
    pub kind: AlertKind,
    pub created_at: Timestamp,
    /// The session that held its place, waited, was put aside, or ended.
    pub session: SessionKey,
    /// The login that caused the alert.
    pub attempt: Option<Attempt>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AlertKind {
    LoginRefused,
    LoginPending,
    LoginApproved,
    LoginNotApproved,
    SessionReplaced,
    SessionInvalidated,
    SessionExpired,
    PasswordChanged,
}

/// A login on a second device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    pub id: AttemptId,
    /// The session that the login opened or asked for; none where it was refused.
    pub session: Option<SessionKey>,
    pub user_agent: UserAgent,
    pub address: IpAddr,
    pub created_at: Timestamp,
}

impl Alert {
    #[must_use]
    pub const fn id(&self) -> AlertId {
        AlertId {
            user: self.user,
            sequence: self.sequence,
        }
    }

    /// Whether the alert is about this session. One about the session that stands in its way is not.
    #[must_use]
    pub fn concerns(&self, session: SessionKey) -> bool {
        self.session == session
    }
}
