//! What must be true of any history and of any transition.

use proptest::{prelude::*, test_runner::TestCaseError};

use super::model::History;
use crate::domain::{
    AlertKind, EndReason, Ended, Session, SessionKey, Stage, Status,
    rules::{Outcome, SessionWrite, Transition},
};

pub(super) type Checked = Result<(), TestCaseError>;

/// What holds at any instant, whatever happened.
pub(super) fn rules(history: &History) -> Checked {
    let History {
        now,
        state,
        sessions,
        alerts,
        ..
    } = history;
    let recorded =
        |is: fn(&Status) -> bool| sessions.iter().filter(move |session| is(&session.status));
    let active: Vec<_> = recorded(|status| matches!(status, Status::Active)).collect();
    let pending: Vec<_> = recorded(|status| matches!(status, Status::Pending { .. })).collect();
    prop_assert!(
        active.len() <= 1,
        "two sessions are recorded as active: {active:?}"
    );
    prop_assert!(
        pending.len() <= 1,
        "two sessions are recorded as pending: {pending:?}"
    );
    prop_assert_eq!(
        active.first().copied(),
        state.active.as_ref(),
        "the user's active session"
    );
    prop_assert_eq!(
        pending.first().copied(),
        state.pending.as_ref(),
        "the user's pending session"
    );

    for session in sessions {
        let is_valid = session.is_valid(*now);
        let is_the_active_one = state
            .active
            .as_ref()
            .is_some_and(|active| active.key == session.key);
        prop_assert!(
            !is_valid || is_the_active_one,
            "the token of a loser works: {session:?}"
        );
        prop_assert!(
            !is_valid || history.let_in.contains(&session.key),
            "never let in: {session:?}"
        );
        let idle = now.since(session.last_seen_at) >= session.idle_timeout;
        let is_past_its_limit = idle || *now >= session.lifetime_ends_at;
        prop_assert!(
            !is_valid || !is_past_its_limit,
            "valid past its limit: {session:?}"
        );
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
    prop_assert!(
        alerts.is_sorted_by_key(|alert| alert.created_at),
        "alerts are in the order of time"
    );
    Ok(())
}

/// What holds of any transition, whatever the command.
pub(super) fn transition(before: &History, transition: &Transition) -> Checked {
    let Transition {
        next,
        sessions,
        alerts,
        ..
    } = transition;
    let writes = !sessions.is_empty() || !alerts.is_empty() || *next != before.state;
    prop_assert_eq!(
        transition.changes(&before.state),
        writes,
        "a version of its own for each change"
    );
    prop_assert_eq!(next.version, before.state.version + u64::from(writes));

    let mut ends = Vec::new();
    for (index, write) in sessions.iter().enumerate() {
        let session = write.session();
        let others = &sessions[..index];
        prop_assert!(
            others
                .iter()
                .all(|other| other.session().key != session.key),
            "written twice"
        );
        match (write, before.session(session.key)) {
            (SessionWrite::Open(_), None) => {
                prop_assert!(!matches!(session.status, Status::Ended(_)));
                prop_assert_eq!(
                    (session.created_at, session.last_seen_at),
                    (before.now, before.now)
                );
            }
            (SessionWrite::Change(_) | SessionWrite::ExpireUnseen(_), Some(stored)) => {
                prop_assert!(
                    !matches!(stored.status, Status::Ended(_)),
                    "an ended session changed"
                );
                prop_assert_eq!(with_same_progress(stored, session), session.clone());
            }
            _ => prop_assert!(
                false,
                "opened twice, or changed before it was opened: {write:?}"
            ),
        }
        if let Status::Ended(ended) = session.status {
            let by_idleness =
                ended.reason == EndReason::Expired && ended.at < session.lifetime_ends_at;
            prop_assert_eq!(matches!(write, SessionWrite::ExpireUnseen(_)), by_idleness);
            ends.push((session.key, ended));
        }
    }
    each_end_is_alerted_once(before, transition, &ends)?;
    time_ended_what_it_should(before, &ends)
}

/// The stored session with what a change may move: its status, and its last request.
fn with_same_progress(stored: &Session, changed: &Session) -> Session {
    Session {
        status: changed.status.clone(),
        last_seen_at: changed.last_seen_at,
        ..stored.clone()
    }
}

fn each_end_is_alerted_once(
    before: &History,
    transition: &Transition,
    ends: &[(SessionKey, Ended)],
) -> Checked {
    for (key, ended) in ends {
        let raised = transition
            .alerts
            .iter()
            .filter(|alert| alert.session == *key && alert.kind == kind_of(ended));
        let raised: Vec<_> = raised.collect();
        // A device that asks again while it waits takes its own place in silence.
        let asked_again = before.session(*key).and_then(Session::attempt).is_some_and(|attempt| {
            ended.reason == EndReason::NotApproved
                && matches!(&transition.outcome, Outcome::AwaitingApproval(next) if next.attempt() == Some(attempt))
        });
        prop_assert_eq!(
            raised.len(),
            usize::from(!asked_again),
            "alerts for {:?} {:?}",
            key,
            ended
        );
        prop_assert!(raised.iter().all(|alert| alert.created_at == ended.at));
    }
    for alert in &transition.alerts {
        use AlertKind::{LoginApproved, LoginPending, LoginRefused};
        let is_an_end = !matches!(alert.kind, LoginRefused | LoginPending | LoginApproved);
        let has_ended = ends
            .iter()
            .any(|(key, ended)| alert.session == *key && alert.kind == kind_of(ended));
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
        let recorded = ends
            .iter()
            .find(|(key, _)| *key == session.key)
            .map(|(_, ended)| *ended);
        match session.stage(before.now) {
            Stage::Ended(ended) => {
                prop_assert_eq!(recorded, Some(ended), "time has ended {:?}", session.key);
            }
            Stage::Active | Stage::Pending => {
                prop_assert!(recorded.is_none_or(|ended| ended.at == before.now));
                prop_assert!(recorded.is_none_or(|ended| ended.reason != EndReason::Expired));
            }
        }
    }
    Ok(())
}
