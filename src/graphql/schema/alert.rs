//! Alerts, and the logins that cause them.

use std::net::IpAddr;

use async_graphql::{Context, Enum, ID, Object};
use tokio::sync::OnceCell;

use super::{
    super::{errors::ForClient, messages},
    count,
    device::Device,
    place::Place,
    scalars::DateTime,
    service,
    session::Session,
};
use crate::{
    access::{Caller, Visibility},
    domain::{self, AlertKind, NumberMatch, Owner, SessionKey},
    service::{Error, Service},
};

/// An alert, and how much of its user the caller may see.
pub(in crate::graphql) struct SessionAlert {
    alert: domain::Alert,
    /// The alert with the present device of its attempt, once a field has needed it.
    present: OnceCell<domain::Alert>,
    owner: Owner,
    visibility: Visibility,
    is_for_subscriber: bool,
}

impl SessionAlert {
    pub(super) fn new(mut alert: domain::Alert, owner: Owner, visibility: Visibility) -> Self {
        if visibility != Visibility::Full {
            // A waiting session must not learn about logins of other devices.
            alert.folded_count = 0;
        }
        Self {
            alert,
            present: OnceCell::new(),
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

    /// Whether the caller may see all of the alert.
    pub(in crate::graphql) fn is_shown_whole(&self) -> bool {
        self.visibility == Visibility::Full
    }

    /// The mobile number of the alert's user.
    pub(in crate::graphql) fn mobile_number(&self) -> &str {
        self.owner.mobile.as_str()
    }

    /// Returns the session that the alert is about, if it is there.
    pub(in crate::graphql) async fn find_session(
        &self,
        service: &Service,
    ) -> Result<Option<domain::Session>, Error> {
        match self.alert.session {
            Some(key) => self.load_session(service, key).await,
            None => Ok(None),
        }
    }

    /// Returns the numbers among which the caller selects, if the alert asks the caller to decide on
    /// its login and the login still waits.
    pub(in crate::graphql) async fn match_choices(
        &self,
        service: &Service,
        caller: &Caller,
    ) -> Result<Option<[u8; NumberMatch::CHOICES]>, Error> {
        match &self.alert.attempt {
            Some(attempt) if self.is_question() => {
                service
                    .match_choices(caller, attempt.id, self.is_for_subscriber)
                    .await
            }
            _ => Ok(None),
        }
    }

    /// Whether the alert asks the caller to decide on its login.
    fn is_question(&self) -> bool {
        self.alert.kind == AlertKind::LoginPending && self.is_shown_whole()
    }

    async fn load_session(
        &self,
        service: &Service,
        key: SessionKey,
    ) -> Result<Option<domain::Session>, Error> {
        if self.is_for_subscriber {
            service.session_for_subscriber(self.alert.user, key).await
        } else {
            service.session(self.alert.user, key).await
        }
    }

    /// The alert with the present device of its attempt. If the device of a waiting login has asked
    /// again from another address, the person who decides must see that address, and the mark that
    /// it deserves.
    pub(in crate::graphql) async fn present(
        &self,
        service: &Service,
    ) -> Result<&domain::Alert, Error> {
        let Some(key) = self.alert.renewable_session() else {
            return Ok(&self.alert);
        };
        let load = async || {
            let alert = self.alert.clone();
            let Some(session) = self.load_session(service, key).await? else {
                return Ok(alert);
            };
            let place = self
                .present_newness(service, session.device.address)
                .await?;
            Ok(alert.with_device(&session.device, place))
        };
        self.present.get_or_try_init(load).await
    }

    /// Whether `address` is in another country than the active session, as the alert shows it. That
    /// of the alert stays if the address is the same: the file of places may have changed since.
    async fn present_newness(
        &self,
        service: &Service,
        address: IpAddr,
    ) -> Result<Option<bool>, Error> {
        let shown = self.alert.attempt.as_ref();
        if let Some(shown) = shown.filter(|shown| shown.address == address) {
            return Ok(shown.newness.place);
        }
        let Some(active) = self.alert.session else {
            return Ok(None);
        };
        let active = self.load_session(service, active).await?;
        Ok(active.and_then(|active| service.is_new_place(active.device.address, address)))
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
        count(self.alert.sequence)
    }

    /// The kind of the alert.
    async fn kind(&self) -> SessionAlertKind {
        self.alert.kind.into()
    }

    /// One sentence in English to show to a person. It may change, so programs should use `kind`.
    /// Words that the other device chose freely are quoted, and isolated with U+2068 and U+2069 if
    /// they are written from right to left.
    async fn message(&self, context: &Context<'_>) -> async_graphql::Result<String> {
        let alert = self.present(service(context)).await.for_client()?;
        Ok(messages::alert(alert))
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
    /// otherwise the session that ended. Null for `ACCOUNT_UNFROZEN`, for `ACCOUNT_FROZEN` if no
    /// session was open, and if the server has removed the session since.
    async fn session(&self, context: &Context<'_>) -> async_graphql::Result<Option<Session>> {
        let found = self.find_session(service(context)).await.for_client()?;
        Ok(found.map(|session| Session::new(session, self.visibility)))
    }

    /// The login that caused the alert, or that opened the waiting session which the alert is
    /// about. Null if there is no such login. If the device of a waiting login asks again, a
    /// `LOGIN_PENDING` alert shows the latest user agent and address of that device, and whether
    /// that place is new. If its label or its country is another one, a further `LOGIN_PENDING`
    /// with the same attempt is raised at once.
    async fn attempt(&self, context: &Context<'_>) -> async_graphql::Result<Option<LoginAttempt>> {
        let alert = self.present(service(context)).await.for_client()?;
        Ok(alert.attempt.as_ref().map(|attempt| LoginAttempt {
            attempt: attempt.clone(),
            is_question: self.is_question(),
            is_for_subscriber: self.is_for_subscriber,
        }))
    }

    /// The number of refused logins since the previous alert that raised no alert of their own,
    /// because the user had too many alerts in one minute (`--max-alerts-per-minute`). 0 as a rule.
    /// If no other alert follows within that minute, a `LOGIN_REFUSED` alert reports them, and its
    /// `attempt` is the last of them.
    async fn folded_count(&self) -> i32 {
        count(self.alert.folded_count)
    }
}

/// The login of an alert.
pub(super) struct LoginAttempt {
    attempt: domain::Attempt,
    /// Whether the alert asks the caller to decide on the login.
    is_question: bool,
    is_for_subscriber: bool,
}

/// The login that caused an alert, or that opened the waiting session which the alert is about.
#[Object]
impl LoginAttempt {
    /// The attempt's id. Pass it as `attemptId` to `decideLogin` while the login waits for
    /// approval.
    async fn id(&self) -> ID {
        self.attempt.id.to_string().into()
    }

    /// The user agent that the login sent, at most 512 characters.
    async fn user_agent(&self) -> &str {
        self.attempt.user_agent.as_str()
    }

    /// The device that `userAgent` describes.
    async fn device(&self) -> Device {
        Device::of(&self.attempt.user_agent)
    }

    /// The IPv4 or IPv6 address that the login came from, in canonical form.
    async fn ip_address(&self) -> String {
        self.attempt.address.to_string()
    }

    /// The place of `ipAddress`. Null if it is not known, or if the server has no `--geoip-file`.
    async fn place(&self, context: &Context<'_>) -> Option<Place> {
        service(context).place(self.attempt.address).map(Into::into)
    }

    /// Whether the login came from another country than the login of the active session. Null if
    /// one of the two is not known, in alerts about the end of a waiting login or the decision on
    /// it, and in an alert that only reports refused logins of before (`foldedCount`).
    async fn is_new_place(&self) -> Option<bool> {
        self.attempt.newness.place
    }

    /// Whether no session of the user was ever active on this device. The server remembers a user's
    /// last 16 devices. Null if the login sent no `deviceId`, and in the same alerts as
    /// `isNewPlace`.
    async fn is_new_device(&self) -> Option<bool> {
        self.attempt.newness.device
    }

    /// Three numbers in ascending order, one of which the waiting device shows. Let the person
    /// select it, and pass it as `matchNumber` to `decideLogin`. Null if the login does not wait any
    /// more, if the caller may not decide on it, or if the server has number matching turned off.
    async fn match_choices(
        &self,
        context: &Context<'_>,
    ) -> async_graphql::Result<Option<Vec<i32>>> {
        if !self.is_question {
            return Ok(None);
        }
        let caller = context.data_unchecked::<Caller>();
        let choices = service(context)
            .match_choices(caller, self.attempt.id, self.is_for_subscriber)
            .await
            .for_client()?;
        Ok(choices.map(|choices| choices.map(i32::from).to_vec()))
    }

    /// The time of the login.
    async fn created_at(&self) -> DateTime {
        DateTime(self.attempt.created_at)
    }
}

/// The kind of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(in crate::graphql) enum SessionAlertKind {
    /// A login from another device was refused.
    LoginRefused,
    /// A login from another device waits for approval. Approve or deny it with `decideLogin`.
    LoginPending,
    /// The waiting login was approved.
    LoginApproved,
    /// The waiting login was denied, was not approved in time, or was replaced by a later login, or
    /// the session that could have approved it ended.
    LoginNotApproved,
    /// A new login, from another device or from the same device, replaced the session.
    SessionReplaced,
    /// `invalidateSession` ended the session. `session { endedBy }` is who called it. `attempt` is
    /// the login if the session waited: with `ITSELF`, the device has withdrawn it.
    SessionInvalidated,
    /// The session expired: its idle timeout or its lifetime passed.
    SessionExpired,
    /// The session ended because the user's password changed.
    PasswordChanged,
    /// The user was frozen. No session is valid, and no login succeeds. If sessions were open, each
    /// has an alert of its own.
    AccountFrozen,
    /// The service unfroze the user.
    AccountUnfrozen,
}

impl From<AlertKind> for SessionAlertKind {
    fn from(kind: AlertKind) -> Self {
        match kind {
            AlertKind::LoginRefused => Self::LoginRefused,
            AlertKind::LoginPending => Self::LoginPending,
            AlertKind::LoginApproved => Self::LoginApproved,
            AlertKind::LoginNotApproved => Self::LoginNotApproved,
            AlertKind::SessionReplaced => Self::SessionReplaced,
            AlertKind::SessionInvalidated(_) => Self::SessionInvalidated,
            AlertKind::SessionExpired => Self::SessionExpired,
            AlertKind::PasswordChanged => Self::PasswordChanged,
            AlertKind::AccountFrozen => Self::AccountFrozen,
            AlertKind::AccountUnfrozen => Self::AccountUnfrozen,
        }
    }
}
