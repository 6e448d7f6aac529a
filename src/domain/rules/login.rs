//! Logins, and the conflicts that they cause.

use std::time::Duration;

use thiserror::Error;

use super::{Context, NewIds, Transition, draft::Draft};
use crate::domain::{
    AlertKind, Attempt, AttemptId, Device, EndReason, Session, SessionKey, UserState,
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
}

/// The result of [`log_in`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginOutcome {
    /// The login opened this session, which is active.
    LoggedIn(Session),
    /// The login was refused, because another device holds a valid session.
    Refused,
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

/// Opens a session on a device, or applies [`Login::on_conflict`] if another device holds a valid
/// session.
///
/// # Errors
/// [`TooManyAlerts`] if the login would ask for approval, and the user has too many alerts.
pub fn log_in(
    state: &UserState,
    login: Login,
    new_ids: NewIds,
    context: Context<'_>,
) -> Result<(Transition, LoginOutcome), TooManyAlerts> {
    let mut draft = Draft::new(state, context);
    draft.record_expiries();
    let outcome = apply(&mut draft, login, &new_ids)?;
    Ok((draft.finish(), outcome))
}

/// Applies a login after expiries have been recorded, so the active session, if any, is valid.
fn apply(draft: &mut Draft, login: Login, new_ids: &NewIds) -> Result<LoginOutcome, TooManyAlerts> {
    let Login {
        device,
        on_conflict,
    } = login;
    let Some(active) = draft.active() else {
        // The device that could have approved a pending login has no active session any more, so
        // the pending session ends too.
        draft.end_pending(EndReason::NotApproved);
        return Ok(LoginOutcome::LoggedIn(draft.open_active(device, new_ids)));
    };
    let active_key = active.key;
    // A user agent and an address are not enough to replace a session: others can have the same.
    if device.id.is_some() && device.is_same_as(&active.device) {
        return Ok(replace_active(draft, device, new_ids));
    }
    match on_conflict {
        OnConflict::Reject => Ok(refuse(draft, active_key, &device, new_ids)),
        OnConflict::TakeOver => {
            draft.end_pending(EndReason::NotApproved);
            Ok(replace_active(draft, device, new_ids))
        }
        OnConflict::Ask => ask(draft, active_key, device, new_ids),
    }
}

fn replace_active(draft: &mut Draft, device: Device, new_ids: &NewIds) -> LoginOutcome {
    let attempt = new_attempt(draft, &device, new_ids, Some(new_ids.session));
    draft.replace_active(new_ids.session, Some(attempt));
    LoginOutcome::LoggedIn(draft.open_active(device, new_ids))
}

fn refuse(
    draft: &mut Draft,
    active: SessionKey,
    device: &Device,
    new_ids: &NewIds,
) -> LoginOutcome {
    if !draft.was_alerted(device, OnConflict::Reject) {
        draft.record_alerted(device, OnConflict::Reject);
        let attempt = new_attempt(draft, device, new_ids, None);
        draft.alert_refused(active, attempt);
    }
    LoginOutcome::Refused
}

fn ask(
    draft: &mut Draft,
    active: SessionKey,
    device: Device,
    new_ids: &NewIds,
) -> Result<LoginOutcome, TooManyAlerts> {
    let is_waiting = draft
        .pending()
        .is_some_and(|pending| pending.device.is_same_as(&device));
    if is_waiting
        && let Some(session) = draft.renew_pending(device.clone(), new_ids)
        && let Some(id) = session.attempt()
    {
        if !draft.was_alerted(&device, OnConflict::Ask) {
            draft.count_alerts(1)?;
            draft.record_alerted(&device, OnConflict::Ask);
            let attempt = Attempt::new(id, Some(session.key), &device, draft.now());
            draft.alert(AlertKind::LoginPending, active, Some(attempt));
        }
        return Ok(LoginOutcome::AwaitingApproval(session));
    }
    // The alert about this login, and the one about the login that it supersedes.
    draft.count_alerts(1 + u32::from(draft.pending().is_some()))?;
    draft.end_pending(EndReason::NotApproved);
    draft.record_alerted(&device, OnConflict::Ask);
    let attempt = new_attempt(draft, &device, new_ids, Some(new_ids.session));
    let session = draft.open_pending(device, new_ids, attempt.id);
    draft.alert(AlertKind::LoginPending, active, Some(attempt));
    Ok(LoginOutcome::AwaitingApproval(session))
}

fn new_attempt(
    draft: &Draft,
    device: &Device,
    new_ids: &NewIds,
    session: Option<SessionKey>,
) -> Attempt {
    let id = AttemptId {
        user: draft.user(),
        id: new_ids.attempt,
    };
    Attempt::new(id, session, device, draft.now())
}
