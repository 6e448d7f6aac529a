//! The mutations.

use async_graphql::{Context, Object};

use super::{
    super::{
        cookies::CookieSlot,
        errors::{ForClient, invalid},
        messages,
    },
    check_scopes, cookie,
    inputs::{
        CreateUserInput, DecideLoginInput, DeleteUserInput, FreezeUserInput,
        InvalidateSessionInput, LoginInput, SetPasswordInput, UnfreezeUserInput,
    },
    login::{self, CompletedLogin},
    payloads::{
        CreateUserPayload, DecideLoginPayload, DeleteUserPayload, FreezeUserPayload,
        InvalidateSessionPayload, LoginPayload, SetPasswordPayload, UnfreezeUserPayload,
    },
    service,
    session::Session,
    user::User,
};
use crate::{
    access::{Caller, Scope, Visibility},
    domain::{
        AttemptId, FreezeReason, InputRule, Mobile, Password, SessionKey, TypedMobile, UserState,
        Username, rules::DecisionOutcome,
    },
    service::{CreateUser, DeviceInput, Freezing, Service, SetPassword},
};

/// Mutations of the sessiond API.
#[derive(Debug)]
pub(in crate::graphql) struct Mutation;

/// Mutations of the sessiond API.
#[Object]
impl Mutation {
    /// Registers a user and opens the user's first session, which is active. Fails with
    /// `MOBILE_TAKEN` if the mobile number belongs to another user, with `RATE_LIMITED` after too
    /// many attempts from one address, and with `FORBIDDEN` if the server lets only the service
    /// register users. Scope of a service key: `login`.
    async fn create_user(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The user and the device to register.")] input: CreateUserInput,
    ) -> async_graphql::Result<CreateUserPayload> {
        check_scopes(context, &[Scope::Login])?;
        let cookie = cookie::claim(context, input.cookie)?;
        let input = CreateUser {
            mobile: Mobile::parse(&input.mobile).for_client()?,
            username: Username::parse(&input.username).for_client()?,
            password: input
                .password
                .map(|text| Password::parse("password", text))
                .transpose()
                .for_client()?,
            device: DeviceInput {
                id: input.device_id,
                user_agent: input.user_agent,
                address: input.ip_address,
            },
        };
        let (user, opened) = service(context)
            .create_user(&caller_entering(context), context.data()?, input)
            .await
            .for_client()?;
        let (session, token) = cookie::session_and_token(opened, Visibility::Full, cookie);
        Ok(CreateUserPayload {
            message: messages::USER_CREATED.to_owned(),
            user: User::from_state(user, Visibility::Full),
            session,
            token,
        })
    }

    /// Opens a session on a device. If another device has a valid session, `onConflict` decides the
    /// outcome, and the other device is alerted. Repeated logins of one device that are refused, or
    /// that ask while it waits, raise one alert a minute. A device that has withdrawn its login, or
    /// whose waiting login has another label or country now, raises a further one at once. A device
    /// is identified by its `deviceId`, or by its user agent and address if it has none. A device
    /// without an id and without a user agent counts as another device at each login. All devices
    /// together raise at most `--max-alerts-per-minute` alerts about logins that are refused or ask
    /// in a minute that begins with its first alert: see `SessionAlert.foldedCount`. A login that
    /// replaces a session raises `SESSION_REPLACED` each time, which is not limited. Fails with
    /// `INVALID_CREDENTIALS` if the mobile number, name or password is wrong, with `FROZEN` if the
    /// user is frozen, and with `RATE_LIMITED` after too many failed logins, or if the login would
    /// ask for approval beyond that limit. Scope of a service key: `login`.
    async fn login(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The user and the device to log in.")] input: LoginInput,
    ) -> async_graphql::Result<LoginPayload> {
        check_scopes(context, &[Scope::Login])?;
        let cookie = cookie::claim(context, input.cookie)?;
        let result = if let Some(completed) = CompletedLogin::take(context) {
            completed
        } else {
            let input = input.into_login().for_client()?;
            let caller = caller_entering(context);
            service(context)
                .login(&caller, context.data()?, input)
                .await
        };
        Ok(login::payload(context, result.for_client()?, cookie).await)
    }

    /// Ends a session. A session may end itself, the active session may end any session of its
    /// user, and the service may end every session. The mutation is idempotent: it also succeeds if
    /// the session has already ended. If the active session ends one that waits for approval, this
    /// counts as a denial, and fails with `FORBIDDEN` if the caller may not use `decideLogin` yet. If a
    /// cookie has authenticated a session that ends itself, the cookie is removed. Scope of a service
    /// key: `manage`.
    async fn invalidate_session(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The session to end.")] input: InvalidateSessionInput,
    ) -> async_graphql::Result<InvalidateSessionPayload> {
        check_scopes(context, &[Scope::Manage])?;
        let key = SessionKey::parse(&input.session_key)
            .ok_or_else(|| invalid("sessionKey", InputRule::SessionKey))?;
        let (user, session) = service(context)
            .invalidate(context.data()?, key)
            .await
            .for_client()?;
        if context.data_unchecked::<Caller>().is_session(session.key) {
            cookie::remove(context);
        }
        let gained = Visibility::OnlySession(session.key);
        let visibility = payload_visibility(context, &user, gained);
        Ok(InvalidateSessionPayload {
            message: messages::SESSION_INVALIDATED.to_owned(),
            user: User::from_state(user, visibility),
            session: Session::new(session, visibility),
        })
    }

    /// Approves or denies a login that waits for approval. Only the user's active session and the
    /// service may use this mutation, and not a session that was opened by take-over, for the
    /// server's `--take-over-limit` time since that take-over (`FORBIDDEN`). Only the first
    /// decision on a login counts. Later decisions fail with `NOT_FOUND`. An approval with a wrong
    /// `matchNumber`, whatever it is, denies the login. After a denial, no login may ask for 1
    /// minute, after the second one for 5 minutes, and then for 30. Scope of a service key:
    /// `manage`.
    async fn decide_login(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The login and the decision.")] input: DecideLoginInput,
    ) -> async_graphql::Result<DecideLoginPayload> {
        check_scopes(context, &[Scope::Manage])?;
        let attempt = AttemptId::parse(&input.attempt_id)
            .ok_or_else(|| invalid("attemptId", InputRule::AttemptId))?;
        let (decision, number) = (input.decision.into(), input.match_number);
        let (user, session, outcome) = service(context)
            .decide_login(context.data()?, attempt, decision, number)
            .await
            .for_client()?;
        let message = match outcome {
            DecisionOutcome::Approved => messages::LOGIN_APPROVED,
            DecisionOutcome::Denied => messages::LOGIN_DENIED,
            DecisionOutcome::WrongNumber => messages::WRONG_NUMBER,
        };
        let gained = Visibility::OnlySession(session.key);
        let visibility = payload_visibility(context, &user, gained);
        Ok(DecideLoginPayload {
            message: message.to_owned(),
            user: User::from_state(user, visibility),
            session: Session::new(session, visibility),
        })
    }

    /// Sets or changes a user's password, and ends every session of the user except the caller's
    /// own. Only the user's active session and the service may use this mutation. A session must
    /// send the old password, and only the service may set the first password of a user. While a
    /// login waits for approval, it fails with `FORBIDDEN` for a session that may not use
    /// `decideLogin` yet. Scope of a service key: `manage`.
    async fn set_password(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The user and the new password.")] input: SetPasswordInput,
    ) -> async_graphql::Result<SetPasswordPayload> {
        check_scopes(context, &[Scope::Manage])?;
        let input = SetPassword {
            mobile: TypedMobile::parse(&input.mobile).for_client()?,
            old: input
                .old_password
                .map(|text| Password::for_verification("oldPassword", text))
                .transpose()
                .for_client()?,
            new: Password::parse("newPassword", input.new_password).for_client()?,
        };
        let user = service(context)
            .set_password(context.data()?, context.data()?, input)
            .await
            .for_client()?;
        let visibility = payload_visibility(context, &user, Visibility::Identity);
        Ok(SetPasswordPayload {
            message: messages::PASSWORD_SET.to_owned(),
            user: User::from_state(user, visibility),
        })
    }

    /// Freezes a user: ends every session, and lets no login succeed. Only the user's active
    /// session and the service may use this mutation. A session's freeze ends after the server's
    /// `--max-self-freeze` time, and only the service can end it before. If the user is frozen
    /// already, the service replaces `until` and `reason`, and a session's freeze becomes one of
    /// the service. Scope of a service key: `manage`.
    async fn freeze_user(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The user to freeze.")] input: FreezeUserInput,
    ) -> async_graphql::Result<FreezeUserPayload> {
        check_scopes(context, &[Scope::Manage])?;
        let input = Freezing {
            mobile: input
                .mobile
                .map(|text| TypedMobile::parse(&text))
                .transpose()
                .for_client()?,
            until: input.until.map(|until| until.0),
            reason: input
                .reason
                .map(|text| FreezeReason::parse(&text))
                .transpose()
                .for_client()?,
        };
        let user = service(context)
            .freeze_user(context.data()?, input)
            .await
            .for_client()?;
        if matches!(context.data_unchecked(), Caller::Session(_)) {
            cookie::remove(context);
        }
        let visibility = payload_visibility(context, &user, Visibility::Identity);
        Ok(FreezeUserPayload {
            message: messages::USER_FROZEN.to_owned(),
            user: User::from_state(user, visibility),
        })
    }

    /// Ends the freeze of a user, who may then log in again. Only the service may use this mutation.
    /// The mutation is idempotent. Scope of a service key: `manage`.
    async fn unfreeze_user(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The user to unfreeze.")] input: UnfreezeUserInput,
    ) -> async_graphql::Result<UnfreezeUserPayload> {
        check_scopes(context, &[Scope::Manage])?;
        let mobile = TypedMobile::parse(&input.mobile).for_client()?;
        let user = service(context)
            .unfreeze_user(context.data()?, mobile)
            .await
            .for_client()?;
        let visibility = payload_visibility(context, &user, Visibility::Identity);
        Ok(UnfreezeUserPayload {
            message: messages::USER_UNFROZEN.to_owned(),
            user: User::from_state(user, visibility),
        })
    }

    /// Deletes a user with all sessions and alerts. Only the service may use this mutation. Scope of
    /// a service key: `admin`.
    async fn delete_user(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The user to delete.")] input: DeleteUserInput,
    ) -> async_graphql::Result<DeleteUserPayload> {
        check_scopes(context, &[Scope::Admin])?;
        let mobile = TypedMobile::parse(&input.mobile).for_client()?;
        service(context)
            .delete_user(context.data()?, mobile)
            .await
            .for_client()?;
        Ok(DeleteUserPayload {
            message: messages::USER_DELETED.to_owned(),
        })
    }
}

/// Returns the part of `user` that the payload of a mutation shows to the caller. `gained` is the
/// part that everyone may see who has just carried out the mutation.
pub(super) fn payload_visibility(
    context: &Context<'_>,
    user: &UserState,
    gained: Visibility,
) -> Visibility {
    let caller: &Caller = context.data_unchecked();
    caller.payload_visibility(user, service(context).now(), gained)
}

fn caller_entering(context: &Context<'_>) -> Caller {
    entering(
        context.data_unchecked(),
        service(context),
        cookie::slot(context),
    )
}

/// The caller of a login or a registration. In development mode, everyone without a token is the
/// service. A browser sends the cookie of a former session by itself, and must stay the service.
pub(in crate::graphql) fn entering(
    caller: &Caller,
    service: &Service,
    cookie: Option<&CookieSlot>,
) -> Caller {
    let keys = &service.config().service_keys;
    let is_session = matches!(caller, Caller::Session(_));
    let by_cookie = cookie.is_some_and(CookieSlot::has_authenticated);
    if keys.is_development_mode() && is_session && by_cookie {
        return Caller::development();
    }
    caller.clone()
}
