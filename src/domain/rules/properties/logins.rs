//! The expected effect of logins.

use std::time::Duration;

use proptest::{
    prelude::*,
    test_runner::{TestCaseError, TestCaseResult},
};

use super::{
    clock::lowered,
    devices::TestDevice,
    events::{assert_ended, count_alerts, only_these_changed},
    model::{History, POLICY},
};
use crate::domain::{
    AlertKind, DeviceDescription, EndReason, LoginHistory, Session, SessionKey, Timestamp,
    rules::{Frozen, LoginError, LoginOutcome, OnConflict, Transition, expire},
};

#[derive(Debug, Clone, Copy)]
pub(super) struct TestLogin {
    pub device: TestDevice,
    pub on_conflict: OnConflict,
    pub by_service: bool,
}

/// Only the freeze rejects a login, because the histories have no other bound.
pub(super) fn rejected(before: &History, error: LoginError) -> TestCaseResult {
    prop_assert_eq!(error, Frozen.into());
    let freeze = before.state.freeze.as_ref();
    let holds = freeze.is_some_and(|freeze| freeze.until.is_none_or(|until| before.now < until));
    prop_assert!(holds, "rejected without a freeze");
    Ok(())
}

pub(super) fn logged_in(
    before: &History,
    login: TestLogin,
    outcome: &LoginOutcome,
    after: &History,
) -> TestCaseResult {
    let opened = before.next_ids().session;
    let pending = before.pending().map(|session| session.key);
    let Some(active) = before.active() else {
        // An expired session never causes a conflict, whatever `on_conflict` is.
        assert_logged_in(outcome, opened)?;
        return only_these_changed(before, after, &[Some(opened)]);
    };
    let id = login.device.device().id;
    let is_same_device = id.is_some() && id == active.device.id;
    match login.on_conflict {
        _ if is_same_device => {
            assert_logged_in(outcome, opened)?;
            assert_ended(after, Some(active.key), EndReason::Replaced, Some(opened))?;
            only_these_changed(before, after, &[Some(active.key), Some(opened)])
        }
        OnConflict::TakeOver => {
            if let Some(rest) = take_over_limit(before, login) {
                return refused(before, login.device, outcome, Some(rest), after);
            }
            assert_logged_in(outcome, opened)?;
            assert_ended(after, Some(active.key), EndReason::Replaced, Some(opened))?;
            assert_ended(after, pending, EndReason::NotApproved, None)?;
            only_these_changed(before, after, &[Some(active.key), pending, Some(opened)])
        }
        OnConflict::Reject => refused(before, login.device, outcome, None, after),
        OnConflict::Ask => asked(before, login, outcome, after),
    }
}

fn assert_logged_in(outcome: &LoginOutcome, expected: SessionKey) -> TestCaseResult {
    prop_assert!(matches!(outcome, LoginOutcome::LoggedIn(session) if session.key == expected));
    Ok(())
}

fn refused(
    before: &History,
    device: TestDevice,
    outcome: &LoginOutcome,
    retry_after: Option<Duration>,
    after: &History,
) -> TestCaseResult {
    prop_assert_eq!(outcome, &LoginOutcome::Refused { retry_after });
    let alerts = before.active().map_or(0, |active| {
        count_alerts(before, after, AlertKind::LoginRefused, active.key)
    });
    let expected = usize::from(!before.was_alerted(device, OnConflict::Reject));
    prop_assert_eq!(alerts, expected);
    only_these_changed(before, after, &[])
}

/// What is remembered of the logins once the expiries are recorded.
fn settled(before: &History) -> LoginHistory {
    expire(&before.state, before.context()).next.history
}

/// The time until `start` plus `length`. `None` if it has passed. A `start` in the future counts as now.
fn rest(start: Timestamp, length: Duration, now: Timestamp) -> Option<Duration> {
    let end = start.min(now).plus(length);
    (now < end).then(|| end.since(now))
}

/// The time until a take-over is possible again. `None` if it is possible now.
fn take_over_limit(before: &History, login: TestLogin) -> Option<Duration> {
    let take_overs = settled(before).take_overs?;
    let started_at = take_overs.window.started_at;
    let rest = rest(started_at, POLICY.take_over_limit.window, before.now)?;
    let is_incumbent = before.incumbent.is_some() && before.incumbent == login.device.device().id;
    let is_over = take_overs.window.count >= POLICY.take_over_limit.count.get();
    (is_over && !login.by_service && !is_incumbent).then_some(rest)
}

/// A login from another device with [`OnConflict::Ask`] while a session is active.
fn asked(
    before: &History,
    login: TestLogin,
    outcome: &LoginOutcome,
    after: &History,
) -> TestCaseResult {
    let device = login.device.device();
    let waiting = before.pending();
    let renewed = waiting.filter(|session| device.id.is_some() && device.id == session.device.id);
    if renewed.is_none() {
        let history = settled(before);
        let pause = history.denials.and_then(|denials| {
            let ends_at = denials.pause_ends_at()?;
            (before.now < ends_at).then(|| ends_at.since(before.now))
        });
        if let (Some(_), false) = (pause, login.by_service) {
            let expected = LoginOutcome::Refused { retry_after: pause };
            prop_assert_eq!(outcome, &expected);
            let raised = after.alerts[before.alerts.len()..].iter();
            let about_logins = raised
                .filter(|a| matches!(a.kind, AlertKind::LoginRefused | AlertKind::LoginPending));
            prop_assert_eq!(about_logins.count(), 0, "an alert in a pause");
            return only_these_changed(before, after, &[]);
        }
        let superseding = history.supersessions.filter(|window| window.count >= 2);
        let rest = superseding
            .and_then(|window| rest(window.started_at, POLICY.approval_timeout, before.now));
        if let (Some(_), Some(_)) = (waiting, rest) {
            return refused(before, login.device, outcome, rest, after);
        }
    }
    waits(before, login.device, outcome, after)
}

fn waits(
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
    let id = device.device().id;
    let renewed = before
        .pending()
        .filter(|session| id.is_some() && id == session.device.id);
    if let Some(renewed) = renewed {
        prop_assert_eq!(waiting.key, renewed.key);
        prop_assert_eq!(waiting.attempt(), renewed.attempt());
        prop_assert_eq!(waiting.matching(), renewed.matching());
        // The first deadline stays, unless the clock was set back by more than the tolerance.
        let asked_at = lowered(renewed.created_at, before.now);
        let latest = asked_at.plus(POLICY.approval_timeout);
        prop_assert_eq!(waiting.expires_at(), renewed.expires_at().min(latest));
        let label = |session: &Session| DeviceDescription::of(&session.device.user_agent).label;
        let has_new_label = label(waiting) != label(renewed);
        let expected = has_new_label || !before.was_alerted(device, OnConflict::Ask);
        prop_assert_eq!(alerts, usize::from(expected));
        return only_these_changed(before, after, &[]);
    }
    prop_assert_eq!(waiting.key, ids.session);
    let until = before.now.plus(POLICY.approval_timeout);
    prop_assert_eq!(waiting.expires_at(), until);
    let attempt = waiting.attempt().map(|attempt| attempt.id);
    prop_assert_eq!(attempt, Some(ids.attempt));
    prop_assert_eq!(alerts, 1);
    numbers_are_fresh(before, after)?;
    let superseded = before.pending().map(|session| session.key);
    assert_ended(after, superseded, EndReason::NotApproved, None)?;
    only_these_changed(before, after, &[superseded, Some(ids.session)])
}

/// Checks that a new attempt has three numbers that no attempt of the last ten minutes had.
fn numbers_are_fresh(before: &History, after: &History) -> TestCaseResult {
    let matching = after.pending().and_then(Session::matching);
    let Some(matching) = matching else {
        return Err(TestCaseError::fail("the waiting device has no number"));
    };
    let shown = &before.state.history.recent_choices;
    let is_recent = |at: Timestamp| before.now.since(at) < Duration::from_mins(10);
    for recent in shown.iter().filter(|recent| is_recent(recent.at)) {
        let is_shown = |choice: &u8| recent.choices.contains(choice);
        prop_assert!(
            !matching.choices().iter().any(is_shown),
            "a number is shown again"
        );
    }
    Ok(())
}

/// Checks that a login is marked as one of a new device if, and only if, no session was ever active
/// on it.
pub(super) fn newness_is_right(
    before: &History,
    device: TestDevice,
    transition: &Transition,
) -> TestCaseResult {
    let id = device.device().id;
    let expected = id.map(|id| !before.active_devices.contains(&id));
    for alert in &transition.alerts {
        use AlertKind::{LoginPending, LoginRefused, SessionReplaced};
        let is_about_login = matches!(alert.kind, LoginPending | LoginRefused | SessionReplaced);
        if let (true, Some(attempt)) = (is_about_login, &alert.attempt) {
            prop_assert_eq!(attempt.newness.device, expected);
        }
    }
    Ok(())
}
