//! The commands that end sessions: invalidation, a change of password, and expiry. Also the other
//! command of maintenance, which reports folded logins.

use super::{Actor, Context, NotActive, Transition, draft::Draft};
use crate::domain::{EndReason, EndedBy, PasswordHash, SessionKey, UserState};

/// Ends a session. Idempotent: ending an ended session changes nothing and succeeds.
///
/// # Errors
/// [`NotActive`] if the actor is another session of the user and is not active.
pub fn invalidate_session(
    state: &UserState,
    actor: Actor,
    session: SessionKey,
    context: Context<'_>,
) -> Result<Transition, NotActive> {
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
        draft.end_pending(reason);
    }
    Ok(draft.finish())
}

/// Sets the password, and ends every session except the actor's own.
///
/// # Errors
/// [`NotActive`] if the actor is a session that is not active.
pub fn change_password(
    state: &UserState,
    actor: Actor,
    password: PasswordHash,
    context: Context<'_>,
) -> Result<Transition, NotActive> {
    let mut draft = Draft::new(state, context);
    draft.record_expiries();
    draft.authorize(actor)?;
    draft.end_pending(EndReason::PasswordChanged);
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
