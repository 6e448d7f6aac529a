//! Take-overs: who is the incumbent of a fight, and that nobody else becomes it.

use std::{num::NonZeroU32, time::Duration};

use proptest::{
    prelude::*,
    test_runner::{Config, RngSeed},
};

use super::{
    model::POLICY,
    user::{TestUser, device_with_id},
};
use crate::domain::rules::{Decision, EndError, LoginOutcome, OnConflict};

fn user() -> TestUser {
    TestUser::register(NonZeroU32::MAX)
}

fn take_over(user: &mut TestUser, device: &str) -> LoginOutcome {
    user.log_in_without_service(device_with_id(device), OnConflict::TakeOver)
        .unwrap()
}

fn is_logged_in(outcome: &LoginOutcome) -> bool {
    matches!(outcome, LoginOutcome::LoggedIn(_))
}

#[test]
fn the_incumbent_stays_the_incumbent_while_a_session_of_the_fight_is_active() {
    let mut user = user();
    for window in 0..3 {
        let devices = if window % 2 == 0 {
            ["a", "b", "a"]
        } else {
            ["b", "a", "b"]
        };
        for device in devices {
            assert!(is_logged_in(&take_over(&mut user, device)), "{window}");
        }
        assert!(!is_logged_in(&take_over(&mut user, "c")), "{window}");
        let mut owner = user.clone();
        assert!(is_logged_in(&take_over(&mut owner, "phone")), "{window}");
        user.advance(POLICY.take_over_limit.window);
    }
}

#[test]
fn a_session_that_no_take_over_opened_has_a_new_incumbent() {
    let mut user = user();
    take_over(&mut user, "a");
    // The service vouches for the device.
    user.log_in(device_with_id("tablet"), OnConflict::TakeOver)
        .unwrap();
    user.advance(POLICY.take_over_limit.window);
    for device in ["a", "b", "a"] {
        take_over(&mut user, device);
    }
    assert!(!is_logged_in(&take_over(&mut user.clone(), "phone")));
    assert!(is_logged_in(&take_over(&mut user, "tablet")));
}

#[test]
fn a_logout_does_not_let_a_session_of_a_take_over_decide() {
    let mut user = user();
    take_over(&mut user, "thief");
    user.log_out();
    assert!(is_logged_in(&take_over(&mut user, "thief")));
    user.log_in_without_service(device_with_id("phone"), OnConflict::Ask)
        .unwrap();
    let attempt = user.attempt();
    assert!(user.decide(attempt, Decision::Deny).is_err());
    // The owner, without a conflict, may decide at once.
    user.log_out();
    assert!(is_logged_in(&take_over(&mut user, "phone")));
    user.log_in_without_service(device_with_id("thief"), OnConflict::Ask)
        .unwrap();
    let attempt = user.attempt();
    assert!(user.decide(attempt, Decision::Deny).is_ok());
}

#[test]
fn a_logout_does_not_let_it_decide_within_a_limit_of_several_days_either() {
    let mut user = user();
    user.policy.take_over_limit.window = Duration::from_hours(48);
    take_over(&mut user, "thief");
    user.advance(Duration::from_hours(47));
    user.log_out();
    assert!(is_logged_in(&take_over(&mut user, "thief")));
    user.log_in_without_service(device_with_id("phone"), OnConflict::Ask)
        .unwrap();
    let attempt = user.attempt();
    assert!(user.decide(attempt, Decision::Deny).is_err());
}

#[test]
fn the_owner_who_takes_the_session_back_after_a_window_may_decide_at_once() {
    let mut user = user();
    take_over(&mut user, "thief");
    user.advance(POLICY.take_over_limit.window);
    assert!(is_logged_in(&take_over(&mut user, "phone")));
    user.log_in_without_service(device_with_id("tablet"), OnConflict::Ask)
        .unwrap();
    let attempt = user.attempt();
    // The session that the owner approves was not opened by a take-over either.
    user.decide(attempt, Decision::Approve).unwrap();
    user.log_in_without_service(device_with_id("thief"), OnConflict::Ask)
        .unwrap();
    let attempt = user.attempt();
    assert!(user.decide(attempt, Decision::Deny).is_ok());
}

#[test]
fn a_fight_that_its_incumbent_or_the_service_has_ended_does_not_go_on_after_a_logout() {
    let take_back = |user: &mut TestUser| drop(take_over(user, "phone"));
    let log_in_after_logout = |user: &mut TestUser| {
        user.log_out();
        take_over(user, "phone");
    };
    let by_service = |user: &mut TestUser| {
        let device = device_with_id("tablet");
        user.log_in(device, OnConflict::TakeOver).unwrap();
    };
    let by_service_after_logout = |user: &mut TestUser| {
        user.log_out();
        user.log_in(device_with_id("tablet"), OnConflict::Ask)
            .unwrap();
    };
    let approved_by_service = |user: &mut TestUser| {
        let device = device_with_id("tablet");
        user.log_in_without_service(device, OnConflict::Ask)
            .unwrap();
        user.approve_by_service();
    };
    let ends: [fn(&mut TestUser); 5] = [
        take_back,
        log_in_after_logout,
        by_service,
        by_service_after_logout,
        approved_by_service,
    ];
    for end in ends {
        let mut user = user();
        take_over(&mut user, "thief");
        end(&mut user);
        user.log_out();
        user.log_in_without_service(device_with_id("new phone"), OnConflict::Ask)
            .unwrap();
        user.log_in_without_service(device_with_id("thief"), OnConflict::Ask)
            .unwrap();
        let attempt = user.attempt();
        assert!(user.decide(attempt, Decision::Deny).is_ok());
        // In the next window, the new phone is the incumbent.
        user.advance(POLICY.take_over_limit.window);
        for device in ["a", "b", "a"] {
            assert!(is_logged_in(&take_over(&mut user, device)));
        }
        assert!(!is_logged_in(&take_over(&mut user, "c")));
        assert!(is_logged_in(&take_over(&mut user, "new phone")));
    }
}

#[test]
fn the_take_overs_of_a_window_stay_counted_after_the_end_of_the_fight() {
    let mut user = user();
    for device in ["a", "b", "phone", "a"] {
        assert!(is_logged_in(&take_over(&mut user, device)));
    }
    assert!(!is_logged_in(&take_over(&mut user, "b")));
    assert!(is_logged_in(&take_over(&mut user, "phone")));
}

#[test]
fn a_session_of_a_take_over_may_not_decide_for_the_whole_time_since_that_take_over() {
    let window = POLICY.take_over_limit.window;
    let may_decide = |user: &TestUser| {
        let mut user = user.clone();
        // The service skips the limits.
        user.log_in(device_with_id("tablet"), OnConflict::Ask)
            .unwrap();
        let attempt = user.attempt();
        user.decide(attempt, Decision::Deny).is_ok()
    };
    let mut user = user();
    take_over(&mut user, "a");
    user.advance(window.checked_sub(Duration::from_secs(1)).unwrap());
    // The last take-over of the window.
    take_over(&mut user, "b");
    user.advance(Duration::from_secs(1));
    assert!(!may_decide(&user));
    // A session that continues it does not extend the time.
    take_over(&mut user, "b");
    user.log_out();
    take_over(&mut user, "b");
    user.advance(window.checked_sub(Duration::from_secs(2)).unwrap());
    assert!(!may_decide(&user));
    user.advance(Duration::from_secs(1));
    assert!(may_decide(&user));
}

#[test]
fn a_session_that_may_not_decide_cannot_end_a_waiting_login_in_another_way() {
    let mut user = user();
    take_over(&mut user, "thief");
    // While nobody waits, it may change the password.
    assert_eq!(user.clone().change_password(), Ok(()));
    user.log_in_without_service(device_with_id("phone"), OnConflict::Ask)
        .unwrap();
    assert_eq!(user.end_waiting(), Err(EndError::MayNotDecide));
    assert_eq!(user.change_password(), Err(EndError::MayNotDecide));
    user.clone().log_out();

    user.advance(POLICY.take_over_limit.window);
    user.log_in_without_service(device_with_id("tablet"), OnConflict::Ask)
        .unwrap();
    assert_eq!(user.clone().change_password(), Ok(()));
    assert_eq!(user.end_waiting(), Ok(()));
}

/// What somebody does who has the password and several devices, but not the owner's.
#[derive(Debug, Clone, Copy)]
enum Attack {
    LogIn(&'static str, OnConflict),
    /// The active session's device, if it is the attacker's, approves what waits.
    Approve,
    LogOut,
    Wait(Duration),
}

fn attack() -> impl Strategy<Value = Attack> {
    let device = prop::sample::select(vec!["a", "b", "c"]);
    let policy = prop::sample::select(OnConflict::ALL.to_vec());
    let wait = prop::sample::select(vec![1, 119, 300, 600, 601]).prop_map(Duration::from_secs);
    prop_oneof![
        8 => (device, policy).prop_map(|(device, policy)| Attack::LogIn(device, policy)),
        2 => Just(Attack::Approve),
        2 => Just(Attack::LogOut),
        3 => wait.prop_map(Attack::Wait),
    ]
}

fn carry_out(user: &mut TestUser, attack: Attack) {
    let has_session = |user: &TestUser| {
        let active = user.state.active.as_ref();
        active.is_some_and(|active| active.device != device_with_id("phone"))
    };
    match attack {
        Attack::LogIn(device, policy) => {
            // Limits and pauses refuse some of them.
            let _ = user.log_in_without_service(device_with_id(device), policy);
        }
        Attack::Approve if has_session(user) && user.state.pending.is_some() => {
            let attempt = user.attempt();
            let _ = user.decide(attempt, Decision::Approve);
        }
        Attack::LogOut if has_session(user) => user.log_out(),
        Attack::Approve | Attack::LogOut => {}
        Attack::Wait(time) => user.advance(time),
    }
}

proptest! {
    #![proptest_config(Config {
        cases: 1000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..Config::default()
    })]

    #[test]
    fn whoever_has_other_devices_never_keeps_the_owner_from_taking_the_session_back(
        attacks in prop::collection::vec(attack(), 1..60)
    ) {
        let mut user = user();
        // The fight begins while the owner has the session.
        take_over(&mut user, "a");
        for attack in attacks {
            carry_out(&mut user, attack);
            let mut owner = user.clone();
            let outcome = take_over(&mut owner, "phone");
            prop_assert!(is_logged_in(&outcome), "{:?}", outcome);
            // The owner may also decide at once, on a login that no limit refuses.
            if owner.log_in(device_with_id("d"), OnConflict::Ask).is_ok()
                && owner.state.pending.is_some()
            {
                let attempt = owner.attempt();
                let decided = owner.decide(attempt, Decision::Deny);
                prop_assert!(decided.is_ok(), "{:?}", decided);
            }
        }
    }
}
