//! The bound on alerts a minute: no devices, whatever they call themselves, exceed it, and no
//! refused login is lost.

use std::{num::NonZeroU32, time::Duration};

use proptest::{
    prelude::*,
    test_runner::{Config, RngSeed, TestCaseError, TestCaseResult},
};

use super::{
    super::{LoginError, LoginOutcome, OnConflict, TooManyAlerts},
    user::{TestUser, device_with_id},
};
use crate::domain::{Alert, AlertKind, AlertWindow, EndedBy, Stage, Timestamp};

const MAX: NonZeroU32 = NonZeroU32::new(4).unwrap();

#[derive(Debug, Clone, Copy)]
enum Step {
    Wait(Duration),
    /// A login of a new device.
    LogIn(OnConflict),
    /// The waiting login, if there is one, ends itself.
    Withdraw,
    /// The maintenance task reports folded logins.
    Report,
}

fn step() -> impl Strategy<Value = Step> {
    let wait = prop::sample::select(vec![0, 1, 20, 59, 60]).prop_map(Duration::from_secs);
    let on_conflict = prop_oneof![
        6 => Just(OnConflict::Reject),
        4 => Just(OnConflict::Ask),
        1 => Just(OnConflict::TakeOver),
    ];
    prop_oneof![
        2 => wait.prop_map(Step::Wait),
        10 => on_conflict.prop_map(Step::LogIn),
        4 => Just(Step::Withdraw),
        2 => Just(Step::Report),
    ]
}

/// Whether an alert counts. `supersedes` is true if a login ended another one that was waiting, and
/// `withdraws` if that one ended itself.
fn counts(alert: &Alert, supersedes: bool, withdraws: bool) -> bool {
    match alert.kind {
        AlertKind::LoginRefused | AlertKind::LoginPending => true,
        AlertKind::LoginNotApproved => supersedes,
        AlertKind::SessionInvalidated(_) => withdraws,
        _ => false,
    }
}

/// Checks that no minute that starts with a counted alert has more than [`MAX`] of them, and one
/// withdrawal beyond.
fn assert_bounded(counted: &[Timestamp]) -> TestCaseResult {
    let mut rest = counted;
    while let Some(first) = rest.first() {
        let end = first.plus(AlertWindow::LENGTH);
        let count = rest.partition_point(|at| *at < end);
        prop_assert!(
            count <= MAX.get() as usize + 1,
            "{count} alerts in a minute"
        );
        rest = &rest[count..];
    }
    Ok(())
}

proptest! {
    #![proptest_config(Config {
        cases: 1000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(3),
        ..Config::default()
    })]

    #[test]
    fn alerts_are_bounded_and_no_refused_login_is_lost(
        steps in prop::collection::vec(step(), 1..120)
    ) {
        let mut user = TestUser::register(MAX);
        let (mut counted, mut refused, mut reported) = (Vec::new(), 0, 0);
        for (number, step) in steps.into_iter().enumerate() {
            user.alerts.clear();
            let (now, waiting) = (user.now, user.state.pending.as_ref());
            let is_waiting = waiting.is_some_and(|login| login.stage(now) == Stage::Pending);
            match step {
                Step::Wait(duration) => user.advance(duration),
                Step::LogIn(on_conflict) => {
                    let before = user.state.clone();
                    let device = device_with_id(&format!("device {number}"));
                    match user.log_in(device, on_conflict) {
                        Ok(LoginOutcome::Refused { .. }) => {
                            refused += 1;
                            let kind = user.alerts.last().map(|alert| alert.kind);
                            reported += u32::from(kind == Some(AlertKind::LoginRefused));
                        }
                        Ok(LoginOutcome::LoggedIn(_)) => prop_assert!(
                            user.alerts.iter().any(|a| a.kind == AlertKind::SessionReplaced)
                        ),
                        Ok(LoginOutcome::AwaitingApproval(_)) => prop_assert!(
                            user.alerts.iter().any(|a| a.kind == AlertKind::LoginPending)
                        ),
                        Err(LoginError::Frozen(frozen)) => {
                            return Err(TestCaseError::fail(frozen.to_string()));
                        }
                        Err(LoginError::TooManyAlerts(TooManyAlerts { retry_after })) => {
                            prop_assert_eq!(on_conflict, OnConflict::Ask);
                            prop_assert_eq!(&user.state, &before);
                            // The numbers of the last ten minutes may be used up, too.
                            prop_assert!(retry_after <= Duration::from_mins(10));
                            prop_assert!(!retry_after.is_zero());
                        }
                    }
                }
                Step::Withdraw if is_waiting => user.withdraw(),
                Step::Withdraw => {}
                Step::Report => {
                    user.report_folded();
                    let window = user.state.alert_window.as_ref();
                    let due = window.and_then(AlertWindow::summary_due_at);
                    prop_assert!(due.is_none_or(|due| due > user.now));
                }
            }
            reported += user.alerts.iter().map(|alert| alert.folded_count).sum::<u32>();
            let supersedes = is_waiting && matches!(step, Step::LogIn(OnConflict::Ask));
            let withdraws = matches!(step, Step::Withdraw);
            let counted_now =
                user.alerts.iter().filter(|alert| counts(alert, supersedes, withdraws));
            counted.extend(counted_now.map(|_| user.now));
            prop_assert_eq!(refused, reported + user.unreported());
        }
        assert_bounded(&counted)?;
    }
}

/// Logs in once on each of many devices. Returns the kinds of the alerts and the outcomes.
fn log_in_on_many(
    user: &mut TestUser,
    on_conflict: OnConflict,
) -> (Vec<AlertKind>, Vec<Result<LoginOutcome, LoginError>>) {
    let (mut kinds, mut outcomes) = (Vec::new(), Vec::new());
    for number in 0..2000 {
        outcomes.push(user.log_in(device_with_id(&format!("device {number}")), on_conflict));
        kinds.extend(user.alerts.iter().map(|alert| alert.kind));
    }
    (kinds, outcomes)
}

#[test]
fn of_2000_refused_devices_a_few_are_alerted_and_the_others_are_counted() {
    let mut user = TestUser::register(MAX);
    let (kinds, outcomes) = log_in_on_many(&mut user, OnConflict::Reject);
    assert_eq!(kinds, [AlertKind::LoginRefused; 4]);
    let is_refused = |outcome: &_| matches!(outcome, Ok(LoginOutcome::Refused { .. }));
    assert!(outcomes.iter().all(is_refused));

    user.advance(Duration::from_millis(59_999));
    user.report_folded();
    assert_eq!(user.unreported(), 1996);
    user.advance(Duration::from_millis(1));
    user.report_folded();
    let [summary] = &user.alerts[..] else {
        panic!("not one alert: {:?}", user.alerts)
    };
    assert_eq!(
        (summary.kind, summary.sequence, summary.folded_count),
        (AlertKind::LoginRefused, 5, 1996)
    );
    assert_eq!(user.unreported(), 0);
    user.report_folded();
    assert_eq!(user.state.last_alert, 5);
}

#[test]
fn of_2000_devices_that_ask_most_are_rejected_and_write_nothing() {
    use AlertKind::{LoginNotApproved, LoginPending};
    let mut user = TestUser::register(MAX);
    let (kinds, outcomes) = log_in_on_many(&mut user, OnConflict::Ask);
    assert_eq!(kinds, [LoginPending, LoginNotApproved, LoginPending]);
    let retry_after = AlertWindow::LENGTH;
    let rejected = outcomes
        .iter()
        .filter(|o| **o == Err(TooManyAlerts { retry_after }.into()));
    assert_eq!(rejected.count(), 1998);
    assert_eq!(user.state.sessions_opened, 3);
}

#[test]
fn a_device_that_asks_and_withdraws_again_and_again_is_rejected_at_the_bound() {
    use AlertKind::{LoginPending, SessionInvalidated};
    let mut user = TestUser::register(MAX);
    let mut kinds = Vec::new();
    let rejection = loop {
        match user.log_in(device_with_id("laptop"), OnConflict::Ask) {
            Ok(_) => kinds.extend(user.alerts.iter().map(|alert| alert.kind)),
            Err(error) => break error,
        }
        user.withdraw();
        kinds.extend(user.alerts.iter().map(|alert| alert.kind));
    };
    let (asked, withdrew) = (LoginPending, SessionInvalidated(Some(EndedBy::Itself)));
    assert_eq!(kinds, [asked, withdrew, asked, withdrew]);
    let retry_after = AlertWindow::LENGTH;
    assert_eq!(rejection, TooManyAlerts { retry_after }.into());

    user.advance(retry_after);
    user.log_in(device_with_id("laptop"), OnConflict::Ask)
        .unwrap();
}

#[test]
fn the_next_alert_of_any_kind_reports_the_folded_logins() {
    let mut user = TestUser::register(MAX);
    for number in 0..10 {
        let device = device_with_id(&format!("device {number}"));
        user.log_in(device, OnConflict::Reject).unwrap();
    }
    user.log_in(device_with_id("other"), OnConflict::TakeOver)
        .unwrap();
    let [alert] = &user.alerts[..] else {
        panic!("not one alert: {:?}", user.alerts)
    };
    assert_eq!(
        (alert.kind, alert.folded_count),
        (AlertKind::SessionReplaced, 6)
    );
    assert_eq!(user.unreported(), 0);
}

#[test]
fn a_clock_that_was_set_back_silences_no_alert_and_delays_no_summary() {
    let mut user = TestUser::register(MAX);
    for number in 0..10 {
        let device = device_with_id(&format!("device {number}"));
        user.log_in(device, OnConflict::Reject).unwrap();
    }
    user.now = user.now.minus(Duration::from_hours(1));
    user.report_folded();
    assert_eq!(user.alerts[0].folded_count, 6);
    user.log_in(device_with_id("other"), OnConflict::Reject)
        .unwrap();
    assert_eq!(user.alerts.len(), 1);
}
