//! Closing and reopening a store.

use std::time::Duration;

use sessiond::{
    domain::Timestamp,
    store::{ClockMark, CommitError, StoreError},
};

pub(crate) use super::webhooks::the_progress_of_a_sender_survives_closing_and_reopening;
use super::{
    StoreFactory,
    feed::{changes_until_caught_up, committed, next_change},
};
use crate::{
    StoreLists,
    fixtures::{ALL, START, StoredUser},
};

pub(crate) async fn acknowledged_commits_survive_closing_and_reopening(
    factory: &impl StoreFactory,
) {
    let store = factory.open().await;
    let mut ada = StoredUser::register(&store, 1).await;
    let deleted = StoredUser::register(&store, 2).await;
    ada.take_over(1).await;
    ada.log_in_pending(2).await;
    ada.raise_alert(3).await;
    let seen_at = ada.now.plus(Duration::from_mins(1));
    store.touch(&[ada.active_touch(seen_at)]).await.unwrap();
    store.delete_user(deleted.id()).await.unwrap();
    let user = store.user(ada.id()).await.unwrap();
    let sessions = store.sessions(ada.id(), ALL).await.unwrap().items;
    let alerts = store.alerts(ada.id(), ALL).await.unwrap().items;
    store.close().await;
    drop((ada.store, deleted.store, store));

    let store = factory.open().await;
    let id = user.as_ref().expect("the user is stored").owner.id;
    assert_eq!(store.user(id).await.unwrap(), user);
    assert_eq!(store.sessions(id, ALL).await.unwrap().items, sessions);
    assert_eq!(store.alerts(id, ALL).await.unwrap().items, alerts);
    assert_eq!(
        user.and_then(|user| user.active)
            .map(|session| session.last_seen_at),
        Some(seen_at)
    );
    assert_eq!(store.user(deleted.state.owner.id).await.unwrap(), None);
    store.close().await;
}

pub(crate) async fn a_closed_store_rejects_writes(factory: &impl StoreFactory) {
    let store = factory.open().await;
    let ada = StoredUser::register(&store, 1).await;
    let (_, new) = StoredUser::unregistered(&store, 2, START);
    store.close().await;
    // Closing is idempotent.
    store.close().await;

    let touch = ada.active_touch(ada.now);
    let commit = ada.decide_take_over(1);
    let rejected = store.commit(commit).await.expect_err("the store is closed");
    assert!(matches!(
        rejected,
        CommitError::Store(StoreError::Unavailable(_))
    ));
    let rejected = store.commit(new).await.expect_err("the store is closed");
    assert!(matches!(
        rejected,
        CommitError::Store(StoreError::Unavailable(_))
    ));
    assert!(matches!(
        store.touch(&[touch]).await,
        Err(StoreError::Unavailable(_))
    ));
    assert!(matches!(
        store.delete_user(ada.id()).await,
        Err(StoreError::Unavailable(_))
    ));
    let everything = Timestamp::from_millis(i64::MAX);
    assert!(matches!(
        store.purge(everything, 1).await,
        Err(StoreError::Unavailable(_))
    ));
}

pub(crate) async fn a_ping_of_an_open_store_succeeds(factory: &impl StoreFactory) {
    let store = factory.open().await;
    store.ping().await.unwrap();
    store.close().await;
}

pub(crate) async fn a_position_of_the_feed_is_valid_after_the_store_was_reopened(
    factory: &impl StoreFactory,
) {
    let store = factory.open().await;
    let position = store.feed_end().await.unwrap();
    let ada = StoredUser::register_at(&store, 1, START).await;
    store.close().await;
    drop(ada);
    drop(store);

    let store = factory.open().await;
    let mut feed = store.feed(position);
    assert!(
        committed(next_change(&mut feed).await)
            .active_change
            .activated
            .is_some()
    );
    assert_eq!(changes_until_caught_up(&mut feed).await, []);
    store.close().await;
}

pub(crate) async fn the_clock_mark_survives_closing_and_reopening(factory: &impl StoreFactory) {
    let later = START.plus(Duration::from_hours(1));
    let steps = [
        (ClockMark::AtLeast(START), None),
        (ClockMark::At(START), Some(START)),
        (ClockMark::AtLeast(later), Some(later)),
        (ClockMark::AtLeast(START), Some(later)),
        (ClockMark::At(START), Some(START)),
    ];
    for (mark, expected) in steps {
        let store = factory.open().await;
        store.save_clock_mark(mark).await.unwrap();
        assert_eq!(store.clock_mark().await.unwrap(), expected);
        store.close().await;
        drop(store);

        let store = factory.open().await;
        assert_eq!(store.clock_mark().await.unwrap(), expected);
        store.close().await;
    }
}
