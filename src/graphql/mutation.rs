use async_graphql::{Context, Object};

use super::{
    errors::{ForClient, invalid},
    inputs::{
        CreateUserInput, DecideLoginInput, DeleteUserInput, InvalidateSessionInput, LoginDecision,
        LoginInput, SetPasswordInput,
    },
    messages,
    payloads::{
        CreateUserPayload, DecideLoginPayload, DeleteUserPayload, InvalidateSessionPayload,
        LoginOutcome, LoginPayload, SetPasswordPayload,
    },
    service,
    session::Session,
    user::User,
};
use crate::{
    access::Visibility,
    domain::{AttemptId, InputRule, Mobile, Password, SessionKey, Username},
    service::{CreateUser, Login, LoginOutcome as Became, NewSession, SetPassword, StatedDevice},
};

/// What there is to do.
#[derive(Debug)]
pub struct Mutation;

/// What there is to do.
#[Object]
impl Mutation {
    /// Registers a mobile number and opens its first session, which becomes the active one. Fails with `MOBILE_TAKEN`.
    async fn create_user(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Who registers.")] input: CreateUserInput,
    ) -> async_graphql::Result<CreateUserPayload> {
        let input = CreateUser {
            mobile: Mobile::parse(&input.mobile).for_client()?,
            username: Username::parse(&input.username).for_client()?,
            password: input
                .password
                .map(|text| Password::parse("password", text))
                .transpose()
                .for_client()?,
            device: StatedDevice {
                id: None,
                user_agent: input.user_agent,
                address: input.ip_address,
            },
        };
        let (user, opened) = service(context)
            .create_user(context.data()?, context.data()?, input)
            .await
            .for_client()?;
        let (session, token) = shown(opened);
        Ok(CreateUserPayload {
            message: messages::USER_CREATED.to_owned(),
            user: User::in_payload(user),
            session,
            token,
        })
    }

    /// Opens a session on this device. Where another device holds a valid session, `onConflict` decides, and that
    /// device is alerted: once a minute for the attempts of one device, which is known by its `deviceId`, or without one
    /// by its user agent and address.
    async fn login(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Who logs in.")] input: LoginInput,
    ) -> async_graphql::Result<LoginPayload> {
        let input = Login {
            mobile: Mobile::parse(&input.mobile).for_client()?,
            username: Username::parse(&input.username).for_client()?,
            password: input
                .password
                .map(|text| Password::attempt("password", text))
                .transpose()
                .for_client()?,
            device: StatedDevice {
                id: input.device_id,
                user_agent: input.user_agent,
                address: input.ip_address,
            },
            on_conflict: input.on_conflict.map(Into::into),
        };
        let answer = service(context)
            .login(context.data()?, context.data()?, input)
            .await
            .for_client()?;
        let (outcome, message, opened) = match answer.outcome {
            Became::LoggedIn(opened) => (LoginOutcome::LoggedIn, messages::LOGGED_IN, Some(opened)),
            Became::Refused => (LoginOutcome::Refused, messages::LOGIN_REFUSED, None),
            Became::AwaitingApproval(opened) => (
                LoginOutcome::AwaitingApproval,
                messages::AWAITING_APPROVAL,
                Some(opened),
            ),
        };
        let (session, token) = opened.map(shown).unzip();
        Ok(LoginPayload {
            outcome,
            message: message.to_owned(),
            user: User::in_payload(answer.user),
            session,
            token,
        })
    }

    /// Ends a session: the caller's own, one of the caller's user's, or, for the service, any. Ending an ended session
    /// changes nothing and succeeds.
    async fn invalidate_session(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which session.")] input: InvalidateSessionInput,
    ) -> async_graphql::Result<InvalidateSessionPayload> {
        let key = SessionKey::parse(&input.session_key)
            .ok_or_else(|| invalid("sessionKey", InputRule::SessionKey))?;
        let (user, session) = service(context)
            .invalidate(context.data()?, key)
            .await
            .for_client()?;
        Ok(InvalidateSessionPayload {
            message: messages::SESSION_INVALIDATED.to_owned(),
            user: User::in_payload(user),
            session: Session::new(session, Visibility::Full),
        })
    }

    /// Answers a login that waits for approval. For the user's active session, or the service. A login can be answered once.
    async fn decide_login(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which login, and the answer.")] input: DecideLoginInput,
    ) -> async_graphql::Result<DecideLoginPayload> {
        let attempt = AttemptId::parse(&input.attempt_id)
            .ok_or_else(|| invalid("attemptId", InputRule::AttemptId))?;
        let (user, session) = service(context)
            .decide_login(context.data()?, attempt, input.decision.into())
            .await
            .for_client()?;
        let message = match input.decision {
            LoginDecision::Approve => messages::LOGIN_APPROVED,
            LoginDecision::Deny => messages::LOGIN_DENIED,
        };
        Ok(DecideLoginPayload {
            message: message.to_owned(),
            user: User::in_payload(user),
            session: Session::new(session, Visibility::Full),
        })
    }

    /// Sets or changes a user's password, and ends the user's other sessions. For the user's active session
    /// (with the old password), or the service.
    async fn set_password(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Whose password, and the new one.")] input: SetPasswordInput,
    ) -> async_graphql::Result<SetPasswordPayload> {
        let input = SetPassword {
            mobile: Mobile::parse(&input.mobile).for_client()?,
            old: input
                .old_password
                .map(|text| Password::attempt("oldPassword", text))
                .transpose()
                .for_client()?,
            new: Password::parse("newPassword", input.new_password).for_client()?,
        };
        let user = service(context)
            .set_password(context.data()?, context.data()?, input)
            .await
            .for_client()?;
        Ok(SetPasswordPayload {
            message: messages::PASSWORD_SET.to_owned(),
            user: User::in_payload(user),
        })
    }

    /// Erases a user with all sessions and alerts. For the service.
    async fn delete_user(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Who is erased.")] input: DeleteUserInput,
    ) -> async_graphql::Result<DeleteUserPayload> {
        let mobile = Mobile::parse(&input.mobile).for_client()?;
        service(context)
            .delete_user(context.data()?, &mobile)
            .await
            .for_client()?;
        Ok(DeleteUserPayload {
            message: messages::USER_DELETED.to_owned(),
        })
    }
}

fn shown(opened: NewSession) -> (Session, String) {
    (
        Session::new(opened.session, Visibility::Full),
        opened.token.reveal(),
    )
}
