//! An approval lets in exactly the session that its alert showed, whatever the devices call
//! themselves.

use std::{collections::HashMap, num::NonZeroU32, time::Duration};

use proptest::{
    prelude::*,
    sample::Index,
    test_runner::{Config, RngSeed},
};

use super::{
    super::{Decision, LoginError, LoginOutcome, OnConflict},
    user::{TestUser, device_with_id},
};
use crate::domain::{AlertKind, Device, DeviceId, SessionKey, TokenHash, UserAgent};

#[derive(Debug, Clone)]
enum Step {
    Wait(Duration),
    Ask(Description),
    /// Approves one of the attempts that were ever shown.
    Approve(Index),
}

/// The id, the user agent and the address of a device.
type Description = (Option<&'static str>, &'static str, &'static str);

fn device((id, user_agent, address): Description) -> Device {
    Device {
        id: id.map(|id| DeviceId::parse(id).unwrap()),
        user_agent: UserAgent::parse(user_agent).unwrap(),
        address: address.parse().unwrap(),
    }
}

/// Whether the second device may have the waiting session of the first one. A user agent and an
/// address are not enough: others can have the same.
fn is_same(a: Description, b: Description) -> bool {
    matches!((a, b), ((Some(a), ..), (Some(b), ..)) if a == b)
}

fn description() -> impl Strategy<Value = Description> {
    let id = prop::sample::select(vec![None, None, Some("a"), Some("b")]);
    let user_agent = prop::sample::select(vec!["unknown", "UNKNOWN", "\u{fffd}berland", "App"]);
    let address = prop::sample::select(vec!["192.0.2.1", "2001:db8::1"]);
    (id, user_agent, address)
}

fn step() -> impl Strategy<Value = Step> {
    let wait = prop::sample::select(vec![1, 30, 60, 120]).prop_map(Duration::from_secs);
    prop_oneof![
        2 => wait.prop_map(Step::Wait),
        6 => description().prop_map(Step::Ask),
        2 => any::<Index>().prop_map(Step::Approve),
    ]
}

proptest! {
    #![proptest_config(Config {
        cases: 1000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(2),
        ..Config::default()
    })]

    #[test]
    fn an_approval_lets_in_exactly_the_session_that_the_alert_showed(
        steps in prop::collection::vec(step(), 1..30)
    ) {
        let mut user = TestUser::register(NonZeroU32::MAX);
        // What the alert about each attempt showed: the session, and the device that asked.
        let mut shown = Vec::new();
        let mut asked_by: HashMap<TokenHash, Description> = HashMap::new();
        let mut waiting: Option<(SessionKey, Description)> = None;
        for step in steps {
            match step {
                Step::Wait(duration) => user.advance(duration),
                Step::Ask(description) => {
                    let outcome = user.log_in(device(description), OnConflict::Ask).unwrap();
                    if let LoginOutcome::AwaitingApproval(session) = outcome {
                        let token = user.last_ids().token_hash;
                        prop_assert_eq!(session.token_hash, token);
                        prop_assert_eq!(&session.device, &device(description));
                        asked_by.insert(token, description);
                        let is_renewed = waiting.is_some_and(|(key, _)| key == session.key);
                        let of_same = waiting.is_some_and(|(_, by)| is_same(by, description));
                        prop_assert!(!is_renewed || of_same, "another device took the session");
                        waiting = Some((session.key, description));
                    }
                    let pending = user.alerts.iter().find(|a| a.kind == AlertKind::LoginPending);
                    if let Some(attempt) = pending.and_then(|alert| alert.attempt.clone()) {
                        shown.push((attempt.id, attempt.session, description));
                    }
                }
                Step::Approve(index) if !shown.is_empty() => {
                    let (attempt, key, by) = *index.get(&shown);
                    if let Ok(session) = user.decide(attempt, Decision::Approve) {
                        prop_assert_eq!(Some(session.key), key);
                        let token_holder = asked_by[&session.token_hash];
                        prop_assert!(token_holder == by || is_same(token_holder, by));
                        prop_assert_eq!(user.state.active.as_ref(), Some(&session));
                        // The old holder leaves, and the phone returns for the next round.
                        let back = user.log_in(device_with_id("phone"), OnConflict::TakeOver);
                        prop_assert!(matches!(back, Ok(LoginOutcome::LoggedIn(_))));
                        waiting = None;
                    }
                }
                Step::Approve(_) => {}
            }
        }
    }
}

#[test]
fn a_device_that_moves_is_asked_about_once_and_keeps_its_first_deadline() {
    let mut user = TestUser::register(NonZeroU32::MAX);
    let places = ["192.0.2.1", "198.51.100.7"];
    let (mut alerts, mut waiting) = (Vec::new(), Vec::new());
    for place in places.into_iter().cycle().take(6) {
        user.advance(Duration::from_secs(9));
        let outcome = user.log_in(device((Some("tablet"), "App", place)), OnConflict::Ask);
        let Ok(LoginOutcome::AwaitingApproval(session)) = outcome else {
            panic!("not waiting: {outcome:?}")
        };
        alerts.extend(user.alerts.iter().map(|alert| alert.kind));
        waiting.push((session.key, session.attempt(), session.expires_at()));
    }
    assert_eq!(alerts, [AlertKind::LoginPending]);
    waiting.dedup();
    assert_eq!(waiting.len(), 1);
    assert_eq!(user.state.sessions_opened, 2);
    let pending = user.state.pending.as_ref().unwrap();
    assert_eq!(pending.device.address.to_string(), "198.51.100.7");

    // After the cooldown, the holder is asked again about the same attempt.
    user.advance(Duration::from_mins(1));
    user.log_in(device((Some("tablet"), "App", places[0])), OnConflict::Ask)
        .unwrap();
    let [alert] = &user.alerts[..] else {
        panic!("not one alert: {:?}", user.alerts)
    };
    let attempt = alert.attempt.as_ref().unwrap();
    assert_eq!(
        (Some(attempt.id), attempt.address.to_string()),
        (waiting[0].1, places[0].to_owned())
    );
}

#[test]
fn a_renewal_that_would_be_described_in_another_way_is_alerted_within_the_cooldown() {
    let mut user = TestUser::register(NonZeroU32::new(4).unwrap());
    let mut alerts_of = |user_agent, is_elsewhere| {
        user.is_elsewhere = is_elsewhere;
        let device = device((Some("tablet"), user_agent, "192.0.2.1"));
        let outcome = user.log_in(device, OnConflict::Ask)?;
        let LoginOutcome::AwaitingApproval(session) = outcome else {
            panic!("not waiting: {outcome:?}")
        };
        let attempts = user.alerts.iter().map(|alert| {
            assert_eq!(alert.kind, AlertKind::LoginPending);
            alert.attempt.as_ref().map(|attempt| attempt.id)
        });
        assert!(attempts.clone().all(|attempt| attempt == session.attempt()));
        Ok(attempts.count())
    };
    for (user_agent, is_elsewhere, alerts) in [
        ("App/1.0", false, 1),
        // The label is the same.
        ("App/1.1", false, 0),
        ("App/2", false, 1),
        ("App/2", false, 0),
        ("App/2", true, 1),
        ("App/2", false, 0),
        ("App/3", true, 1),
    ] {
        assert_eq!(alerts_of(user_agent, is_elsewhere), Ok(alerts));
    }
    // The bound holds: the login that waits stays as its last alert shows it.
    let error = alerts_of("App/4", false).unwrap_err();
    assert!(matches!(error, LoginError::TooManyAlerts(_)));
    let waiting = &user.state.pending.as_ref().unwrap().device;
    assert_eq!(waiting.user_agent.as_str(), "App/3");
}

#[test]
fn two_logins_without_a_device_id_are_of_two_devices() {
    for user_agent in ["unknown", "\u{fffd}berland/0.16 (iPhone; iOS 17.5)", "App"] {
        let mut user = TestUser::register(NonZeroU32::MAX);
        let mut attempts = Vec::new();
        for _ in 0..2 {
            user.log_in(device((None, user_agent, "192.0.2.1")), OnConflict::Ask)
                .unwrap();
            let alert = user.alerts.last().unwrap();
            assert_eq!(alert.kind, AlertKind::LoginPending);
            attempts.push(alert.attempt.clone().unwrap().id);
        }
        assert_ne!(attempts[0], attempts[1]);
        assert!(user.decide(attempts[0], Decision::Approve).is_err());
        assert!(user.decide(attempts[1], Decision::Approve).is_ok());
    }
}

#[test]
fn the_holder_who_ends_the_waiting_session_denies_and_a_device_that_withdraws_is_not_denied() {
    let mut user = TestUser::register(NonZeroU32::MAX);
    let asks = |user: &mut TestUser| {
        let device = device_with_id("tablet");
        user.log_in_without_service(device, OnConflict::Ask)
            .unwrap()
    };
    asks(&mut user);
    user.withdraw();
    assert!(matches!(asks(&mut user), LoginOutcome::AwaitingApproval(_)));
    user.end_waiting().unwrap();
    let retry_after = Some(Duration::from_mins(1));
    assert_eq!(asks(&mut user), LoginOutcome::Refused { retry_after });
}

#[test]
fn three_questions_that_other_logins_ended_without_an_answer_start_a_pause() {
    let mut user = TestUser::register(NonZeroU32::MAX);
    let asks = |user: &mut TestUser, device: &str| {
        user.log_in_without_service(device_with_id(device), OnConflict::Ask)
            .unwrap()
    };
    for device in ["a", "b", "c", "d"] {
        user.advance(Duration::from_secs(61));
        let outcome = asks(&mut user, device);
        assert!(matches!(outcome, LoginOutcome::AwaitingApproval(_)));
    }
    let retry_after = Some(Duration::from_mins(1));
    let refused = LoginOutcome::Refused { retry_after };
    assert_eq!(asks(&mut user, "e"), refused);
}
