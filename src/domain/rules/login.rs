//! Logins, and the conflicts that they cause.

use super::{Context, NewIds, Transition, draft::Draft};
use crate::domain::{
    AlertKind, Attempt, AttemptId, Device, EndReason, Session, SessionKey, UserState,
};

/// The conflict policy of a login: the reaction if another device holds a valid session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnConflict {
    /// Refuses the login and alerts the active session.
    Reject,
    /// Ends the active session and opens the new one.
    TakeOver,
    /// Opens a pending session and asks the active session's device for approval.
    Ask,
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
    /// The login opened this session, which is pending until it is approved.
    AwaitingApproval(Session),
}

/// Opens a session on a device, or applies [`Login::on_conflict`] if another device holds a valid
/// session.
#[must_use]
pub fn log_in(
    state: &UserState,
    login: Login,
    new_ids: NewIds,
    context: Context<'_>,
) -> (Transition, LoginOutcome) {
    let mut draft = Draft::new(state, context);
    draft.record_expiries();
    let outcome = apply(&mut draft, login, &new_ids);
    (draft.finish(), outcome)
}

/// Applies a login after expiries have been recorded, so the active session, if any, is valid.
fn apply(draft: &mut Draft, login: Login, new_ids: &NewIds) -> LoginOutcome {
    let Login {
        device,
        on_conflict,
    } = login;
    let Some(active) = draft.active() else {
        // The device that could have approved a pending login has no active session any more, so
        // the pending session ends too.
        draft.end_pending(EndReason::NotApproved);
        return LoginOutcome::LoggedIn(draft.open_active(device, new_ids));
    };
    let active_key = active.key;
    if device.id.is_some() && device.id == active.device.id {
        return replace_active(draft, device, new_ids);
    }
    match on_conflict {
        OnConflict::Reject => refuse(draft, active_key, &device, new_ids),
        OnConflict::TakeOver => {
            draft.end_pending(EndReason::NotApproved);
            replace_active(draft, device, new_ids)
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
        draft.alert(AlertKind::LoginRefused, active, Some(attempt));
    }
    LoginOutcome::Refused
}

fn ask(draft: &mut Draft, active: SessionKey, device: Device, new_ids: &NewIds) -> LoginOutcome {
    // An attempt's id is kept only if the whole device description is the same: the decision must
    // be about the device that the alert showed.
    let repeated = draft
        .pending()
        .filter(|pending| pending.device == device)
        .and_then(Session::attempt);
    if let Some(attempt) = repeated
        && draft.was_alerted(&device, OnConflict::Ask)
    {
        draft.end_pending_without_alert(EndReason::NotApproved);
        return LoginOutcome::AwaitingApproval(draft.open_pending(device, new_ids, attempt));
    }
    draft.end_pending(EndReason::NotApproved);
    draft.record_alerted(&device, OnConflict::Ask);
    let attempt = new_attempt(draft, &device, new_ids, Some(new_ids.session));
    let session = draft.open_pending(device, new_ids, attempt.id);
    draft.alert(AlertKind::LoginPending, active, Some(attempt));
    LoginOutcome::AwaitingApproval(session)
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
