//! The expected effect of freezes.

use proptest::{prelude::*, test_runner::TestCaseResult};

use super::{
    clock::lowered,
    events::{assert_ended, assert_rejected, only_these_changed},
    model::{History, POLICY},
};
use crate::domain::{
    AlertKind, EndReason, FrozenBy, Timestamp,
    rules::{Actor, FreezeError, NotActive},
};

pub(super) fn frozen(
    before: &History,
    (actor, until): (Actor, Option<Timestamp>),
    result: Result<(), FreezeError>,
    after: &History,
) -> TestCaseResult {
    if !before.is_authorized(actor) {
        return assert_rejected(before, result, NotActive.into(), after);
    }
    if until.is_some_and(|until| until <= before.now) {
        return assert_rejected(before, result, FreezeError::Passed, after);
    }
    let latest = before.now.plus(POLICY.max_self_freeze);
    let is_service = actor == Actor::Service;
    if !is_service && until.is_some_and(|until| until > latest) {
        return assert_rejected(before, result, FreezeError::TooLong, after);
    }
    prop_assert_eq!(result, Ok(()));
    let freeze = after
        .state
        .freeze_at(after.now)
        .expect("the user is frozen");
    let expected = match (is_service, until) {
        (true, until) => (FrozenBy::Service, until),
        (false, until) => (FrozenBy::Session, Some(until.unwrap_or(latest))),
    };
    prop_assert_eq!((freeze.by, freeze.until), expected);
    let same = before.state.freeze_at(before.now);
    let same = same.filter(|same| same.by == freeze.by);
    let since = same.map_or(before.now, |same| {
        let recorded = lowered(same.since, before.now);
        if same.until == freeze.until {
            recorded
        } else {
            recorded.min(before.now)
        }
    });
    prop_assert_eq!(freeze.since, since);
    let open = [before.active(), before.pending()].map(|session| Some(session?.key));
    for key in open {
        assert_ended(after, key, EndReason::Frozen, None)?;
    }
    if before.state.freeze_at(before.now).is_none() {
        let raised = &after.alerts[before.alerts.len()..];
        let frozen = raised
            .iter()
            .filter(|alert| alert.kind == AlertKind::AccountFrozen);
        let expected = open.iter().flatten().count().max(1);
        prop_assert_eq!(frozen.count(), expected);
    }
    only_these_changed(before, after, &open)
}

pub(super) fn unfrozen(before: &History, after: &History) -> TestCaseResult {
    prop_assert_eq!(after.state.freeze_at(after.now), None);
    let was_frozen = before.state.freeze_at(before.now).is_some();
    let raised = &after.alerts[before.alerts.len()..];
    let unfrozen = raised
        .iter()
        .filter(|alert| alert.kind == AlertKind::AccountUnfrozen);
    prop_assert_eq!(unfrozen.count(), usize::from(was_frozen));
    only_these_changed(before, after, &[])
}
