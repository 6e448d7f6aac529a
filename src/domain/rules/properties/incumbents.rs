//! Who is the incumbent of a fight for the session.

use std::time::Duration;

use super::{
    logins::TestLogin,
    model::{History, POLICY},
};
use crate::domain::UserState;

/// Notes who is the incumbent after a login, independently of the code under test.
pub(super) fn note_login(before: &History, login: TestLogin, after: &mut History) {
    let key = |state: &UserState| state.active.as_ref().map(|session| session.key);
    let opened = key(&after.state);
    if opened == key(&before.state) {
        return;
    }
    let first = before.state.history.take_overs;
    let first = first.map(|take_overs| take_overs.window.started_at.min(before.now));
    let is_within = |time| first.is_some_and(|first| before.now < first.plus(time));
    let active = before.active();
    let was_taken = active.is_some() && before.taken == active.map(|active| active.key);
    let is_fight = is_within(POLICY.take_over_limit.window) || was_taken;
    let device = login.device.device().id;
    let is_incumbent = device.is_some() && device == before.incumbent;
    match active {
        Some(active) if device.is_some() && device == active.device.id => {
            if was_taken {
                after.taken = opened;
            }
        }
        Some(_) if login.by_service || (is_fight && is_incumbent) => after.taken = None,
        Some(active) => {
            if !is_fight {
                after.incumbent.clone_from(&active.device.id);
            }
            (after.taken, after.taken_at) = (opened, before.now);
        }
        None if login.by_service || is_incumbent => after.taken = None,
        None if !is_within(Duration::from_hours(24)) => after.taken = None,
        None => after.taken = before.taken.and(opened),
    }
}
