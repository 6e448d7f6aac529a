//! The expected effect of each kind of event. Each check compares the history before and after the
//! event, and does not reuse the logic of the rules. `logins`, `decisions` and `freezing` have those of
//! their events.

use std::fmt::Debug;

use proptest::{prelude::*, test_runner::TestCaseResult};

use super::{
    decisions::{is_denial, was_taken_over},
    model::History,
};
use crate::domain::{
    AlertKind, EndReason, Ended, EndedBy, SessionKey, Status,
    rules::{Actor, EndError, NotActive, invalidate_session},
};

pub(super) fn invalidated(
    before: &History,
    (actor, target): (Actor, SessionKey),
    result: Result<(), EndError>,
    after: &History,
) -> TestCaseResult {
    let again = invalidate_session(&after.state, actor, target, after.context());
    prop_assert!(again.is_err() || again.is_ok_and(|again| !again.changes(&after.state)));

    if actor != Actor::Session(target) && !before.is_authorized(actor) {
        return assert_rejected(before, result, NotActive.into(), after);
    }
    let is_waiting = before
        .pending()
        .is_some_and(|pending| pending.key == target);
    let by_holder = is_waiting && actor != Actor::Service && actor != Actor::Session(target);
    if by_holder && was_taken_over(before, actor) {
        return assert_rejected(before, result, EndError::MayNotDecide, after);
    }
    prop_assert!(result.is_ok());
    if by_holder {
        is_denial(before, after)?;
    }
    let ended = before
        .active()
        .into_iter()
        .chain(before.pending())
        .map(|session| session.key)
        .find(|key| *key == target);
    let ended_by = match actor {
        Actor::Service => EndedBy::Service,
        Actor::Session(own) if own == target => EndedBy::Itself,
        Actor::Session(_) => EndedBy::OtherDevice,
    };
    assert_ended(after, ended, EndReason::Invalidated(Some(ended_by)), None)?;
    // Without the active session, nobody is left to decide.
    let is_active = before.active().is_some_and(|active| active.key == target);
    let pending = before.pending().filter(|_| is_active);
    let question = pending.map(|session| session.key);
    assert_ended(after, question, EndReason::NotApproved, None)?;
    only_these_changed(before, after, &[ended, question])
}

pub(super) fn password_changed(
    before: &History,
    actor: Actor,
    result: Result<(), EndError>,
    after: &History,
) -> TestCaseResult {
    if !before.is_authorized(actor) {
        return assert_rejected(before, result, NotActive.into(), after);
    }
    if before.pending().is_some() && was_taken_over(before, actor) {
        return assert_rejected(before, result, EndError::MayNotDecide, after);
    }
    prop_assert!(result.is_ok());
    prop_assert_ne!(&after.state.password, &before.state.password);
    let active = match actor {
        Actor::Service => before.active().map(|session| session.key),
        Actor::Session(_) => None,
    };
    let pending = before.pending().map(|session| session.key);
    assert_ended(after, active, EndReason::PasswordChanged, None)?;
    assert_ended(after, pending, EndReason::PasswordChanged, None)?;
    only_these_changed(before, after, &[active, pending])
}

pub(super) fn assert_rejected<E: Debug + PartialEq>(
    before: &History,
    result: Result<(), E>,
    expected: E,
    after: &History,
) -> TestCaseResult {
    prop_assert_eq!(result, Err(expected));
    prop_assert_eq!(&after.state, &before.state);
    Ok(())
}

/// Checks that the session, if any, ended now and for this reason.
pub(super) fn assert_ended(
    after: &History,
    key: Option<SessionKey>,
    reason: EndReason,
    replaced_by: Option<SessionKey>,
) -> TestCaseResult {
    let Some(key) = key else { return Ok(()) };
    let status = after.session(key).map(|session| session.status.clone());
    prop_assert_eq!(
        status,
        Some(Status::Ended(Ended {
            at: after.now,
            reason,
            replaced_by
        }))
    );
    Ok(())
}

/// Checks that no session except these changed, apart from sessions that had expired, and from the
/// pending one if the active one had expired.
pub(super) fn only_these_changed(
    before: &History,
    after: &History,
    keys: &[Option<SessionKey>],
) -> TestCaseResult {
    for session in after
        .sessions
        .iter()
        .filter(|session| !keys.contains(&Some(session.key)))
    {
        let stored = before.session(session.key);
        if before.loses_its_question(after.now, session.key) {
            assert_ended(after, Some(session.key), EndReason::NotApproved, None)?;
            continue;
        }
        prop_assert!(stored.is_some(), "unexpected new session: {session:?}");
        let stage = stored.map(|stored| stored.stage(after.now));
        prop_assert_eq!(
            stage,
            Some(session.stage(after.now)),
            "unexpected change of {:?}",
            session.key
        );
    }
    Ok(())
}

/// The number of alerts of this kind about this session that the event raised.
pub(super) fn count_alerts(
    before: &History,
    after: &History,
    kind: AlertKind,
    session: SessionKey,
) -> usize {
    after.alerts[before.alerts.len()..]
        .iter()
        .filter(|alert| alert.kind == kind && alert.session == Some(session))
        .count()
}
