//! Alerts, and the logins that cause them.

use async_graphql::{Context, Enum, ID, Object, SimpleObject};

use super::{
    super::{
        errors::{ForClient, to_client},
        messages,
    },
    scalars::DateTime,
    service,
    session::{Device, Session},
};
use crate::{
    access::Visibility,
    domain::{self, Owner},
    service::{Error, Resource},
};

/// An alert, and how much of its user the caller may see.
pub(super) struct SessionAlert {
    alert: domain::Alert,
    owner: Owner,
    visibility: Visibility,
    is_for_subscriber: bool,
}

impl SessionAlert {
    pub(super) const fn new(alert: domain::Alert, owner: Owner, visibility: Visibility) -> Self {
        Self {
            alert,
            owner,
            visibility,
            is_for_subscriber: false,
        }
    }

    /// Makes the `session` field wait while the store is unavailable. A subscriber receives each
    /// alert only once, so it could not read the session again after an error.
    pub(super) const fn for_subscriber(mut self) -> Self {
        self.is_for_subscriber = true;
        self
    }
}

/// An entry in a user's alert log.
#[Object]
impl SessionAlert {
    /// The alert's opaque, globally unique id. Pass it as `after` to `sessionAlerts` to receive the
    /// alerts that follow.
    pub(super) async fn id(&self) -> ID {
        self.alert.id().to_string().into()
    }

    /// The alert's number in its user's log: 1, 2, 3 and so on without a gap.
    async fn sequence(&self) -> i32 {
        i32::try_from(self.alert.sequence).unwrap_or(i32::MAX)
    }

    /// The kind of the alert.
    async fn kind(&self) -> SessionAlertKind {
        self.alert.kind.into()
    }

    /// One sentence in English to show to a person. It may change, so programs should use `kind`.
    /// Words of the other device are quoted, and isolated with U+2068 and U+2069 if they are written
    /// from right to left.
    async fn message(&self) -> String {
        messages::alert(&self.alert)
    }

    /// The time when the alert was raised.
    async fn created_at(&self) -> DateTime {
        DateTime(self.alert.created_at)
    }

    /// The mobile number of the alert's user.
    async fn mobile(&self) -> &str {
        self.owner.mobile.as_str()
    }

    /// The session that the alert is about: the active session for `LOGIN_REFUSED` and
    /// `LOGIN_PENDING`, the session that waited for `LOGIN_APPROVED` and `LOGIN_NOT_APPROVED`, and
    /// otherwise the session that ended.
    async fn session(&self, context: &Context<'_>) -> async_graphql::Result<Session> {
        let service = service(context);
        let found = if self.is_for_subscriber {
            service.session_of_alert(&self.alert).await
        } else {
            service.session(self.alert.user, self.alert.session).await
        };
        let found = found.for_client()?;
        let session = found.ok_or_else(|| to_client(Error::NotFound(Resource::Session)))?;
        Ok(Session::new(session, self.visibility))
    }

    /// The login that caused the alert. Null if no login caused it.
    async fn attempt(&self) -> Option<LoginAttempt> {
        self.alert.attempt.as_ref().map(|attempt| LoginAttempt {
            id: attempt.id.to_string().into(),
            user_agent: attempt.user_agent.as_str().to_owned(),
            device: Device::of(&attempt.user_agent),
            ip_address: attempt.address.to_string(),
            created_at: DateTime(attempt.created_at),
        })
    }
}

/// The login that caused an alert.
#[derive(SimpleObject)]
pub(super) struct LoginAttempt {
    /// The attempt's id. Pass it as `attemptId` to `decideLogin` while the login waits for
    /// approval.
    id: ID,
    /// The user agent that the login sent, at most 512 characters.
    user_agent: String,
    /// The device that `userAgent` describes.
    device: Device,
    /// The IPv4 or IPv6 address that the login came from, in canonical form.
    ip_address: String,
    /// The time of the login.
    created_at: DateTime,
}

/// The kind of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::AlertKind")]
pub(super) enum SessionAlertKind {
    /// A login from another device was refused.
    LoginRefused,
    /// A login from another device waits for approval. Approve or deny it with `decideLogin`.
    LoginPending,
    /// The waiting login was approved.
    LoginApproved,
    /// The waiting login was denied, was not approved in time, or was replaced by a later login.
    LoginNotApproved,
    /// A new login, from another device or from the same device, replaced the session.
    SessionReplaced,
    /// `invalidateSession` ended the session.
    SessionInvalidated,
    /// The session expired: its idle timeout or its lifetime passed.
    SessionExpired,
    /// The session ended because the user's password changed.
    PasswordChanged,
}
