use async_graphql::{Context, Enum, ID, Object, SimpleObject};

use super::{errors::ForClient, scalars::DateTime, service, user::User};
use crate::{
    access::Visibility,
    domain::{self, DeviceDescription, Ended, Stage, UserAgent},
};

/// A session, as far as its viewer may see.
pub(super) struct Session {
    session: domain::Session,
    visibility: Visibility,
}

impl Session {
    pub(super) const fn new(session: domain::Session, visibility: Visibility) -> Self {
        Self {
            session,
            visibility,
        }
    }

    fn ended(&self, context: &Context<'_>) -> Option<Ended> {
        match self.session.stage(service(context).now()) {
            Stage::Ended(ended) => Some(ended),
            Stage::Pending | Stage::Active => None,
        }
    }
}

/// One device's stay, from its login to its end.
#[Object]
impl Session {
    /// The same as `sessionKey`.
    pub(super) async fn id(&self) -> ID {
        self.session.key.to_string().into()
    }

    /// Names the session. It is no secret: only the token, which is shown once, opens the session.
    async fn session_key(&self) -> ID {
        self.session.key.to_string().into()
    }

    /// Whose session it is.
    async fn user(&self) -> User {
        User::named(self.session.owner.clone(), self.visibility)
    }

    /// What the device's client says it is.
    async fn user_agent(&self) -> &str {
        self.session.device.user_agent.as_str()
    }

    /// What `userAgent` says of the device.
    async fn device(&self) -> Device {
        Device::of(&self.session.device.user_agent)
    }

    /// Where the login came from: an IPv4 or IPv6 address.
    async fn ip_address(&self) -> String {
        self.session.device.address.to_string()
    }

    /// Whether the session is active now: `status` is ACTIVE and `expiresAt` is ahead.
    async fn is_valid(&self, context: &Context<'_>) -> bool {
        self.session.is_valid(service(context).now())
    }

    /// Where the session stands now.
    async fn status(&self, context: &Context<'_>) -> SessionStatus {
        match self.session.stage(service(context).now()) {
            Stage::Pending => SessionStatus::Pending,
            Stage::Active => SessionStatus::Active,
            Stage::Ended(_) => SessionStatus::Ended,
        }
    }

    /// When the login was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.session.created_at)
    }

    /// The last request made with the session's token, up to a minute late.
    async fn last_seen_at(&self) -> DateTime {
        DateTime(self.session.last_seen_at)
    }

    /// When the session ends by itself: the earlier of its idle and its overall limit; while it is pending,
    /// when it stops waiting.
    async fn expires_at(&self) -> DateTime {
        DateTime(self.session.expires_at())
    }

    /// When the session ended; null where it has not.
    async fn ended_at(&self, context: &Context<'_>) -> Option<DateTime> {
        self.ended(context).map(|ended| DateTime(ended.at))
    }

    /// Why the session ended; null where it has not.
    async fn end_reason(&self, context: &Context<'_>) -> Option<SessionEndReason> {
        self.ended(context).map(|ended| ended.reason.into())
    }

    /// The session that took this one's place, where `endReason` is REPLACED.
    async fn replaced_by(&self, context: &Context<'_>) -> async_graphql::Result<Option<Session>> {
        let Some(key) = self.ended(context).and_then(|ended| ended.replaced_by) else {
            return Ok(None);
        };
        if !self.visibility.shows_session(key) {
            return Ok(None);
        }
        let found = service(context)
            .session(self.session.owner.id, key)
            .await
            .for_client()?;
        Ok(found.map(|session| Self::new(session, self.visibility)))
    }
}

/// What the user agent says of the device. A part that it does not say is null.
#[derive(SimpleObject)]
pub(super) struct Device {
    /// One line to show a person, such as `Firefox 128 on Windows`.
    label: String,
    /// Name and major version, such as `Firefox 128`.
    browser: Option<String>,
    /// Such as `Windows`, `Android` or `iPhone`.
    operating_system: Option<String>,
}

impl Device {
    pub(super) fn of(user_agent: &UserAgent) -> Self {
        let DeviceDescription {
            label,
            browser,
            operating_system,
        } = DeviceDescription::of(user_agent);
        Self {
            label,
            browser,
            operating_system,
        }
    }
}

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(super) enum SessionStatus {
    /// Waits for the active session's device to approve it.
    Pending,
    /// Its token is valid.
    Active,
    /// Its token opens nothing any more.
    Ended,
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::EndReason")]
pub(super) enum SessionEndReason {
    /// Ended by `invalidateSession`.
    Invalidated,
    /// Another device took over, or the same device logged in again.
    Replaced,
    /// Its idle or overall limit passed.
    Expired,
    /// It waited for approval and was not approved in time, or was denied.
    NotApproved,
    /// The user's password changed.
    PasswordChanged,
}
