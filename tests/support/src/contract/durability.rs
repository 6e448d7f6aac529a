//! Closing a store and opening it again.

use std::time::Duration;

use sessiond::{
    domain::Timestamp,
    store::{CommitError, Page, StoreError, Touch},
};

use super::StoreFactory;
use crate::fixtures::{START, StoredUser};

pub(crate) async fn acknowledged_commits_are_there_after_closing_and_opening(
    factory: &impl StoreFactory,
) {
    let all = Page {
        before: None,
        limit: 100,
    };
    let store = factory.open().await;
    let mut ada = StoredUser::register(&store, 1).await;
    let gone = StoredUser::register(&store, 2).await;
    ada.take_over(1).await;
    ada.ask(2).await;
    ada.refuse(3).await;
    let seen_at = ada.now.plus(Duration::from_mins(1));
    store
        .touch(&[Touch {
            user: ada.id(),
            session: ada.active(),
            at: seen_at,
        }])
        .await
        .unwrap();
    store.delete_user(gone.id()).await.unwrap();
    let user = store.user(ada.id()).await.unwrap();
    let sessions = store.sessions(ada.id(), all).await.unwrap().items;
    let alerts = store.alerts(ada.id(), all).await.unwrap().items;
    store.close().await;
    drop((ada.store, gone.store, store));

    let store = factory.open().await;
    let id = user.as_ref().expect("the user is stored").owner.id;
    assert_eq!(store.user(id).await.unwrap(), user);
    assert_eq!(store.sessions(id, all).await.unwrap().items, sessions);
    assert_eq!(store.alerts(id, all).await.unwrap().items, alerts);
    assert_eq!(
        user.and_then(|user| user.active)
            .map(|session| session.last_seen_at),
        Some(seen_at)
    );
    assert_eq!(store.user(gone.state.owner.id).await.unwrap(), None);
    store.close().await;
}

pub(crate) async fn a_closed_store_refuses_to_write(factory: &impl StoreFactory) {
    let store = factory.open().await;
    let ada = StoredUser::register(&store, 1).await;
    let (_, new) = StoredUser::unregistered(&store, 2, START);
    store.close().await;
    // Closing is idempotent.
    store.close().await;

    let touch = Touch {
        user: ada.id(),
        session: ada.active(),
        at: ada.now,
    };
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

pub(crate) async fn an_open_store_answers_a_ping(factory: &impl StoreFactory) {
    let store = factory.open().await;
    store.ping().await.unwrap();
    store.close().await;
}
