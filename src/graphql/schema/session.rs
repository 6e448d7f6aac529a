//! Sessions and their devices.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object};

use super::{
    super::errors::{ForClient, to_client},
    device::Device,
    place::Place,
    scalars::DateTime,
    service,
    user::User,
};
use crate::{
    access::{Caller, MissingScope, Scope, Visibility},
    domain::{self, EndReason, Ended, Stage},
};

/// A session, and how much of its user the caller may see. It is small and cheap to clone, because
/// it is moved into the future of each of its fields.
#[derive(Clone)]
pub(super) struct Session {
    record: Arc<domain::Session>,
    visibility: Visibility,
    /// Whether the caller has opened the session with this request.
    is_new: bool,
}

impl Session {
    pub(super) fn new(session: impl Into<Arc<domain::Session>>, visibility: Visibility) -> Self {
        Self {
            record: session.into(),
            visibility,
            is_new: false,
        }
    }

    /// The session that the caller has opened with this request. So the caller is about to have its
    /// token.
    pub(super) fn opened(session: domain::Session, visibility: Visibility) -> Self {
        Self {
            is_new: true,
            ..Self::new(session, visibility)
        }
    }

    /// The session's number among those of its user.
    pub(super) fn number(&self) -> u64 {
        self.record.number
    }

    pub(super) fn user_id(&self) -> domain::UserId {
        self.record.owner.id
    }

    fn ended(&self, context: &Context<'_>) -> Option<Ended> {
        match self.record.stage(service(context).now()) {
            Stage::Ended(ended) => Some(ended),
            Stage::Pending | Stage::Active => None,
        }
    }
}

/// A user's session on one device.
#[Object]
impl Session {
    /// The session's globally unique id: the same as `sessionKey`.
    pub(super) async fn id(&self) -> ID {
        self.record.key.to_string().into()
    }

    /// The session's key, a UUID. It is not a secret: only the token gives access to the session.
    /// The keys of one user's sessions begin with the same characters, which come from the user's
    /// id. Sessions of earlier releases have other keys, which stay valid.
    async fn session_key(&self) -> ID {
        self.record.key.to_string().into()
    }

    /// The user of the session. Fails with `FORBIDDEN` if the caller is the service without the scope
    /// `read`.
    #[expect(clippy::unused_async, reason = "a resolver of async-graphql is async")]
    async fn user(&self) -> async_graphql::Result<User> {
        if let Visibility::WithoutUser(_) = self.visibility {
            return Err(to_client(MissingScope(Scope::Read).into()));
        }
        Ok(User::from_owner(self.record.owner.clone(), self.visibility))
    }

    /// The user agent that the login sent, at most 512 characters.
    async fn user_agent(&self) -> &str {
        self.record.device.user_agent.as_str()
    }

    /// The device that `userAgent` describes.
    async fn device(&self) -> Device {
        Device::of(&self.record.device.user_agent)
    }

    /// The IPv4 or IPv6 address that the login came from, in canonical form.
    async fn ip_address(&self) -> String {
        self.record.device.address.to_string()
    }

    /// The place of `ipAddress`. Null if it is not known, or if the server has no `--geoip-file`.
    async fn place(&self, context: &Context<'_>) -> Option<Place> {
        service(context)
            .place(self.record.device.address)
            .map(Into::into)
    }

    /// The number to show on the waiting device, from 10 to 99. Null unless the session waits for
    /// approval and the caller is this session, or has opened it with this `login`. Also null if the
    /// server has number matching turned off.
    async fn match_number(&self, context: &Context<'_>) -> Option<i32> {
        let matching = self.record.matching()?;
        let is_own = self.is_new
            || matches!(context.data_unchecked(), Caller::Session(own)
                if own.token_hash == self.record.token_hash);
        let is_waiting = self.record.stage(service(context).now()) == Stage::Pending;
        (is_own && is_waiting).then(|| matching.number().into())
    }

    /// Whether the device has an open `sessionAlerts` stream, so that it shows alerts at once. It may
    /// stay true for 30 seconds after the connection was lost. Null if it cannot be read.
    async fn is_listening(&self, context: &Context<'_>) -> Option<bool> {
        let service = service(context);
        if matches!(self.record.stage(service.now()), Stage::Ended(_)) {
            return Some(false);
        }
        service.is_listening(&self.record).await
    }

    /// Whether the session is valid now, which means that its `status` is `ACTIVE`.
    async fn is_valid(&self, context: &Context<'_>) -> bool {
        self.record.is_valid(service(context).now())
    }

    /// The status of the session now.
    async fn status(&self, context: &Context<'_>) -> SessionStatus {
        self.record.stage(service(context).now()).into()
    }

    /// The time of the login.
    async fn created_at(&self) -> DateTime {
        DateTime(self.record.created_at)
    }

    /// The time of the last request with the session's token, accurate to one minute.
    async fn last_seen_at(&self) -> DateTime {
        DateTime(self.record.last_seen_at)
    }

    /// The time when the session expires: the end of its idle timeout or of its lifetime, whichever
    /// is earlier. While the session is `PENDING`, the end of its approval timeout. If the session
    /// has ended, use `endedAt` instead.
    async fn expires_at(&self) -> DateTime {
        DateTime(self.record.expires_at())
    }

    /// The time when the session ended. Null if it has not ended.
    async fn ended_at(&self, context: &Context<'_>) -> Option<DateTime> {
        self.ended(context).map(|ended| DateTime(ended.at))
    }

    /// The reason why the session ended. Null if it has not ended.
    async fn end_reason(&self, context: &Context<'_>) -> Option<SessionEndReason> {
        self.ended(context).map(|ended| ended.reason.into())
    }

    /// Who ended the session with `invalidateSession`. Null if `endReason` is not `INVALIDATED`.
    async fn ended_by(&self, context: &Context<'_>) -> Option<SessionEndedBy> {
        self.ended(context)?.reason.ended_by().map(Into::into)
    }

    /// The session that replaced this one. Null if `endReason` is not `REPLACED`, or if the caller
    /// may not see that session.
    async fn replaced_by(&self, context: &Context<'_>) -> async_graphql::Result<Option<Session>> {
        let Some(key) = self.ended(context).and_then(|ended| ended.replaced_by) else {
            return Ok(None);
        };
        if !self.visibility.shows_session(key) {
            return Ok(None);
        }
        let found = service(context)
            .session(self.record.owner.id, key)
            .await
            .for_client()?;
        Ok(found.map(|session| Self::new(session, self.visibility)))
    }
}

/// The status of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(in crate::graphql) enum SessionStatus {
    /// The session waits for approval from the device of the active session.
    Pending,
    /// The session is active, and its token is valid.
    Active,
    /// The session has ended, and its token is no longer valid.
    Ended,
}

impl From<Stage> for SessionStatus {
    fn from(stage: Stage) -> Self {
        match stage {
            Stage::Pending => Self::Pending,
            Stage::Active => Self::Active,
            Stage::Ended(_) => Self::Ended,
        }
    }
}

/// The reason why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(in crate::graphql) enum SessionEndReason {
    /// `invalidateSession` ended the session. `endedBy` is who called it.
    Invalidated,
    /// A new login, from another device or from the same device, replaced the session.
    Replaced,
    /// The session expired: its idle timeout or its lifetime passed.
    Expired,
    /// The session waited for approval, and was denied, was not approved in time, or was replaced
    /// by a later login, or the session that could have approved it ended.
    NotApproved,
    /// The user's password changed.
    PasswordChanged,
    /// The user was frozen.
    Frozen,
}

impl From<EndReason> for SessionEndReason {
    fn from(reason: EndReason) -> Self {
        match reason {
            EndReason::Invalidated(_) => Self::Invalidated,
            EndReason::Replaced => Self::Replaced,
            EndReason::Expired => Self::Expired,
            EndReason::NotApproved => Self::NotApproved,
            EndReason::PasswordChanged => Self::PasswordChanged,
            EndReason::Frozen => Self::Frozen,
        }
    }
}

/// Who ended a session with `invalidateSession`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::EndedBy")]
pub(in crate::graphql) enum SessionEndedBy {
    /// The session's own device.
    Itself,
    /// Another device of the user, which had the active session.
    OtherDevice,
    /// The service.
    Service,
}
