use super::{Draft, NewIds, OnConflict, Outcome};
use crate::domain::{AlertKind, Attempt, AttemptId, Device, EndReason, SessionKey, UserId};

/// A login on `device`, once what time has ended is recorded: whatever is active now is valid.
pub(super) fn login(
    draft: &mut Draft,
    device: Device,
    on_conflict: OnConflict,
    new_ids: &NewIds,
) -> Outcome {
    let Some(active) = draft.active() else {
        // The device that was asked is gone, and with it the question.
        end_waiting(draft);
        return Outcome::LoggedIn(draft.open_active(device, new_ids));
    };
    let (owner, holder) = (active.owner.id, active.key);
    if device.id.is_some() && device.id == active.device.id {
        return open_in_place(draft, owner, device, new_ids);
    }
    match on_conflict {
        OnConflict::Reject => refuse(draft, owner, holder, &device, new_ids),
        OnConflict::TakeOver => {
            end_waiting(draft);
            open_in_place(draft, owner, device, new_ids)
        }
        OnConflict::Ask => ask(draft, owner, holder, device, new_ids),
    }
}

fn end_waiting(draft: &mut Draft) {
    draft.end_pending(
        draft.now(),
        EndReason::NotApproved,
        Some(AlertKind::LoginNotApproved),
    );
}

fn open_in_place(draft: &mut Draft, owner: UserId, device: Device, new_ids: &NewIds) -> Outcome {
    let attempt = attempt(draft, owner, &device, new_ids, Some(new_ids.session));
    draft.replace_active(new_ids.session, Some(attempt));
    Outcome::LoggedIn(draft.open_active(device, new_ids))
}

fn refuse(
    draft: &mut Draft,
    owner: UserId,
    holder: SessionKey,
    device: &Device,
    new_ids: &NewIds,
) -> Outcome {
    if !draft.was_told_of(device, OnConflict::Reject) {
        draft.note_told_of(device, OnConflict::Reject);
        let attempt = attempt(draft, owner, device, new_ids, None);
        draft.alert(AlertKind::LoginRefused, holder, Some(attempt));
    }
    Outcome::LoginRefused
}

fn ask(
    draft: &mut Draft,
    owner: UserId,
    holder: SessionKey,
    device: Device,
    new_ids: &NewIds,
) -> Outcome {
    // Only a device that shows the same face may wait under an id that was alerted for it before: the answer
    // must be about what the person saw.
    let asked_before = draft
        .pending()
        .filter(|waiting| waiting.device == device)
        .and_then(super::Session::attempt);
    if let Some(id) = asked_before
        && draft.was_told_of(&device, OnConflict::Ask)
    {
        draft.end_pending(draft.now(), EndReason::NotApproved, None);
        return Outcome::AwaitingApproval(draft.open_pending(device, new_ids, id));
    }
    end_waiting(draft);
    draft.note_told_of(&device, OnConflict::Ask);
    let attempt = attempt(draft, owner, &device, new_ids, Some(new_ids.session));
    let session = draft.open_pending(device, new_ids, attempt.id);
    draft.alert(AlertKind::LoginPending, holder, Some(attempt));
    Outcome::AwaitingApproval(session)
}

fn attempt(
    draft: &Draft,
    owner: UserId,
    device: &Device,
    new_ids: &NewIds,
    session: Option<SessionKey>,
) -> Attempt {
    Attempt {
        id: AttemptId {
            user: owner,
            id: new_ids.attempt,
        },
        session,
        user_agent: device.user_agent.clone(),
        address: device.address,
        created_at: draft.now(),
    }
}
