//! Sessions whose instants are in the future, because the clock was set back.

use std::{sync::Arc, time::Duration};

use sessiond::{
    domain::{
        Timestamp, UserId,
        rules::{Decision, OnConflict},
    },
    store::Store,
};

use crate::fixtures::{POLICY, START, StoredUser, device};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// Reads all pages of this length.
async fn seen_after(store: &Arc<dyn Store>, latest: Timestamp, limit: usize) -> Vec<UserId> {
    let (mut users, mut after) = (Vec::new(), None);
    loop {
        let page = store.seen_after(latest, after, limit).await.unwrap();
        users.extend(page.users);
        after = page.next;
        if after.is_none() {
            return users;
        }
    }
}

async fn overdue(store: &Arc<dyn Store>, now: Timestamp) -> Vec<UserId> {
    store.overdue(now, 100).await.unwrap()
}

pub(crate) async fn users_seen_after_an_instant_are_found_page_by_page(store: Arc<dyn Store>) {
    assert_eq!(seen_after(&store, START, 1).await, []);
    let mut users = Vec::new();
    for number in 0..6 {
        let at = START.plus(number * MINUTE);
        users.push(StoredUser::register_at(&store, number, at).await);
    }
    // Two open sessions, and none.
    users[3].log_in_pending(1).await;
    users[1].advance(20 * MINUTE);
    users[1].log_in_pending(1).await;
    let session = users[4].active();
    users[4].invalidate_session(session).await;
    let ids: Vec<_> = users.iter().map(StoredUser::id).collect();

    for limit in 1..8 {
        let latest = START.plus(2 * MINUTE);
        assert_eq!(
            seen_after(&store, latest, limit).await,
            [ids[1], ids[3], ids[5]],
            "pages of {limit}"
        );
        let latest = START.plus(HOUR + MINUTE);
        assert_eq!(seen_after(&store, latest, limit).await, []);
    }
}

pub(crate) async fn sessions_that_are_set_back_expire_after_their_whole_limits(
    store: Arc<dyn Store>,
) {
    let idle = StoredUser::register_at(&store, 1, START.plus(HOUR)).await;
    let mut waiting = StoredUser::register_at(&store, 2, START.plus(HOUR)).await;
    waiting.log_in_pending(1).await;
    let mut used = StoredUser::register_at(&store, 3, START.minus(HOUR)).await;
    let later_use = used.active_touch(START.plus(HOUR));
    store.touch(&[later_use]).await.unwrap();
    used.state = used.read_state().await;
    for mut user in [idle.clone(), waiting.clone(), used.clone()] {
        user.now = START;
        user.expire().await;
        user.assert_stored().await;
        assert_eq!(user.state.last_alert, waiting_alerts(&user, &waiting));
    }
    assert_eq!(seen_after(&store, START, 10).await, []);

    let approval_ends = START.plus(POLICY.approval_timeout);
    assert_eq!(overdue(&store, approval_ends).await, [waiting.id()]);
    let idle_ends = START.plus(POLICY.idle_timeout);
    let mut found = overdue(&store, idle_ends).await;
    found.sort_unstable_by_key(|id| *id.as_uuid());
    found.dedup();
    assert_eq!(found, [idle.id(), waiting.id(), used.id()]);
    let (first, third) = (idle.read_state().await, used.read_state().await);
    let lifetime_ends = |state: &sessiond::domain::UserState| {
        let active = state.active.as_ref().expect("a session is active");
        (active.created_at, active.lifetime_ends_at)
    };
    assert_eq!(
        lifetime_ends(&first),
        (START, START.plus(POLICY.session_lifetime))
    );
    let created = START.minus(HOUR);
    assert_eq!(
        lifetime_ends(&third),
        (created, created.plus(POLICY.session_lifetime)),
        "the lifetime has begun before the step"
    );
}

/// Only the pending login has raised an alert.
fn waiting_alerts(user: &StoredUser, waiting: &StoredUser) -> u64 {
    u64::from(user.id() == waiting.id())
}

pub(crate) async fn a_command_after_the_clock_is_set_back_lowers_what_it_changes(
    store: Arc<dyn Store>,
) {
    let mut ada = StoredUser::register_at(&store, 1, START.plus(HOUR)).await;
    let old = ada.active();
    ada.log_in_pending(1).await;
    let pending = ada.pending();
    ada.now = START;
    ada.decide_pending_login(Decision::Approve).await;
    ada.assert_stored().await;
    assert_eq!(ada.active(), pending);
    let approved = ada.read_session(pending).await;
    assert_eq!((approved.created_at, approved.last_seen_at), (START, START));
    assert_eq!(
        approved.lifetime_ends_at,
        START.plus(POLICY.session_lifetime)
    );
    assert_eq!(ada.read_session(old).await.last_seen_at, START);
    assert_eq!(
        overdue(&store, START.plus(POLICY.idle_timeout)).await,
        [ada.id()]
    );

    // The conflict was alerted in the future, and does not silence this alert.
    ada.now = START.plus(HOUR);
    let ended = ada.active();
    ada.log_in(device(2), OnConflict::TakeOver).await;
    assert_ne!(ada.active(), ended);
    ada.raise_alert(3).await;
    ada.now = START;
    ada.raise_alert(3).await;
    ada.assert_stored().await;
}
