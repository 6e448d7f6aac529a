//! The rules, said again as what must be true of a history.

use proptest::{prelude::*, test_runner::TestCaseError};

use super::{
    Event, On,
    model::{History, POLICY, fresh, is_approval, is_in_charge},
};
use crate::domain::{
    AlertKind, AttemptId, EndReason, Ended, Session, SessionKey, Stage, Status,
    rules::{Actor, Command, Decision, OnConflict, Outcome, Refusal, SessionWrite, Transition, decide},
};

type Checked = Result<(), TestCaseError>;

/// What holds at any instant, whatever happened.
pub(super) fn rules(history: &History) -> Checked {
    let History { now, state, sessions, alerts, .. } = history;
    let recorded = |is: fn(&Status) -> bool| sessions.iter().filter(move |session| is(&session.status));
    let active: Vec<_> = recorded(|status| matches!(status, Status::Active)).collect();
    let pending: Vec<_> = recorded(|status| matches!(status, Status::Pending { .. })).collect();
    prop_assert!(active.len() <= 1, "two sessions are recorded as active: {active:?}");
    prop_assert!(pending.len() <= 1, "two sessions are recorded as pending: {pending:?}");
    prop_assert_eq!(active.first().copied(), state.active.as_ref(), "the user's active session");
    prop_assert_eq!(pending.first().copied(), state.pending.as_ref(), "the user's pending session");

    for session in sessions {
        let is_valid = session.is_valid(*now);
        let is_the_active_one = state.active.as_ref().is_some_and(|active| active.key == session.key);
        prop_assert!(!is_valid || is_the_active_one, "the token of a loser works: {session:?}");
        prop_assert!(!is_valid || history.let_in.contains(&session.key), "never let in: {session:?}");
        let idle = now.since(session.last_seen_at) >= session.idle_timeout;
        let is_past_its_limit = idle || *now >= session.lifetime_ends_at;
        prop_assert!(!is_valid || !is_past_its_limit, "valid past its limit: {session:?}");
    }

    for (number, session) in (1..).zip(sessions) {
        prop_assert_eq!(session.number, number, "session numbers have no gap");
    }
    prop_assert_eq!(state.sessions_opened, sessions.len() as u64);
    for (sequence, alert) in (1..).zip(alerts) {
        prop_assert_eq!(alert.sequence, sequence, "alert numbers have no gap");
        prop_assert_eq!(alert.user, state.owner.id);
    }
    prop_assert_eq!(state.last_alert, alerts.len() as u64);
    prop_assert!(alerts.is_sorted_by_key(|alert| alert.created_at), "alerts are in the order of time");
    Ok(())
}

/// What holds of any transition, whatever the command.
pub(super) fn transition(before: &History, transition: &Transition) -> Checked {
    let Transition { next, sessions, alerts, .. } = transition;
    let writes = !sessions.is_empty() || !alerts.is_empty() || *next != before.state;
    prop_assert_eq!(transition.changes(&before.state), writes, "a version of its own for each change");
    prop_assert_eq!(next.version, before.state.version + u64::from(writes));

    let mut ends = Vec::new();
    for (index, write) in sessions.iter().enumerate() {
        let session = write.session();
        let others = &sessions[..index];
        prop_assert!(others.iter().all(|other| other.session().key != session.key), "written twice");
        match (write, before.session(session.key)) {
            (SessionWrite::Open(_), None) => {
                prop_assert!(!matches!(session.status, Status::Ended(_)));
                prop_assert_eq!((session.created_at, session.last_seen_at), (before.now, before.now));
            }
            (SessionWrite::Change(_) | SessionWrite::ExpireUnseen(_), Some(stored)) => {
                prop_assert!(!matches!(stored.status, Status::Ended(_)), "an ended session changed");
                prop_assert_eq!(with_same_progress(stored, session), session.clone());
            }
            _ => prop_assert!(false, "opened twice, or changed before it was opened: {write:?}"),
        }
        if let Status::Ended(ended) = session.status {
            let by_idleness = ended.reason == EndReason::Expired && ended.at < session.lifetime_ends_at;
            prop_assert_eq!(matches!(write, SessionWrite::ExpireUnseen(_)), by_idleness);
            ends.push((session.key, ended));
        }
    }
    each_end_is_alerted_once(before, transition, &ends)?;
    time_ended_what_it_should(before, &ends)
}

/// The stored session with what a change may move: its status, and its last request.
fn with_same_progress(stored: &Session, changed: &Session) -> Session {
    Session { status: changed.status.clone(), last_seen_at: changed.last_seen_at, ..stored.clone() }
}

fn each_end_is_alerted_once(
    before: &History,
    transition: &Transition,
    ends: &[(SessionKey, Ended)],
) -> Checked {
    for (key, ended) in ends {
        let raised =
            transition.alerts.iter().filter(|alert| alert.session == *key && alert.kind == kind_of(ended));
        let raised: Vec<_> = raised.collect();
        // A device that asks again while it waits takes its own place in silence.
        let asked_again = before.session(*key).and_then(Session::attempt).is_some_and(|attempt| {
            ended.reason == EndReason::NotApproved
                && matches!(&transition.outcome, Outcome::AwaitingApproval(next) if next.attempt() == Some(attempt))
        });
        prop_assert_eq!(raised.len(), usize::from(!asked_again), "alerts for {:?} {:?}", key, ended);
        prop_assert!(raised.iter().all(|alert| alert.created_at == ended.at));
    }
    for alert in &transition.alerts {
        use AlertKind::{LoginApproved, LoginPending, LoginRefused};
        let is_an_end = !matches!(alert.kind, LoginRefused | LoginPending | LoginApproved);
        let has_ended = ends.iter().any(|(key, ended)| alert.session == *key && alert.kind == kind_of(ended));
        prop_assert!(!is_an_end || has_ended, "nothing ended: {alert:?}");
    }
    Ok(())
}

const fn kind_of(ended: &Ended) -> AlertKind {
    match ended.reason {
        EndReason::Invalidated => AlertKind::SessionInvalidated,
        EndReason::Replaced => AlertKind::SessionReplaced,
        EndReason::Expired => AlertKind::SessionExpired,
        EndReason::NotApproved => AlertKind::LoginNotApproved,
        EndReason::PasswordChanged => AlertKind::PasswordChanged,
    }
}

/// Whatever the command, a change records each session whose limit has passed, as ended at that limit.
fn time_ended_what_it_should(before: &History, ends: &[(SessionKey, Ended)]) -> Checked {
    for session in before.state.active.iter().chain(&before.state.pending) {
        let recorded = ends.iter().find(|(key, _)| *key == session.key).map(|(_, ended)| *ended);
        match session.stage(before.now) {
            Stage::Ended(ended) => prop_assert_eq!(recorded, Some(ended), "time has ended {:?}", session.key),
            Stage::Active | Stage::Pending => {
                prop_assert!(recorded.is_none_or(|ended| ended.at == before.now));
                prop_assert!(recorded.is_none_or(|ended| ended.reason != EndReason::Expired));
            }
        }
    }
    Ok(())
}

/// What holds of one event: `before` and `after` are the history around it.
pub(super) fn event(
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
        (_, Command::Decide { actor, attempt, decision }) => {
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
        (_, Command::ChangePassword { actor, .. }) => password_changed(before, *actor, answer, after),
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
    let fresh = fresh(before.sessions.len() as u128 + 1);
    let device = on.device();
    let waiting = before.waiting().map(|session| session.key);
    let Some(holder) = before.holder() else {
        // An expired session is never in the way, whatever was chosen.
        prop_assert!(matches!(outcome, Outcome::LoggedIn(opened) if opened.key == fresh.session));
        ended(after, waiting, EndReason::NotApproved, None)?;
        return only_these_changed(before, after, &[waiting, Some(fresh.session)]);
    };
    let is_its_own = device.id.is_some() && device.id == holder.device.id;
    match on_conflict {
        _ if is_its_own => {
            prop_assert!(matches!(outcome, Outcome::LoggedIn(opened) if opened.key == fresh.session));
            ended(after, Some(holder.key), EndReason::Replaced, Some(fresh.session))?;
            only_these_changed(before, after, &[Some(holder.key), Some(fresh.session)])
        }
        OnConflict::TakeOver => {
            prop_assert!(matches!(outcome, Outcome::LoggedIn(opened) if opened.key == fresh.session));
            ended(after, Some(holder.key), EndReason::Replaced, Some(fresh.session))?;
            ended(after, waiting, EndReason::NotApproved, None)?;
            only_these_changed(before, after, &[Some(holder.key), waiting, Some(fresh.session)])
        }
        OnConflict::Reject => {
            prop_assert_eq!(outcome, &Outcome::LoginRefused);
            let told = raised(before, after, AlertKind::LoginRefused, holder.key);
            prop_assert_eq!(told, usize::from(!before.was_told_lately(on, on_conflict)));
            only_these_changed(before, after, &[])
        }
        OnConflict::Ask => {
            prop_assert!(matches!(outcome, Outcome::AwaitingApproval(opened) if opened.key == fresh.session));
            let Some(opened) = after.waiting() else {
                return Err(TestCaseError::fail("it does not wait"));
            };
            prop_assert_eq!(opened.expires_at(), before.now.plus(POLICY.approval_timeout));
            let asked_before = before.waiting().filter(|session| session.device == device);
            let told = raised(before, after, AlertKind::LoginPending, holder.key);
            match asked_before.filter(|_| before.was_told_lately(on, on_conflict)) {
                Some(asked_before) => {
                    prop_assert_eq!(told, 0);
                    prop_assert_eq!(opened.attempt(), asked_before.attempt(), "the answer would miss it");
                }
                None => {
                    prop_assert_eq!(told, 1);
                    prop_assert_eq!(opened.attempt().map(|attempt| attempt.id), Some(fresh.attempt));
                }
            }
            ended(after, waiting, EndReason::NotApproved, None)?;
            only_these_changed(before, after, &[waiting, Some(fresh.session)])
        }
    }
}

fn decided(
    before: &History,
    (actor, attempt, decision): (Actor, AttemptId, Decision),
    answer: &Result<Transition, Refusal>,
    after: &History,
) -> Checked {
    let waiting = before.waiting().filter(|session| session.attempt() == Some(attempt));
    let (waiting, answered) = match (is_in_charge(before, actor), waiting, answer) {
        (false, _, answer) => return refused(before, answer, Refusal::NotActive, after),
        (true, None, answer) => return refused(before, answer, Refusal::NoSuchAttempt, after),
        (true, Some(waiting), answer) => (waiting.key, answer),
    };
    prop_assert!(answered.is_ok(), "the first answer was refused: {answered:?}");
    if !is_approval(decision) {
        ended(after, Some(waiting), EndReason::NotApproved, None)?;
        return only_these_changed(before, after, &[Some(waiting)]);
    }
    let holder = before.holder().map(|session| session.key);
    ended(after, holder, EndReason::Replaced, Some(waiting))?;
    // Its idle time starts with the approval.
    let seen = after.holder().map(|session| (session.key, session.last_seen_at));
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
    let open = before.holder().into_iter().chain(before.waiting()).find(|session| session.key == target);
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
    prop_assert_eq!(status, Some(Status::Ended(Ended { at: after.now, reason, replaced_by })));
    Ok(())
}

/// No session but these changed, apart from what time had ended.
fn only_these_changed(before: &History, after: &History, keys: &[Option<SessionKey>]) -> Checked {
    for session in after.sessions.iter().filter(|session| !keys.contains(&Some(session.key))) {
        let stored = before.session(session.key);
        prop_assert!(stored.is_some(), "opened out of turn: {session:?}");
        let stage = stored.map(|stored| stored.stage(after.now));
        prop_assert_eq!(stage, Some(session.stage(after.now)), "changed out of turn: {:?}", session.key);
    }
    Ok(())
}

/// How many alerts of this kind the event raised about this session.
fn raised(before: &History, after: &History, kind: AlertKind, session: SessionKey) -> usize {
    let raised = &after.alerts[before.alerts.len()..];
    raised.iter().filter(|alert| alert.kind == kind && alert.session == session).count()
}
