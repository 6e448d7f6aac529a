//! Checks that apply to every history and to every transition.

use proptest::{prelude::*, test_runner::TestCaseResult};

use super::{
    clock::{self, Step},
    model::History,
};
use crate::domain::{
    AlertKind, EndReason, Ended, MAX_KNOWN_DEVICES, MAX_RECENT_CHOICES, Session, SessionKey, Stage,
    Status,
    rules::{SessionWrite, Transition},
};

/// Checks the rules that hold at every instant.
pub(super) fn rules(history: &History) -> TestCaseResult {
    current_sessions_are_the_recorded_ones(history)?;
    for session in &history.sessions {
        only_a_current_login_is_valid(history, session)?;
    }
    clock::limits_hold(history)?;
    nobody_waits_in_vain(history)?;
    numbers_have_no_gap(history)
}

/// Checks that at most one session is active and at most one is pending, and that the user's state
/// contains them.
fn current_sessions_are_the_recorded_ones(history: &History) -> TestCaseResult {
    let History {
        state, sessions, ..
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
    Ok(())
}

/// Checks that a frozen user has no session, that a login waits only while a session is active, and
/// that what is remembered is bounded.
fn nobody_waits_in_vain(history: &History) -> TestCaseResult {
    let state = &history.state;
    prop_assert!(
        state.pending.is_none() || state.active.is_some(),
        "nobody can decide"
    );
    let is_frozen = state.freeze_at(history.now).is_some();
    prop_assert!(
        !is_frozen || state.active.is_none(),
        "a frozen user has a session"
    );
    prop_assert!(state.history.devices.len() <= MAX_KNOWN_DEVICES);
    prop_assert!(state.history.recent_choices.len() <= MAX_RECENT_CHOICES);
    Ok(())
}

/// Checks that a valid session is the active one, that its login succeeded, and that its limits
/// have not passed.
fn only_a_current_login_is_valid(history: &History, session: &Session) -> TestCaseResult {
    let now = history.now;
    let is_valid = session.is_valid(now);
    let is_the_active_one = history
        .state
        .active
        .as_ref()
        .is_some_and(|active| active.key == session.key);
    prop_assert!(
        !is_valid || is_the_active_one,
        "the token of a session that is not active is valid: {session:?}"
    );
    prop_assert!(
        !is_valid || history.admitted.contains(&session.key),
        "valid without a successful login: {session:?}"
    );
    let is_idle = now.since(session.last_seen_at) >= session.idle_timeout;
    let is_past_its_limit = is_idle || now >= session.lifetime_ends_at;
    prop_assert!(
        !is_valid || !is_past_its_limit,
        "valid past its limit: {session:?}"
    );
    Ok(())
}

/// Checks the numbers of sessions and alerts, and the order of the alerts.
fn numbers_have_no_gap(history: &History) -> TestCaseResult {
    let History {
        state,
        sessions,
        alerts,
        ..
    } = history;
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
        history.stopwatch.step != Step::Never || alerts.is_sorted_by_key(|alert| alert.created_at),
        "alerts are ordered by time, unless the clock was set back"
    );
    Ok(())
}

/// Checks the rules that hold for the transition of every command.
pub(super) fn transition(before: &History, transition: &Transition) -> TestCaseResult {
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
        "each change raises the version"
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
            "a session is written twice"
        );
        match (write, before.session(session.key)) {
            (SessionWrite::Open(_), None) => {
                prop_assert!(!matches!(session.status, Status::Ended(_)));
                prop_assert_eq!(
                    (session.created_at, session.last_seen_at),
                    (before.now, before.now)
                );
            }
            (SessionWrite::Change(_) | SessionWrite::ExpireIdle(_), Some(stored)) => {
                prop_assert!(
                    !matches!(stored.status, Status::Ended(_)),
                    "an ended session changes"
                );
                prop_assert_eq!(with_new_progress(stored, session), session.clone());
            }
            (SessionWrite::Renew(_), Some(stored)) => {
                let is_pending = matches!(stored.status, Status::Pending { .. });
                prop_assert!(is_pending, "only a pending session is renewed");
                prop_assert_eq!(stored.attempt(), session.attempt());
                prop_assert_eq!(with_new_login(stored, session), session.clone());
                prop_assert_ne!(stored.token_hash, session.token_hash);
            }
            (SessionWrite::SetBack(_), Some(stored)) => {
                prop_assert!(
                    !matches!(stored.status, Status::Ended(_)),
                    "an ended session changes"
                );
                prop_assert!(stored.last_seen_at > before.now, "nothing to set back");
                prop_assert_eq!(with_new_instants(stored, session), session.clone());
            }
            _ => prop_assert!(
                false,
                "opened twice, or changed before it was opened: {write:?}"
            ),
        }
        if let Status::Ended(ended) = session.status {
            let by_idle_timeout =
                ended.reason == EndReason::Expired && ended.at < session.lifetime_ends_at;
            prop_assert_eq!(
                matches!(write, SessionWrite::ExpireIdle(_)),
                by_idle_timeout
            );
            ends.push((session.key, ended));
        }
    }
    each_end_is_alerted_once(transition, &ends)?;
    each_expiry_is_recorded(before, &ends)
}

/// The stored session with the two fields that a transition may change: the status and the
/// last-seen time.
fn with_new_progress(stored: &Session, changed: &Session) -> Session {
    Session {
        status: changed.status.clone(),
        last_seen_at: changed.last_seen_at,
        ..stored.clone()
    }
}

/// The stored session with the fields that a renewal changes: the token and the device, and the
/// instants if the clock was set back.
fn with_new_login(stored: &Session, renewed: &Session) -> Session {
    Session {
        token_hash: renewed.token_hash,
        device: renewed.device.clone(),
        ..with_new_instants(stored, renewed)
    }
}

/// The stored session with the fields that a transition may change after the clock was set back.
/// Every limit is at most as late as before.
fn with_new_instants(stored: &Session, changed: &Session) -> Session {
    Session {
        created_at: changed.created_at.min(stored.created_at),
        lifetime_ends_at: changed.lifetime_ends_at.min(stored.lifetime_ends_at),
        ..with_new_progress(stored, changed)
    }
}

/// Checks that each end raises one alert, and that no other alert reports an end.
fn each_end_is_alerted_once(
    transition: &Transition,
    ends: &[(SessionKey, Ended)],
) -> TestCaseResult {
    for (key, ended) in ends {
        let raised: Vec<_> = transition
            .alerts
            .iter()
            .filter(|alert| alert.session == Some(*key) && alert.kind == kind_of(ended))
            .collect();
        prop_assert_eq!(raised.len(), 1, "alerts for {:?} {:?}", key, ended);
        prop_assert!(raised.iter().all(|alert| alert.created_at == ended.at));
    }
    for alert in &transition.alerts {
        use AlertKind::{AccountUnfrozen, LoginApproved, LoginPending, LoginRefused};
        let reports_no_end = matches!(
            alert.kind,
            LoginRefused | LoginPending | LoginApproved | AccountUnfrozen
        );
        let is_about_user = alert.kind == AlertKind::AccountFrozen && alert.session.is_none();
        let reports_end = !reports_no_end && !is_about_user;
        let has_ended = ends
            .iter()
            .any(|(key, ended)| alert.session == Some(*key) && alert.kind == kind_of(ended));
        prop_assert!(!reports_end || has_ended, "no session ended: {alert:?}");
    }
    Ok(())
}

/// The kind of the alert about an end. It repeats [`EndReason::alert_kind`] on purpose, to be
/// independent of the code under test.
const fn kind_of(ended: &Ended) -> AlertKind {
    match ended.reason {
        EndReason::Invalidated(by) => AlertKind::SessionInvalidated(by),
        EndReason::Replaced => AlertKind::SessionReplaced,
        EndReason::Expired => AlertKind::SessionExpired,
        EndReason::NotApproved => AlertKind::LoginNotApproved,
        EndReason::PasswordChanged => AlertKind::PasswordChanged,
        EndReason::Frozen => AlertKind::AccountFrozen,
    }
}

/// Checks that the transition records the end of each session whose limit has passed, at that
/// limit.
fn each_expiry_is_recorded(before: &History, ends: &[(SessionKey, Ended)]) -> TestCaseResult {
    for session in before.state.active.iter().chain(&before.state.pending) {
        let recorded = ends
            .iter()
            .find(|(key, _)| *key == session.key)
            .map(|(_, ended)| *ended);
        match session.stage(before.now) {
            Stage::Ended(ended) => {
                prop_assert_eq!(
                    recorded,
                    Some(ended),
                    "the limit of {:?} has passed",
                    session.key
                );
            }
            Stage::Active | Stage::Pending => {
                prop_assert!(recorded.is_none_or(|ended| ended.at == before.now));
                prop_assert!(recorded.is_none_or(|ended| ended.reason != EndReason::Expired));
            }
        }
    }
    Ok(())
}
