//! Decisions on logins that wait for approval.

use thiserror::Error;

use super::{Actor, Context, NotActive, Transition, draft::Draft};
use crate::domain::{AttemptId, EndReason, Session, UserState};

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
}

/// Approves or denies the login that waits for approval. Returns the transition, and the login's
/// session in its new state.
///
/// # Errors
/// [`DecideLoginError::NotActive`] if the actor is a session that is not active.
/// [`DecideLoginError::NoSuchAttempt`] if no pending session has this attempt id.
pub fn decide_login(
    state: &UserState,
    command: DecideLogin,
    context: Context<'_>,
) -> Result<(Transition, Session), DecideLoginError> {
    let mut draft = Draft::new(state, context);
    draft.record_expiries();
    draft.authorize(command.actor)?;
    let session = draft
        .take_pending(command.attempt)
        .ok_or(DecideLoginError::NoSuchAttempt)?;
    let session = match command.decision {
        Decision::Approve => draft.activate(session),
        Decision::Deny => draft.end(session, EndReason::NotApproved),
    };
    Ok((draft.finish(), session))
}
