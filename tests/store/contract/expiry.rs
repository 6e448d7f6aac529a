use std::{sync::Arc, time::Duration};

use sessiond::{
    domain::{Timestamp, UserId, rules::Decision},
    store::{Store, Touch},
};

use crate::fixtures::{POLICY, Person, START};

const MILLISECOND: Duration = Duration::from_millis(1);

async fn overdue(store: &Arc<dyn Store>, now: Timestamp) -> Vec<UserId> {
    store.overdue(now, 100).await.unwrap()
}

pub async fn users_are_overdue_from_the_millisecond_of_their_limit(store: Arc<dyn Store>) {
    let idle = Person::registered(&store, 1).await;
    let limit = START.plus(POLICY.idle_timeout);
    assert_eq!(overdue(&store, limit.minus(MILLISECOND)).await, []);
    assert_eq!(overdue(&store, limit).await, [idle.id()]);

    let mut asked = Person::registered(&store, 2).await;
    asked.ask(1).await;
    let limit = START.plus(POLICY.approval_timeout);
    assert_eq!(overdue(&store, limit.minus(MILLISECOND)).await, []);
    assert_eq!(overdue(&store, limit).await, [asked.id()]);

    let mut gone = Person::registered(&store, 3).await;
    gone.invalidate(gone.active()).await;
    let after_all_limits = START.plus(POLICY.session_lifetime);
    assert!(!overdue(&store, after_all_limits).await.contains(&gone.id()));
}

pub async fn the_longest_overdue_come_first(store: Arc<dyn Store>) {
    let mut people = Vec::new();
    // Registered in another order than that of their limits, under ids in yet another.
    for minute in [2_u32, 0, 3, 1] {
        let at = START.plus(minute * Duration::from_mins(1));
        people.push((
            minute,
            Person::registered_at(&store, 10 - minute, at).await.id(),
        ));
    }
    people.sort_unstable_by_key(|(minute, _)| *minute);
    let expected: Vec<UserId> = people.into_iter().map(|(_, id)| id).collect();
    let now = START.plus(POLICY.session_lifetime);
    assert_eq!(overdue(&store, now).await, expected);
    assert_eq!(store.overdue(now, 2).await.unwrap(), expected[..2]);
    assert_eq!(store.overdue(now, 0).await.unwrap(), []);
}

pub async fn a_touch_puts_off_idleness_but_not_the_lifetime(store: Arc<dyn Store>) {
    let ada = Person::registered(&store, 1).await;
    let touch = async |at| {
        store
            .touch(&[Touch {
                user: ada.id(),
                session: ada.active(),
                at,
            }])
            .await
            .unwrap();
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

pub async fn an_approved_session_is_no_longer_overdue_for_approval(store: Arc<dyn Store>) {
    let mut ada = Person::registered(&store, 1).await;
    ada.ask(1).await;
    ada.wait(Duration::from_mins(1));
    ada.answer(Decision::Approve).await;
    let idle_from = ada.now.plus(POLICY.idle_timeout);
    assert_eq!(overdue(&store, idle_from.minus(MILLISECOND)).await, []);
    assert_eq!(overdue(&store, idle_from).await, [ada.id()]);
}
