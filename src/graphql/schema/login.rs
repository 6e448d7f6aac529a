//! The payload of `login`.

use std::time::Duration;

use async_graphql::Context;
use parking_lot::Mutex;

use super::{
    super::{cookies::CookieSlot, messages},
    cookie::session_and_token,
    device::Device,
    mutation::payload_visibility,
    payloads::{LoginOutcome, LoginPayload, SessionHolder},
    scalars::DateTime,
    service,
    user::User,
};
use crate::{
    access::{Caller, Visibility},
    domain::UserState,
    service::{Error, LoginOutcome as ServiceOutcome, LoginResult},
};

/// The result of a login that was carried out before its resolver is called. An entry in the data of
/// the request.
#[derive(Debug)]
pub(in crate::graphql) struct CompletedLogin(Mutex<Option<Result<LoginResult, Error>>>);

impl CompletedLogin {
    pub(in crate::graphql) const fn new(result: Result<LoginResult, Error>) -> Self {
        Self(Mutex::new(Some(result)))
    }

    /// Takes the result, if the request has one.
    pub(super) fn take(context: &Context<'_>) -> Option<Result<LoginResult, Error>> {
        context.data_opt::<Self>()?.0.lock().take()
    }
}

/// Creates the payload of a login. The token is in the cookie instead, if there is one.
pub(super) async fn payload(
    context: &Context<'_>,
    result: LoginResult,
    cookie: Option<&CookieSlot>,
) -> LoginPayload {
    let (outcome, opened, gained, retry_after) = match result.outcome {
        ServiceOutcome::LoggedIn(opened) => {
            (LoginOutcome::LoggedIn, Some(opened), Visibility::Full, None)
        }
        ServiceOutcome::Refused { retry_after } => {
            let gained = Visibility::Identity;
            (LoginOutcome::Refused, None, gained, retry_after)
        }
        ServiceOutcome::AwaitingApproval(opened) => {
            let gained = Visibility::OnlySession(opened.session.key);
            (LoginOutcome::AwaitingApproval, Some(opened), gained, None)
        }
    };
    let retry_after = retry_after.map(seconds);
    let message = match (outcome, retry_after) {
        (LoginOutcome::LoggedIn, _) => messages::LOGGED_IN.to_owned(),
        (LoginOutcome::AwaitingApproval, _) => messages::AWAITING_APPROVAL.to_owned(),
        (LoginOutcome::Refused, None) => messages::LOGIN_REFUSED.to_owned(),
        (LoginOutcome::Refused, Some(seconds)) => messages::login_paused(seconds),
    };
    let matching = opened.as_ref().and_then(|opened| opened.session.matching());
    let holder = holder(context, &result.user, outcome).await;
    let visibility = payload_visibility(context, &result.user, gained);
    let (session, token) = opened
        .map(|opened| session_and_token(opened, visibility, cookie))
        .unzip();
    LoginPayload {
        outcome,
        message,
        user: User::from_state(result.user, visibility),
        session,
        token: token.flatten(),
        match_number: matching.map(|matching| matching.number().into()),
        retry_after_seconds: retry_after,
        holder,
    }
}

/// Returns as much of the session in the way as the caller may see.
async fn holder(
    context: &Context<'_>,
    user: &UserState,
    outcome: LoginOutcome,
) -> Option<SessionHolder> {
    if outcome == LoginOutcome::LoggedIn {
        return None;
    }
    let active = user.active.as_ref()?;
    let is_service = context.data_unchecked::<Caller>().is_service();
    let is_listening = if is_service || outcome == LoginOutcome::AwaitingApproval {
        service(context).is_listening(active).await
    } else {
        None
    };
    Some(SessionHolder {
        is_listening,
        last_seen_at: is_service.then_some(DateTime(active.last_seen_at)),
        device: Device::of(&active.device.user_agent),
    })
}

fn seconds(duration: Duration) -> i32 {
    let seconds = duration.as_millis().div_ceil(1000).max(1);
    i32::try_from(seconds).unwrap_or(i32::MAX)
}
