//! The expected effect of decisions on waiting logins.

use proptest::{prelude::*, test_runner::TestCaseResult};

use super::{
    clock::lowered,
    events::{assert_ended, assert_rejected, count_alerts, only_these_changed},
    model::{History, POLICY},
};
use crate::domain::{
    AlertKind, Denials, EndReason, Session,
    rules::{
        Actor, DecideLogin, DecideLoginError, Decision, DecisionOutcome, NotActive, decide_login,
        expire,
    },
};

pub(super) fn decided(
    before: &History,
    command: DecideLogin,
    result: Result<DecisionOutcome, DecideLoginError>,
    after: &History,
) -> TestCaseResult {
    let again = decide_login(&after.state, command, after.context());
    prop_assert!(again.is_err(), "a login was decided twice: {again:?}");

    let pending = before
        .pending()
        .filter(|session| session.attempt() == Some(command.attempt));
    let pending = match (before.is_authorized(command.actor), pending) {
        (false, _) => return assert_rejected(before, result.map(drop), NotActive.into(), after),
        (true, None) => {
            return assert_rejected(
                before,
                result.map(drop),
                DecideLoginError::NoSuchAttempt,
                after,
            );
        }
        (true, Some(pending)) => pending,
    };
    if was_taken_over(before, command.actor) {
        return assert_rejected(
            before,
            result.map(drop),
            DecideLoginError::MayNotDecide,
            after,
        );
    }
    let Some(expected) = expected_outcome(command, pending) else {
        return assert_rejected(
            before,
            result.map(drop),
            DecideLoginError::NumberRequired,
            after,
        );
    };
    prop_assert_eq!(result, Ok(expected));
    if expected == DecisionOutcome::Approved {
        prop_assert_eq!(after.state.history.denials, None);
        return approved(before, pending, after);
    }
    assert_ended(after, Some(pending.key), EndReason::NotApproved, None)?;
    is_denial(before, after)?;
    only_these_changed(before, after, &[Some(pending.key)])
}

/// Checks that one more denial was counted, and that it has started a pause.
pub(super) fn is_denial(before: &History, after: &History) -> TestCaseResult {
    let counted = |history: &History| {
        expire(&history.state, before.context())
            .next
            .history
            .denials
    };
    let (old, new) = (counted(before), counted(after));
    let pause = new.as_ref().and_then(Denials::pause_ends_at);
    prop_assert!(
        pause.is_some_and(|ends_at| ends_at > after.now),
        "no pause after a denial"
    );
    let is_remembered = |denials: &Denials| before.now.since(denials.last_at) < Denials::MEMORY;
    let before = old.filter(is_remembered).map_or(0, |denials| denials.count);
    prop_assert_eq!(new.map(|denials| denials.count), Some(before + 1));
    Ok(())
}

/// `None` if the number is required.
fn expected_outcome(command: DecideLogin, pending: &Session) -> Option<DecisionOutcome> {
    let right = pending.matching().map(|matching| matching.number().into());
    match (command.decision, command.number) {
        (Decision::Deny, _) => Some(DecisionOutcome::Denied),
        (Decision::Approve, None) if command.actor == Actor::Service => {
            Some(DecisionOutcome::Approved)
        }
        (Decision::Approve, None) => None,
        (Decision::Approve, number) if number == right => Some(DecisionOutcome::Approved),
        (Decision::Approve, Some(_)) => Some(DecisionOutcome::WrongNumber),
    }
}

/// Whether a take-over that counts against the limit has opened the actor's session.
pub(super) fn was_taken_over(before: &History, actor: Actor) -> bool {
    let Actor::Session(key) = actor else {
        return false;
    };
    let ends_at = before
        .taken_at
        .min(before.now)
        .plus(POLICY.take_over_limit.window);
    before.taken == Some(key) && before.now < ends_at
}

fn approved(before: &History, waiting: &Session, after: &History) -> TestCaseResult {
    let pending = waiting.key;
    let replaced = before.active().map(|session| session.key);
    assert_ended(after, replaced, EndReason::Replaced, Some(pending))?;
    // The idle timeout starts with the approval, or with a login on a node whose clock is ahead within
    // the tolerance: no command but a correction moves a last-seen time back.
    let seen_at = lowered(waiting.last_seen_at, after.now).max(after.now);
    let active = after
        .active()
        .map(|session| (session.key, session.last_seen_at));
    prop_assert_eq!(active, Some((pending, seen_at)));
    let alerts = count_alerts(before, after, AlertKind::LoginApproved, pending);
    prop_assert_eq!(alerts, 1);
    only_these_changed(before, after, &[Some(pending), replaced])
}
