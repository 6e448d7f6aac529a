//! Commands on nodes whose clocks differ a little.

use std::{num::NonZeroU32, time::Duration};

use super::{
    model::POLICY,
    user::{TestUser, device_with_id},
};
use crate::domain::{CLOCK_TOLERANCE, rules::OnConflict};

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
    user.advance(POLICY.alert_cooldown - Duration::from_millis(1));
    assert_eq!(refuse(&mut user, "laptop"), 0);
    user.advance(Duration::from_millis(1));
    assert_eq!(refuse(&mut user, "laptop"), 1);
}

#[test]
fn a_conflict_in_the_future_silences_nothing() {
    for behind in [CLOCK_TOLERANCE, CLOCK_TOLERANCE + Duration::from_millis(1)] {
        let mut user = TestUser::register(NonZeroU32::MAX);
        assert_eq!(refuse(&mut user, "laptop"), 1);
        user.now = user.now.minus(behind);
        assert_eq!(refuse(&mut user, "laptop"), 1, "{behind:?}");
        assert_eq!(refuse(&mut user, "laptop"), 0, "{behind:?}");
    }
}
