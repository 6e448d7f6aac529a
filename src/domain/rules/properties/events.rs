//! The expected effect of each kind of event. Each check compares the history before and after the
//! event, and does not reuse the logic of the rules.

use std::fmt::Debug;

use proptest::{
    prelude::*,
    test_runner::{TestCaseError, TestCaseResult},
};

use super::{
    devices::TestDevice,
    model::{History, POLICY},
};
use crate::domain::{
    AlertKind, EndReason, Ended, EndedBy, SessionKey, Status,
    rules::{
        Actor, DecideLogin, DecideLoginError, Decision, LoginOutcome, NotActive, OnConflict,
        decide_login, invalidate_session,
    },
};

pub(super) fn logged_in(
    before: &History,
    (device, on_conflict): (TestDevice, OnConflict),
    outcome: &LoginOutcome,
    after: &History,
) -> TestCaseResult {
    let opened = before.next_ids().session;
    let pending = before.pending().map(|session| session.key);
    let Some(active) = before.active() else {
        // An expired session never causes a conflict, whatever `on_conflict` is.
        assert_logged_in(outcome, opened)?;
        assert_ended(after, pending, EndReason::NotApproved, None)?;
        return only_these_changed(before, after, &[pending, Some(opened)]);
    };
    let id = device.device().id;
    let is_same_device = id.is_some() && id == active.device.id;
    match on_conflict {
        _ if is_same_device => {
            assert_logged_in(outcome, opened)?;
            assert_ended(after, Some(active.key), EndReason::Replaced, Some(opened))?;
            only_these_changed(before, after, &[Some(active.key), Some(opened)])
        }
        OnConflict::TakeOver => {
            assert_logged_in(outcome, opened)?;
            assert_ended(after, Some(active.key), EndReason::Replaced, Some(opened))?;
            assert_ended(after, pending, EndReason::NotApproved, None)?;
            only_these_changed(before, after, &[Some(active.key), pending, Some(opened)])
        }
        OnConflict::Reject => {
            prop_assert_eq!(outcome, &LoginOutcome::Refused);
            let alerts = count_alerts(before, after, AlertKind::LoginRefused, active.key);
            prop_assert_eq!(
                alerts,
                usize::from(!before.was_alerted(device, on_conflict))
            );
            only_these_changed(before, after, &[])
        }
        OnConflict::Ask => asked(before, device, outcome, after),
    }
}

fn assert_logged_in(outcome: &LoginOutcome, expected: SessionKey) -> TestCaseResult {
    prop_assert!(matches!(outcome, LoginOutcome::LoggedIn(session) if session.key == expected));
    Ok(())
}

/// A login from another device with [`OnConflict::Ask`] while a session is active.
fn asked(
    before: &History,
    device: TestDevice,
    outcome: &LoginOutcome,
    after: &History,
) -> TestCaseResult {
    let ids = before.next_ids();
    let Some(waiting) = after.pending() else {
        return Err(TestCaseError::fail("no session is pending"));
    };
    prop_assert_eq!(outcome, &LoginOutcome::AwaitingApproval(waiting.clone()));
    prop_assert_eq!(waiting.token_hash, ids.token_hash);
    prop_assert_eq!(&waiting.device, &device.device());
    let alerts = before.active().map_or(0, |active| {
        count_alerts(before, after, AlertKind::LoginPending, active.key)
    });
    let renewed = before
        .pending()
        .filter(|session| session.device.is_same_as(&device.device()));
    if let Some(renewed) = renewed {
        prop_assert_eq!(waiting.key, renewed.key);
        prop_assert_eq!(waiting.attempt(), renewed.attempt());
        // The first deadline stays, unless the clock was set back.
        let latest = before.now.plus(POLICY.approval_timeout);
        prop_assert_eq!(waiting.expires_at(), renewed.expires_at().min(latest));
        let expected = usize::from(!before.was_alerted(device, OnConflict::Ask));
        prop_assert_eq!(alerts, expected);
        return only_these_changed(before, after, &[]);
    }
    prop_assert_eq!(waiting.key, ids.session);
    let until = before.now.plus(POLICY.approval_timeout);
    prop_assert_eq!(waiting.expires_at(), until);
    let attempt = waiting.attempt().map(|attempt| attempt.id);
    prop_assert_eq!(attempt, Some(ids.attempt));
    prop_assert_eq!(alerts, 1);
    let superseded = before.pending().map(|session| session.key);
    assert_ended(after, superseded, EndReason::NotApproved, None)?;
    only_these_changed(before, after, &[superseded, Some(ids.session)])
}

pub(super) fn decided(
    before: &History,
    command: DecideLogin,
    result: Result<(), DecideLoginError>,
    after: &History,
) -> TestCaseResult {
    let again = decide_login(&after.state, command, after.context());
    prop_assert!(again.is_err(), "a login was decided twice: {again:?}");

    let pending = before
        .pending()
        .filter(|session| session.attempt() == Some(command.attempt));
    let pending = match (before.is_authorized(command.actor), pending) {
        (false, _) => return assert_rejected(before, result, NotActive.into(), after),
        (true, None) => {
            return assert_rejected(before, result, DecideLoginError::NoSuchAttempt, after);
        }
        (true, Some(pending)) => pending.key,
    };
    prop_assert!(result.is_ok(), "the first decision failed: {result:?}");
    if command.decision == Decision::Deny {
        assert_ended(after, Some(pending), EndReason::NotApproved, None)?;
        return only_these_changed(before, after, &[Some(pending)]);
    }
    let replaced = before.active().map(|session| session.key);
    assert_ended(after, replaced, EndReason::Replaced, Some(pending))?;
    // The idle timeout starts with the approval.
    let active = after
        .active()
        .map(|session| (session.key, session.last_seen_at));
    prop_assert_eq!(active, Some((pending, after.now)));
    let alerts = count_alerts(before, after, AlertKind::LoginApproved, pending);
    prop_assert_eq!(alerts, 1);
    only_these_changed(before, after, &[Some(pending), replaced])
}

pub(super) fn invalidated(
    before: &History,
    (actor, target): (Actor, SessionKey),
    result: Result<(), NotActive>,
    after: &History,
) -> TestCaseResult {
    let again = invalidate_session(&after.state, actor, target, after.context());
    prop_assert!(again.is_err() || again.is_ok_and(|again| !again.changes(&after.state)));

    if actor != Actor::Session(target) && !before.is_authorized(actor) {
        return assert_rejected(before, result, NotActive, after);
    }
    prop_assert!(result.is_ok());
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
    only_these_changed(before, after, &[ended])
}

pub(super) fn password_changed(
    before: &History,
    actor: Actor,
    result: Result<(), NotActive>,
    after: &History,
) -> TestCaseResult {
    if !before.is_authorized(actor) {
        return assert_rejected(before, result, NotActive, after);
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

fn assert_rejected<E: Debug + PartialEq>(
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
fn assert_ended(
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

/// Checks that no session except these changed, apart from sessions that had expired.
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
fn count_alerts(before: &History, after: &History, kind: AlertKind, session: SessionKey) -> usize {
    after.alerts[before.alerts.len()..]
        .iter()
        .filter(|alert| alert.kind == kind && alert.session == session)
        .count()
}
