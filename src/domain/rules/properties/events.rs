//! What must be true of each kind of event: the rules, said again from outside.

use proptest::{prelude::*, test_runner::TestCaseError};

use super::{
    Event, On,
    checks::Checked,
    model::{History, POLICY, is_in_charge, new_ids},
};
use crate::domain::{
    AlertKind, AttemptId, EndReason, Ended, SessionKey, Status,
    rules::{Actor, Command, Decision, OnConflict, Outcome, Refusal, Transition, decide},
};

/// What holds of one event: `before` and `after` are the history around it.
pub(super) fn check(
    before: &History,
    event: &Event,
    command: &Command,
    answer: &Result<Transition, Refusal>,
    after: &History,
) -> Checked {
    match (event, command) {
        (Event::Login { on, on_conflict }, _) => {
            prop_assert!(answer.is_ok(), "a login was not answered: {answer:?}");
            let outcome = &answer.as_ref().expect("it was answered").outcome;
            login(before, (*on, *on_conflict), outcome, after)
        }
        (
            _,
            Command::Decide {
                actor,
                attempt,
                decision,
            },
        ) => {
            decided(before, (*actor, *attempt, *decision), answer, after)?;
            // The first answer counts.
            let again = decide(&after.state, command.clone(), after.now, &POLICY);
            prop_assert!(again.is_err(), "a login was answered twice: {again:?}");
            Ok(())
        }
        (_, Command::Invalidate { actor, session }) => {
            invalidated(before, (*actor, *session), answer, after)?;
            let again = decide(&after.state, command.clone(), after.now, &POLICY);
            prop_assert!(again.is_err() || again.is_ok_and(|again| !again.changes(&after.state)));
            Ok(())
        }
        (_, Command::ChangePassword { actor, .. }) => {
            password_changed(before, *actor, answer, after)
        }
        _ => {
            prop_assert!(answer.is_ok());
            only_these_changed(before, after, &[])
        }
    }
}

fn login(
    before: &History,
    (on, on_conflict): (On, OnConflict),
    outcome: &Outcome,
    after: &History,
) -> Checked {
    let new_ids = new_ids(before.sessions.len() as u128 + 1);
    let device = on.device();
    let waiting = before.waiting().map(|session| session.key);
    let Some(holder) = before.holder() else {
        // An expired session is never in the way, whatever was chosen.
        prop_assert!(matches!(outcome, Outcome::LoggedIn(opened) if opened.key == new_ids.session));
        ended(after, waiting, EndReason::NotApproved, None)?;
        return only_these_changed(before, after, &[waiting, Some(new_ids.session)]);
    };
    let is_its_own = device.id.is_some() && device.id == holder.device.id;
    match on_conflict {
        _ if is_its_own => {
            prop_assert!(
                matches!(outcome, Outcome::LoggedIn(opened) if opened.key == new_ids.session)
            );
            ended(
                after,
                Some(holder.key),
                EndReason::Replaced,
                Some(new_ids.session),
            )?;
            only_these_changed(before, after, &[Some(holder.key), Some(new_ids.session)])
        }
        OnConflict::TakeOver => {
            prop_assert!(
                matches!(outcome, Outcome::LoggedIn(opened) if opened.key == new_ids.session)
            );
            ended(
                after,
                Some(holder.key),
                EndReason::Replaced,
                Some(new_ids.session),
            )?;
            ended(after, waiting, EndReason::NotApproved, None)?;
            only_these_changed(
                before,
                after,
                &[Some(holder.key), waiting, Some(new_ids.session)],
            )
        }
        OnConflict::Reject => {
            prop_assert_eq!(outcome, &Outcome::LoginRefused);
            let told = raised(before, after, AlertKind::LoginRefused, holder.key);
            prop_assert_eq!(told, usize::from(!before.was_told_lately(on, on_conflict)));
            only_these_changed(before, after, &[])
        }
        OnConflict::Ask => {
            prop_assert!(
                matches!(outcome, Outcome::AwaitingApproval(opened) if opened.key == new_ids.session)
            );
            let Some(opened) = after.waiting() else {
                return Err(TestCaseError::fail("it does not wait"));
            };
            prop_assert_eq!(
                opened.expires_at(),
                before.now.plus(POLICY.approval_timeout)
            );
            let asked_before = before.waiting().filter(|session| session.device == device);
            let told = raised(before, after, AlertKind::LoginPending, holder.key);
            if let Some(asked_before) =
                asked_before.filter(|_| before.was_told_lately(on, on_conflict))
            {
                prop_assert_eq!(told, 0);
                prop_assert_eq!(
                    opened.attempt(),
                    asked_before.attempt(),
                    "the answer would miss it"
                );
            } else {
                prop_assert_eq!(told, 1);
                prop_assert_eq!(
                    opened.attempt().map(|attempt| attempt.id),
                    Some(new_ids.attempt)
                );
            }
            ended(after, waiting, EndReason::NotApproved, None)?;
            only_these_changed(before, after, &[waiting, Some(new_ids.session)])
        }
    }
}

fn decided(
    before: &History,
    (actor, attempt, decision): (Actor, AttemptId, Decision),
    answer: &Result<Transition, Refusal>,
    after: &History,
) -> Checked {
    let waiting = before
        .waiting()
        .filter(|session| session.attempt() == Some(attempt));
    let (waiting, answered) = match (is_in_charge(before, actor), waiting, answer) {
        (false, _, answer) => return refused(before, answer, Refusal::NotActive, after),
        (true, None, answer) => return refused(before, answer, Refusal::NoSuchAttempt, after),
        (true, Some(waiting), answer) => (waiting.key, answer),
    };
    prop_assert!(
        answered.is_ok(),
        "the first answer was refused: {answered:?}"
    );
    if decision == Decision::Deny {
        ended(after, Some(waiting), EndReason::NotApproved, None)?;
        return only_these_changed(before, after, &[Some(waiting)]);
    }
    let holder = before.holder().map(|session| session.key);
    ended(after, holder, EndReason::Replaced, Some(waiting))?;
    // Its idle time starts with the approval.
    let seen = after
        .holder()
        .map(|session| (session.key, session.last_seen_at));
    prop_assert_eq!(seen, Some((waiting, after.now)));
    prop_assert_eq!(raised(before, after, AlertKind::LoginApproved, waiting), 1);
    only_these_changed(before, after, &[Some(waiting), holder])
}

fn invalidated(
    before: &History,
    (actor, target): (Actor, SessionKey),
    answer: &Result<Transition, Refusal>,
    after: &History,
) -> Checked {
    if actor != Actor::Session(target) && !is_in_charge(before, actor) {
        return refused(before, answer, Refusal::NotActive, after);
    }
    prop_assert!(answer.is_ok());
    let open = before
        .holder()
        .into_iter()
        .chain(before.waiting())
        .find(|session| session.key == target);
    let open = open.map(|session| session.key);
    ended(after, open, EndReason::Invalidated, None)?;
    only_these_changed(before, after, &[open])
}

fn password_changed(
    before: &History,
    actor: Actor,
    answer: &Result<Transition, Refusal>,
    after: &History,
) -> Checked {
    if !is_in_charge(before, actor) {
        return refused(before, answer, Refusal::NotActive, after);
    }
    prop_assert!(answer.is_ok());
    prop_assert_ne!(&after.state.password, &before.state.password);
    let others = match actor {
        Actor::Service => before.holder().map(|session| session.key),
        Actor::Session(_) => None,
    };
    let waiting = before.waiting().map(|session| session.key);
    ended(after, others, EndReason::PasswordChanged, None)?;
    ended(after, waiting, EndReason::PasswordChanged, None)?;
    only_these_changed(before, after, &[others, waiting])
}

fn refused(
    before: &History,
    answer: &Result<Transition, Refusal>,
    expected: Refusal,
    after: &History,
) -> Checked {
    prop_assert_eq!(answer.as_ref().err(), Some(&expected));
    prop_assert_eq!(&after.state, &before.state);
    Ok(())
}

/// The session, where there is one, ended just now for this reason.
fn ended(
    after: &History,
    key: Option<SessionKey>,
    reason: EndReason,
    replaced_by: Option<SessionKey>,
) -> Checked {
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

/// No session but these changed, apart from what time had ended.
fn only_these_changed(before: &History, after: &History, keys: &[Option<SessionKey>]) -> Checked {
    for session in after
        .sessions
        .iter()
        .filter(|session| !keys.contains(&Some(session.key)))
    {
        let stored = before.session(session.key);
        prop_assert!(stored.is_some(), "opened out of turn: {session:?}");
        let stage = stored.map(|stored| stored.stage(after.now));
        prop_assert_eq!(
            stage,
            Some(session.stage(after.now)),
            "changed out of turn: {:?}",
            session.key
        );
    }
    Ok(())
}

/// How many alerts of this kind the event raised about this session.
fn raised(before: &History, after: &History, kind: AlertKind, session: SessionKey) -> usize {
    let raised = &after.alerts[before.alerts.len()..];
    raised
        .iter()
        .filter(|alert| alert.kind == kind && alert.session == session)
        .count()
}
