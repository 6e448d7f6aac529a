//! The commands that end sessions: invalidation, a change of password, and expiry. Also the other
//! command of maintenance, which reports folded logins.

use thiserror::Error;

use super::{Actor, Context, NotActive, Transition, approval::may_decide, draft::Draft};
use crate::domain::{EndReason, EndedBy, PasswordHash, SessionKey, UserState};

/// The reason why [`invalidate_session`] or [`change_password`] rejects a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EndError {
    /// The session that gave the command is not active.
    #[error(transparent)]
    NotActive(#[from] NotActive),
    /// The command would end the login that waits, and the session that gave it may not decide on
    /// logins: see [`may_decide`].
    #[error("a session that was opened by a recent take-over may not end a waiting login")]
    MayNotDecide,
}

/// Ends a session. Idempotent: ending an ended session changes nothing and succeeds. If the active
/// session ends the one that waits, this counts as a denial, which starts a pause.
///
/// # Errors
/// - [`EndError::NotActive`] if the actor is another session of the user and is not active.
/// - [`EndError::MayNotDecide`] if the actor is the active session, the other one waits, and
///   [`may_decide`] is false. It may always end itself.
pub fn invalidate_session(
    state: &UserState,
    actor: Actor,
    session: SessionKey,
    context: Context<'_>,
) -> Result<Transition, EndError> {
    let mut draft = Draft::new(state, context);
    draft.record_expiries();
    if actor != Actor::Session(session) {
        draft.authorize(actor)?;
    }
    let ended_by = match actor {
        Actor::Service => EndedBy::Service,
        Actor::Session(own) if own == session => EndedBy::Itself,
        Actor::Session(_) => EndedBy::OtherDevice,
    };
    let reason = EndReason::Invalidated(Some(ended_by));
    if draft.is_active(session) {
        draft.end_active(reason);
    } else if draft.is_pending(session) {
        match ended_by {
            EndedBy::OtherDevice => {
                may_end_question(state, actor, context)?;
                draft.count_denial();
            }
            EndedBy::Itself => draft.count_withdrawal(),
            EndedBy::Service => {}
        }
        draft.end_pending(reason);
    }
    Ok(draft.finish())
}

/// Checks that the actor may end the login that waits without a decision on it.
fn may_end_question(state: &UserState, actor: Actor, context: Context<'_>) -> Result<(), EndError> {
    match actor {
        Actor::Session(key) if !may_decide(state, key, context) => Err(EndError::MayNotDecide),
        Actor::Session(_) | Actor::Service => Ok(()),
    }
}

/// Sets the password, and ends every session except the actor's own.
///
/// # Errors
/// - [`EndError::NotActive`] if the actor is a session that is not active.
/// - [`EndError::MayNotDecide`] if the actor is a session for which [`may_decide`] is false, and a
///   login waits.
pub fn change_password(
    state: &UserState,
    actor: Actor,
    password: PasswordHash,
    context: Context<'_>,
) -> Result<Transition, EndError> {
    let mut draft = Draft::new(state, context);
    draft.record_expiries();
    draft.authorize(actor)?;
    if draft.pending().is_some() {
        may_end_question(state, actor, context)?;
        draft.end_pending(EndReason::PasswordChanged);
    }
    if actor == Actor::Service {
        draft.end_active(EndReason::PasswordChanged);
    }
    draft.set_password(password);
    Ok(draft.finish())
}

/// Reports refused logins that raised no alert of their own, if no alert has reported them within
/// their minute.
#[must_use]
pub fn report_folded(state: &UserState, context: Context<'_>) -> Transition {
    let mut draft = Draft::new(state, context);
    draft.record_expiries();
    draft.report_folded();
    draft.finish()
}

/// Records the end of each session whose limit has passed. If the clock was set back, also lowers
/// the instants of the current sessions that are in the future, so that no limit is extended.
#[must_use]
pub fn expire(state: &UserState, context: Context<'_>) -> Transition {
    let mut draft = Draft::new(state, context);
    draft.record_expiries();
    draft.finish()
}
