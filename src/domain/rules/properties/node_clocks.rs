//! Commands on nodes whose clocks differ a little.

use std::{num::NonZeroU32, time::Duration};

use super::{
    model::POLICY,
    user::{TestUser, device_with_id},
};
use crate::domain::{
    CLOCK_TOLERANCE,
    rules::{Frozen, LoginOutcome, OnConflict},
};

const MILLISECOND: Duration = Duration::from_millis(1);

/// The number of alerts that a refused login of this device raises.
fn refuse(user: &mut TestUser, device: &str) -> usize {
    user.log_in(device_with_id(device), OnConflict::Reject)
        .unwrap();
    user.alerts.len()
}

#[test]
fn a_conflict_on_a_node_that_is_behind_ends_no_cooldown_of_another_device() {
    let mut user = TestUser::register(NonZeroU32::MAX);
    let ahead = user.now;
    assert_eq!(refuse(&mut user, "laptop"), 1);
    user.now = ahead.minus(CLOCK_TOLERANCE);
    assert_eq!(refuse(&mut user, "tablet"), 1);
    user.now = ahead;
    assert_eq!(refuse(&mut user, "laptop"), 0);
    user.advance(POLICY.alert_cooldown.saturating_sub(MILLISECOND));
    assert_eq!(refuse(&mut user, "laptop"), 0);
    user.advance(MILLISECOND);
    assert_eq!(refuse(&mut user, "laptop"), 1);
}

#[test]
fn a_conflict_in_the_future_silences_nothing() {
    for behind in [CLOCK_TOLERANCE, CLOCK_TOLERANCE + MILLISECOND] {
        let mut user = TestUser::register(NonZeroU32::MAX);
        assert_eq!(refuse(&mut user, "laptop"), 1);
        user.now = user.now.minus(behind);
        assert_eq!(refuse(&mut user, "laptop"), 1, "{behind:?}");
        assert_eq!(refuse(&mut user, "laptop"), 0, "{behind:?}");
    }
}

#[test]
fn a_freeze_that_a_node_that_is_behind_has_changed_keeps_its_duration_when_the_clock_is_set_back() {
    let mut user = TestUser::register(NonZeroU32::MAX);
    user.freeze(None);
    user.now = user.now.minus(CLOCK_TOLERANCE);
    let lasts = Duration::from_secs(1);
    user.freeze(Some(user.now.plus(lasts)));
    user.now = user.now.minus(Duration::from_hours(1));
    let log_in = |user: &mut TestUser| user.log_in(device_with_id("phone"), OnConflict::Reject);
    assert_eq!(log_in(&mut user), Err(Frozen.into()));
    user.expire();
    user.advance(lasts.saturating_sub(MILLISECOND));
    assert_eq!(log_in(&mut user), Err(Frozen.into()));
    user.advance(MILLISECOND);
    assert!(matches!(log_in(&mut user), Ok(LoginOutcome::LoggedIn(_))));
}

#[test]
fn to_freeze_again_on_a_node_that_is_behind_changes_nothing() {
    let mut user = TestUser::register(NonZeroU32::MAX);
    user.freeze(None);
    let frozen = user.state.clone();
    user.now = user.now.minus(CLOCK_TOLERANCE);
    user.freeze(None);
    assert_eq!(user.state, frozen);
}
