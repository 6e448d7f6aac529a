use async_graphql::{Context, Enum, ID, Object, SimpleObject};

use super::{
    errors::{ForClient, to_client},
    messages,
    scalars::DateTime,
    service,
    session::{Device, Session},
};
use crate::{
    access::Visibility,
    domain::{self, Owner},
    service::{Error, Resource},
};

/// An alert, with what its viewer may see of the session that it is about.
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

    /// Where the store is away, this one waits: it will not come again.
    pub(super) const fn for_subscriber(mut self) -> Self {
        self.is_for_subscriber = true;
        self
    }
}

/// One entry in a user's alert log.
#[Object]
impl SessionAlert {
    /// Opaque, and unique among the alerts of all users. Give it as `after` to go on from here.
    pub(super) async fn id(&self) -> ID {
        self.alert.id().to_string().into()
    }

    /// The alert's place in its user's log: 1, 2, 3 and so on without a gap.
    async fn sequence(&self) -> i32 {
        i32::try_from(self.alert.sequence).unwrap_or(i32::MAX)
    }

    /// What happened.
    async fn kind(&self) -> SessionAlertKind {
        self.alert.kind.into()
    }

    /// One sentence to show a person.
    async fn message(&self) -> String {
        messages::alert(&self.alert)
    }

    /// When it happened.
    async fn created_at(&self) -> DateTime {
        DateTime(self.alert.created_at)
    }

    /// The number of the user whose log it is.
    async fn mobile(&self) -> &str {
        self.owner.mobile.as_str()
    }

    /// The session that the alert is about: the one that held its place, waited, was put aside, or ended.
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

    /// The login that caused the alert; null where none did.
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

/// A login on a second device.
#[derive(SimpleObject)]
pub(super) struct LoginAttempt {
    /// Give it to `decideLogin` while the login waits.
    id: ID,
    /// What the device's client says it is.
    user_agent: String,
    /// What `userAgent` says of the device.
    device: Device,
    /// Where the login came from: an IPv4 or IPv6 address.
    ip_address: String,
    /// When the login was made.
    created_at: DateTime,
}

/// What an alert says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::AlertKind")]
pub(super) enum SessionAlertKind {
    /// A second device tried to log in and was refused.
    LoginRefused,
    /// A second device waits for approval: answer with `decideLogin`.
    LoginPending,
    /// A login that waited was approved.
    LoginApproved,
    /// A login that waited was denied, or nobody answered in time.
    LoginNotApproved,
    /// A new login took this session's place: a second device's, or the same device's again.
    SessionReplaced,
    /// The session was ended by `invalidateSession`.
    SessionInvalidated,
    /// The session's idle or overall limit passed.
    SessionExpired,
    /// The session ended because the password changed.
    PasswordChanged,
}
