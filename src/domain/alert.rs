//! Alerts: the numbered log of a user's login conflicts and ended sessions.

use std::net::IpAddr;

use super::{
    AlertId, AttemptId, Device, EndReason, EndedBy, SessionKey, Timestamp, UserAgent, UserId,
};

/// One entry in a user's alert log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// The user whose log holds the alert.
    pub user: UserId,
    /// The alert's number in the log: 1, 2, 3 and so on without a gap.
    pub sequence: u64,
    /// The event that the alert reports.
    pub kind: AlertKind,
    /// The time of the event. For an expired session, this is the time when its limit passed.
    pub created_at: Timestamp,
    /// The session that the alert is about. [`AlertKind`] defines which one it is. `None` if the alert
    /// is about the user only.
    pub session: Option<SessionKey>,
    /// The login that caused the alert, or that opened the pending session that the alert is about.
    /// `None` if there is no such login.
    pub attempt: Option<Attempt>,
    /// The number of refused logins that raised no alert of their own since the previous alert,
    /// because the user had too many alerts in one minute. 0 as a rule.
    pub folded_count: u32,
}

/// The event that an alert reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AlertKind {
    /// A login on another device was refused. The alert is about the active session.
    LoginRefused,
    /// A login on another device waits for approval. The alert is about the active session.
    LoginPending,
    /// A pending login was approved. The alert is about its session, which is now active.
    LoginApproved,
    /// A pending login was denied, was not approved in time, or was superseded by another login, or
    /// the session that could have approved it ended. The alert is about the login's session, which
    /// has ended.
    LoginNotApproved,
    /// A new login replaced a session. The alert is about the session that has ended.
    SessionReplaced,
    /// A session was logged out. The alert is about that session. `None` as in
    /// [`EndReason::Invalidated`].
    SessionInvalidated(Option<EndedBy>),
    /// A session reached its idle timeout or the end of its lifetime. The alert is about that
    /// session.
    SessionExpired,
    /// A change of the password ended a session. The alert is about that session.
    PasswordChanged,
    /// The user was frozen. The alert is about a session that this ended, or about no session.
    AccountFrozen,
    /// The service unfroze the user. The alert is about no session.
    AccountUnfrozen,
}

impl AlertKind {
    /// The reason why the alert's session ended. `None` if the alert does not report the end of a
    /// session.
    ///
    /// The inverse of [`EndReason::alert_kind`].
    #[must_use]
    pub const fn end_reason(self) -> Option<EndReason> {
        match self {
            Self::LoginRefused
            | Self::LoginPending
            | Self::LoginApproved
            | Self::AccountUnfrozen => None,
            Self::LoginNotApproved => Some(EndReason::NotApproved),
            Self::SessionReplaced => Some(EndReason::Replaced),
            Self::SessionInvalidated(by) => Some(EndReason::Invalidated(by)),
            Self::SessionExpired => Some(EndReason::Expired),
            Self::PasswordChanged => Some(EndReason::PasswordChanged),
            Self::AccountFrozen => Some(EndReason::Frozen),
        }
    }
}

/// A login attempt, as alerts show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The attempt's id.
    pub id: AttemptId,
    /// The session that the login opened. `None` if the login was refused.
    pub session: Option<SessionKey>,
    /// The user agent of the device.
    pub user_agent: UserAgent,
    /// The network address of the device.
    pub address: IpAddr,
    /// The time of the login.
    pub created_at: Timestamp,
    /// What is new about the login.
    pub newness: Newness,
}

/// What is new about a login to its user, as it was at the login. Each part is `None` if it is not
/// known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Newness {
    /// Whether no session of the user was ever active on this device. `None` without a device id.
    pub device: Option<bool>,
    /// Whether the login came from another country than the login of the active session.
    pub place: Option<bool>,
}

impl Attempt {
    pub(super) fn new(
        id: AttemptId,
        session: Option<SessionKey>,
        device: &Device,
        created_at: Timestamp,
    ) -> Self {
        Self {
            id,
            session,
            user_agent: device.user_agent.clone(),
            address: device.address,
            created_at,
            newness: Newness::default(),
        }
    }
}

impl Alert {
    /// The session whose device may have changed since the alert was raised: while the login waits,
    /// another login of the same device renews it.
    #[must_use]
    pub fn renewable_session(&self) -> Option<SessionKey> {
        match self.kind {
            AlertKind::LoginPending => self.attempt.as_ref()?.session,
            _ => None,
        }
    }

    /// The alert with the present device of its [`Alert::renewable_session`]. `is_new_place` is
    /// that of the device's address. Whether the device is new stays, because only the same one
    /// renews a login.
    #[must_use]
    pub fn with_device(mut self, device: &Device, is_new_place: Option<bool>) -> Self {
        if let Some(attempt) = &mut self.attempt {
            attempt.user_agent = device.user_agent.clone();
            attempt.address = device.address;
            attempt.newness.place = is_new_place;
        }
        self
    }

    /// The alert's id, which is unique among the alerts of all users.
    #[must_use]
    pub const fn id(&self) -> AlertId {
        AlertId {
            user: self.user,
            sequence: self.sequence,
        }
    }

    /// Whether the alert is about this session. An alert about the active session does not concern
    /// the pending session, even if the pending login caused it.
    #[must_use]
    pub fn concerns(&self, session: SessionKey) -> bool {
        self.session == Some(session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_reason_has_its_own_alert_kind() {
        for reason in [
            EndReason::Invalidated(None),
            EndReason::Invalidated(Some(EndedBy::Itself)),
            EndReason::Invalidated(Some(EndedBy::OtherDevice)),
            EndReason::Invalidated(Some(EndedBy::Service)),
            EndReason::Replaced,
            EndReason::Expired,
            EndReason::NotApproved,
            EndReason::PasswordChanged,
            EndReason::Frozen,
        ] {
            assert_eq!(reason.alert_kind().end_reason(), Some(reason));
        }
    }
}
