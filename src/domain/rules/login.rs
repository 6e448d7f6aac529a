//! Logins, and the conflicts that they cause.

use std::time::Duration;

use thiserror::Error;

use super::{Context, Frozen, NewIds, Transition, draft::Draft};
use crate::domain::{
    AlertKind, Attempt, AttemptId, Device, DeviceDescription, EndReason, Session, SessionKey,
    UserState,
};

/// The conflict policy of a login: the reaction if another device holds a valid session. The order
/// is that of what a login can reach without the other device, the weakest policy first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OnConflict {
    /// Refuses the login and alerts the active session.
    Reject,
    /// Opens a pending session and asks the active session's device for approval.
    Ask,
    /// Ends the active session and opens the new one.
    TakeOver,
}

impl OnConflict {
    /// Every policy, the weakest first.
    pub const ALL: [Self; 3] = [Self::Reject, Self::Ask, Self::TakeOver];
}

/// Input of [`log_in`]. The caller must have checked the credentials.
#[derive(Debug, Clone)]
pub struct Login {
    /// The device that logs in.
    pub device: Device,
    /// The conflict policy.
    pub on_conflict: OnConflict,
    /// Whether the service logs the user in. The limit on take-overs and the pause after denials do
    /// not apply to it.
    pub by_service: bool,
    /// Whether the login comes from another country than the login of the active session. `None` if
    /// one of them is unknown.
    pub is_new_place: Option<bool>,
    /// Whether the login that waits, if any, came from another country than this login, as far as
    /// countries are known. An unknown country is another one than a known country.
    pub is_elsewhere: bool,
}

/// The result of [`log_in`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginOutcome {
    /// The login opened this session, which is active.
    LoggedIn(Session),
    /// The login was refused, because another device holds a valid session.
    Refused {
        /// How long this conflict policy stays refused, if a limit or a pause is the reason.
        retry_after: Option<Duration>,
    },
    /// The login opened or renewed this session, which is pending until it is approved.
    AwaitingApproval(Session),
}

/// A login with [`OnConflict::Ask`] was rejected, because its alert would exceed
/// [`Policy::max_alerts_per_minute`](super::Policy::max_alerts_per_minute). The other device must
/// see the alert to decide, so it cannot be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the user has too many alerts in this minute")]
pub struct TooManyAlerts {
    /// The time until the minute ends.
    pub retry_after: Duration,
}

/// The reason why [`log_in`] rejects a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LoginError {
    /// The login would ask for approval, and the user has too many alerts.
    #[error(transparent)]
    TooManyAlerts(#[from] TooManyAlerts),
    /// The user is frozen.
    #[error(transparent)]
    Frozen(#[from] Frozen),
}

/// Opens a session on a device, or applies [`Login::on_conflict`] if another device holds a valid
/// session.
///
/// # Errors
/// [`LoginError::TooManyAlerts`] if the login would ask for approval, and the user has too many
/// alerts. [`LoginError::Frozen`] if the user is frozen.
pub fn log_in(
    state: &UserState,
    login: Login,
    new_ids: NewIds,
    context: Context<'_>,
) -> Result<(Transition, LoginOutcome), LoginError> {
    let mut draft = Draft::new(state, context);
    draft.record_expiries();
    if draft.freeze().is_some() {
        return Err(Frozen.into());
    }
    let outcome = apply(&mut draft, login, &new_ids)?;
    Ok((draft.finish(), outcome))
}

/// Applies a login after expiries have been recorded, so the active session, if any, is valid.
fn apply(draft: &mut Draft, login: Login, new_ids: &NewIds) -> Result<LoginOutcome, TooManyAlerts> {
    let Some(active) = draft.active() else {
        // Sessions of an earlier release may wait although no session is active.
        draft.end_pending(EndReason::NotApproved);
        if login.by_service {
            draft.end_fight();
        } else {
            draft.follow_logout(&login.device, new_ids.session);
        }
        return Ok(LoginOutcome::LoggedIn(
            draft.open_active(login.device, new_ids),
        ));
    };
    let active_key = active.key;
    // A user agent and an address are not enough to replace a session: others can have the same.
    if login.device.id.is_some() && login.device.is_same_as(&active.device) {
        draft.follow_take_over(active_key, new_ids.session);
        return Ok(replace_active(draft, login, new_ids));
    }
    match login.on_conflict {
        OnConflict::Reject => Ok(refuse(draft, active_key, &login, new_ids, None)),
        OnConflict::TakeOver => Ok(take_over(draft, active_key, login, new_ids)),
        OnConflict::Ask => ask(draft, active_key, login, new_ids),
    }
}

fn replace_active(draft: &mut Draft, login: Login, new_ids: &NewIds) -> LoginOutcome {
    let attempt = new_attempt(draft, &login, new_ids, Some(new_ids.session));
    draft.replace_active(new_ids.session, Some(attempt));
    LoginOutcome::LoggedIn(draft.open_active(login.device, new_ids))
}

fn take_over(
    draft: &mut Draft,
    active: SessionKey,
    login: Login,
    new_ids: &NewIds,
) -> LoginOutcome {
    if login.by_service {
        draft.end_fight();
    } else if let Err(retry_after) = draft.count_take_over(&login.device, new_ids.session) {
        return refuse(draft, active, &login, new_ids, Some(retry_after));
    }
    draft.end_pending(EndReason::NotApproved);
    replace_active(draft, login, new_ids)
}

fn refuse(
    draft: &mut Draft,
    active: SessionKey,
    login: &Login,
    new_ids: &NewIds,
    retry_after: Option<Duration>,
) -> LoginOutcome {
    if !draft.was_alerted(&login.device, OnConflict::Reject) {
        draft.record_alerted(&login.device, OnConflict::Reject);
        let attempt = new_attempt(draft, login, new_ids, None);
        draft.alert_refused(active, attempt);
    }
    LoginOutcome::Refused { retry_after }
}

fn ask(
    draft: &mut Draft,
    active: SessionKey,
    login: Login,
    new_ids: &NewIds,
) -> Result<LoginOutcome, TooManyAlerts> {
    // As with the active session, a user agent and an address do not give somebody's waiting session
    // to another device.
    let is_waiting = login.device.id.is_some()
        && draft
            .pending()
            .is_some_and(|pending| pending.device.is_same_as(&login.device));
    let has_new_description = is_waiting && differs_from_waiting(draft, &login);
    if is_waiting
        && let Some(session) = draft.renew_pending(login.device.clone(), new_ids)
        && let Some(id) = session.attempt()
    {
        // The person decides on what the alert showed, so the cooldown does not keep a description
        // from them that would have been another one.
        if has_new_description || !draft.was_alerted(&login.device, OnConflict::Ask) {
            draft.count_alerts(1)?;
            draft.record_alerted(&login.device, OnConflict::Ask);
            let attempt = Attempt {
                id,
                ..new_attempt(draft, &login, new_ids, Some(session.key))
            };
            draft.alert(AlertKind::LoginPending, Some(active), Some(attempt));
        }
        return Ok(LoginOutcome::AwaitingApproval(session));
    }
    if !login.by_service
        && let Some(pause) = draft.pause()
    {
        let retry_after = Some(pause);
        return Ok(LoginOutcome::Refused { retry_after });
    }
    let supersedes = draft.pending().is_some();
    if supersedes && let Err(retry_after) = draft.count_supersession() {
        return Ok(refuse(draft, active, &login, new_ids, Some(retry_after)));
    }
    // The alert about this login, and the one about the login that it supersedes.
    draft.count_alerts(1 + u32::from(supersedes))?;
    if supersedes {
        draft.count_unanswered(draft.now());
    }
    let matching = draft.draw_numbers(new_ids)?;
    draft.end_pending(EndReason::NotApproved);
    draft.record_alerted(&login.device, OnConflict::Ask);
    let attempt = new_attempt(draft, &login, new_ids, Some(new_ids.session));
    let session = draft.open_pending(login.device, new_ids, attempt.id, matching);
    draft.alert(AlertKind::LoginPending, Some(active), Some(attempt));
    Ok(LoginOutcome::AwaitingApproval(session))
}

/// Whether an alert about this login would name another device or another country than one about
/// the login that waits.
fn differs_from_waiting(draft: &Draft, login: &Login) -> bool {
    let label = |device: &Device| DeviceDescription::of(&device.user_agent).label;
    login.is_elsewhere
        || draft.pending().is_some_and(|waiting| {
            waiting.device.user_agent != login.device.user_agent
                && label(&waiting.device) != label(&login.device)
        })
}

fn new_attempt(
    draft: &Draft,
    login: &Login,
    new_ids: &NewIds,
    session: Option<SessionKey>,
) -> Attempt {
    let id = AttemptId {
        user: draft.user(),
        id: new_ids.attempt,
    };
    Attempt {
        newness: draft.newness(&login.device, login.is_new_place),
        ..Attempt::new(id, session, &login.device, draft.now())
    }
}
