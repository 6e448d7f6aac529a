//! Finding the users whose sessions have expired.

use std::{sync::Arc, time::Duration};

use sessiond::{
    domain::{Timestamp, UserId, rules::Decision},
    store::Store,
};

use crate::fixtures::{POLICY, START, StoredUser};

const MILLISECOND: Duration = Duration::from_millis(1);

async fn overdue(store: &Arc<dyn Store>, now: Timestamp) -> Vec<UserId> {
    store.overdue(now, 100).await.unwrap()
}

pub(crate) async fn users_are_overdue_from_the_millisecond_of_their_limit(store: Arc<dyn Store>) {
    let idle = StoredUser::register(&store, 1).await;
    let limit = START.plus(POLICY.idle_timeout);
    assert_eq!(overdue(&store, limit.minus(MILLISECOND)).await, []);
    assert_eq!(overdue(&store, limit).await, [idle.id()]);

    let mut pending = StoredUser::register(&store, 2).await;
    pending.log_in_pending(1).await;
    let limit = START.plus(POLICY.approval_timeout);
    assert_eq!(overdue(&store, limit.minus(MILLISECOND)).await, []);
    assert_eq!(overdue(&store, limit).await, [pending.id()]);

    let mut ended = StoredUser::register(&store, 3).await;
    ended.invalidate_session(ended.active()).await;
    let after_all_limits = START.plus(POLICY.session_lifetime);
    assert!(
        !overdue(&store, after_all_limits)
            .await
            .contains(&ended.id())
    );
}

pub(crate) async fn the_user_who_is_overdue_longest_comes_first(store: Arc<dyn Store>) {
    let mut users = Vec::new();
    // The users have one order by registration, another one by limit, and a third one by id.
    for minute in [2_u32, 0, 3, 1] {
        let at = START.plus(minute * Duration::from_mins(1));
        users.push((
            minute,
            StoredUser::register_at(&store, 10 - minute, at).await.id(),
        ));
    }
    users.sort_unstable_by_key(|(minute, _)| *minute);
    let expected: Vec<UserId> = users.into_iter().map(|(_, id)| id).collect();
    let now = START.plus(POLICY.session_lifetime);
    assert_eq!(overdue(&store, now).await, expected);
    assert_eq!(store.overdue(now, 2).await.unwrap(), expected[..2]);
    assert_eq!(store.overdue(now, 0).await.unwrap(), []);
}

pub(crate) async fn a_touch_extends_the_idle_timeout_but_not_the_lifetime(store: Arc<dyn Store>) {
    let ada = StoredUser::register(&store, 1).await;
    let touch = async |at| {
        store.touch(&[ada.active_touch(at)]).await.unwrap();
    };
    let idle_from = START.plus(POLICY.idle_timeout);
    touch(idle_from.minus(MILLISECOND)).await;
    assert_eq!(overdue(&store, idle_from).await, []);
    let idle_again = idle_from.minus(MILLISECOND).plus(POLICY.idle_timeout);
    assert_eq!(overdue(&store, idle_again).await, [ada.id()]);

    let end = START.plus(POLICY.session_lifetime);
    touch(end.minus(MILLISECOND)).await;
    assert_eq!(overdue(&store, end.minus(MILLISECOND)).await, []);
    assert_eq!(overdue(&store, end).await, [ada.id()]);
}

pub(crate) async fn an_approved_session_is_no_longer_overdue_for_approval(store: Arc<dyn Store>) {
    let mut ada = StoredUser::register(&store, 1).await;
    ada.log_in_pending(1).await;
    ada.advance(Duration::from_mins(1));
    ada.decide_pending_login(Decision::Approve).await;
    let idle_from = ada.now.plus(POLICY.idle_timeout);
    assert_eq!(overdue(&store, idle_from.minus(MILLISECOND)).await, []);
    assert_eq!(overdue(&store, idle_from).await, [ada.id()]);
}
