//! Decisions on logins that wait for approval.

use thiserror::Error;

use super::{Actor, Context, NotActive, Transition, draft::Draft};
use crate::domain::{AttemptId, EndReason, Session, SessionKey, UserState};

/// A decision on a login that waits for approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Activates the pending session. The session that was active ends.
    Approve,
    /// Ends the pending session. The active session stays.
    Deny,
}

/// Input of [`decide_login`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecideLogin {
    /// The authority behind the decision: the service, or the active session.
    pub actor: Actor,
    /// The attempt of the pending session.
    pub attempt: AttemptId,
    /// The decision.
    pub decision: Decision,
    /// The number that the deciding person has named. Only an approval reads it. It may be one that
    /// no device shows, which is wrong like any other wrong number: a question has one guess.
    pub number: Option<i32>,
}

/// The effect of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecisionOutcome {
    /// The login was approved.
    Approved,
    /// The login was denied.
    Denied,
    /// The login was denied, because the approval named another number than the waiting device
    /// shows.
    WrongNumber,
}

/// The reason why [`decide_login`] rejects a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DecideLoginError {
    /// The session that gave the command is not active.
    #[error(transparent)]
    NotActive(#[from] NotActive),
    /// No pending session has this attempt id. A decision may have been made already.
    #[error("no login with this attempt id waits for approval")]
    NoSuchAttempt,
    /// The approval of a session must name a number.
    #[error("the approval names no number")]
    NumberRequired,
    /// A take-over has opened the session that gave the command, so it may not decide yet.
    #[error("a session that was opened by a recent take-over may not decide")]
    MayNotDecide,
}

/// Whether the active session may decide on logins at this time. A session that was opened by
/// take-over may not, for the time of [`Policy::take_over_limit`](super::Policy::take_over_limit)
/// since that take-over: otherwise whoever has the password could take the session over, and then
/// deny the owner's login. The device that had the session before the first take-over may, because
/// its own take-over is not counted.
#[must_use]
pub fn may_decide(state: &UserState, session: SessionKey, context: Context<'_>) -> bool {
    let Context { now, policy } = context;
    let taken = state.history.take_overs.and_then(|t| t.opened);
    let taken = taken.filter(|taken| taken.key == session);
    taken.is_none_or(|taken| {
        taken
            .remaining(policy.take_over_limit.window, now)
            .is_none()
    })
}

/// Approves or denies the login that waits for approval. Returns the transition, the login's session
/// in its new state, and the effect. If number matching is on, an approval with a wrong number is a
/// denial. The service may approve without a number.
///
/// # Errors
/// - [`DecideLoginError::NotActive`] if the actor is a session that is not active.
/// - [`DecideLoginError::NoSuchAttempt`] if no pending session has this attempt id.
/// - [`DecideLoginError::MayNotDecide`] if the actor is a session for which [`may_decide`] is false.
/// - [`DecideLoginError::NumberRequired`] if a session approves without a required number.
pub fn decide_login(
    state: &UserState,
    command: DecideLogin,
    context: Context<'_>,
) -> Result<(Transition, Session, DecisionOutcome), DecideLoginError> {
    let mut draft = Draft::new(state, context);
    draft.record_expiries();
    draft.authorize(command.actor)?;
    let session = draft
        .take_pending(command.attempt)
        .ok_or(DecideLoginError::NoSuchAttempt)?;
    if let Actor::Session(key) = command.actor
        && !may_decide(state, key, context)
    {
        return Err(DecideLoginError::MayNotDecide);
    }
    let outcome = outcome(command, &session)?;
    let session = if outcome == DecisionOutcome::Approved {
        match command.actor {
            Actor::Session(key) => draft.follow_take_over(key, session.key),
            Actor::Service => draft.end_fight(),
        }
        draft.activate(session)
    } else {
        draft.count_denial();
        draft.end(session, EndReason::NotApproved)
    };
    Ok((draft.finish(), session, outcome))
}

fn outcome(command: DecideLogin, session: &Session) -> Result<DecisionOutcome, DecideLoginError> {
    if command.decision == Decision::Deny {
        return Ok(DecisionOutcome::Denied);
    }
    match (session.matching(), command.number) {
        (Some(matching), Some(number)) if i32::from(matching.number()) != number => {
            Ok(DecisionOutcome::WrongNumber)
        }
        (Some(_), None) if command.actor != Actor::Service => Err(DecideLoginError::NumberRequired),
        _ => Ok(DecisionOutcome::Approved),
    }
}
