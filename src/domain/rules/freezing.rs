//! The commands that freeze and unfreeze a user.

use thiserror::Error;

use super::{Actor, Context, NotActive, Transition, draft::Draft};
use crate::domain::{AlertKind, EndReason, Freeze, FreezeReason, FrozenBy, Timestamp, UserState};

/// Input of [`freeze_user`].
#[derive(Debug, Clone)]
pub struct FreezeUser {
    /// The authority behind the command: the service, or the active session.
    pub actor: Actor,
    /// The time when the freeze ends by itself. `None` is never for the service, and the longest
    /// time for a session.
    pub until: Option<Timestamp>,
    /// The reason.
    pub reason: Option<FreezeReason>,
}

/// The reason why [`freeze_user`] rejects a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FreezeError {
    /// The session that gave the command is not active.
    #[error(transparent)]
    NotActive(#[from] NotActive),
    /// The freeze would have ended already.
    #[error("the freeze would have ended already")]
    Passed,
    /// Only the service may freeze a user for so long.
    #[error("a session may not freeze its user for so long")]
    TooLong,
}

/// A login of a frozen user was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the user is frozen")]
pub struct Frozen;

/// Freezes a user: ends every session, and lets no login succeed. If the user is frozen already,
/// the service replaces the end and the reason, and takes over the freeze of a session. Freezing
/// again with the same values changes nothing.
///
/// # Errors
/// [`FreezeError`] if the actor is a session that is not active, or if `until` has passed or is
/// later than a session may choose.
pub fn freeze_user(
    state: &UserState,
    command: FreezeUser,
    context: Context<'_>,
) -> Result<Transition, FreezeError> {
    let mut draft = Draft::new(state, context);
    draft.record_expiries();
    draft.authorize(command.actor)?;
    let Context { now, policy } = context;
    if command.until.is_some_and(|until| until <= now) {
        return Err(FreezeError::Passed);
    }
    let latest = now.plus(policy.max_self_freeze);
    let (by, until) = match (command.actor, command.until) {
        (Actor::Service, until) => (FrozenBy::Service, until),
        (Actor::Session(_), Some(until)) if until > latest => return Err(FreezeError::TooLong),
        (Actor::Session(_), until) => (FrozenBy::Session, until.or(Some(latest))),
    };
    let mut freeze = Freeze {
        since: draft
            .freeze()
            .filter(|freeze| freeze.by == by)
            .map_or(now, |freeze| freeze.since),
        until,
        by,
        reason: command.reason,
    };
    if draft.freeze() == Some(&freeze) {
        return Ok(draft.finish());
    }
    // A node that is ahead may have recorded the start. If the new end were before it, the freeze would
    // end as soon as the clock is set back.
    freeze.since = freeze.since.min(now);
    let has_session = draft.active().is_some() || draft.pending().is_some();
    draft.set_freeze(Some(freeze));
    draft.end_pending(EndReason::Frozen);
    draft.end_active(EndReason::Frozen);
    if !has_session {
        draft.alert(AlertKind::AccountFrozen, None, None);
    }
    Ok(draft.finish())
}

/// Ends the freeze of a user. Only the service may give this command. Idempotent.
#[must_use]
pub fn unfreeze_user(state: &UserState, context: Context<'_>) -> Transition {
    let mut draft = Draft::new(state, context);
    draft.record_expiries();
    if draft.freeze().is_some() {
        draft.set_freeze(None);
        draft.alert(AlertKind::AccountUnfrozen, None, None);
    }
    draft.finish()
}
