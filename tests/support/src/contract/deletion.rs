//! Deletion of users.

use std::sync::Arc;

use sessiond::{
    domain::{AlertId, UserId},
    store::{CommitError, Store},
};
use uuid::Uuid;

use crate::{
    StoreLists,
    fixtures::{ALL, START, StoredUser, active},
};

pub(crate) async fn a_deletion_removes_everything_and_frees_the_number(store: Arc<dyn Store>) {
    let mut ada = StoredUser::register(&store, 1).await;
    let mut bob = StoredUser::register(&store, 2).await;
    let first = active(&ada.state).clone();
    ada.take_over(1).await;
    ada.log_in_pending(2).await;
    bob.raise_alert(1).await;
    assert!(store.delete_user(ada.id()).await.unwrap());

    let keys = [first.key, ada.active(), ada.pending()];
    assert_eq!(store.user(ada.id()).await.unwrap(), None);
    assert_eq!(
        store.user_by_mobile(&ada.state.owner.mobile).await.unwrap(),
        None
    );
    assert_eq!(
        store.sessions_by_key(&keys).await.unwrap(),
        [None, None, None]
    );
    assert_eq!(
        store
            .session_by_token(ada.id(), &first.token_hash)
            .await
            .unwrap(),
        None
    );
    assert!(
        store
            .sessions(ada.id(), ALL)
            .await
            .unwrap()
            .items
            .is_empty()
    );
    assert_eq!(store.count_sessions(ada.id()).await.unwrap(), 0);
    assert!(store.alerts(ada.id(), ALL).await.unwrap().items.is_empty());
    assert_eq!(
        store
            .alert(AlertId {
                user: ada.id(),
                sequence: 1
            })
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        store
            .overdue(START.plus(std::time::Duration::MAX), 100)
            .await
            .unwrap(),
        [bob.id()]
    );

    bob.assert_stored().await;
    assert_eq!(store.alerts(bob.id(), ALL).await.unwrap().items.len(), 1);

    let (eve, mut commit) = StoredUser::unregistered(&store, 3, START);
    commit.user.owner.mobile = ada.state.owner.mobile.clone();
    store.commit(commit).await.unwrap();
    let found = store.user_by_mobile(&ada.state.owner.mobile).await.unwrap();
    assert_eq!(found.map(|user| user.owner.id), Some(eve.id()));
}

pub(crate) async fn deleting_an_unknown_user_returns_false(store: Arc<dyn Store>) {
    let ada = StoredUser::register(&store, 1).await;
    assert!(!store.delete_user(UserId::new(Uuid::nil())).await.unwrap());
    assert!(store.delete_user(ada.id()).await.unwrap());
    assert!(!store.delete_user(ada.id()).await.unwrap());
}

pub(crate) async fn a_commit_on_a_deleted_user_is_stale(store: Arc<dyn Store>) {
    let ada = StoredUser::register(&store, 1).await;
    let commit = ada.decide_take_over(1);
    assert!(store.delete_user(ada.id()).await.unwrap());
    assert!(matches!(
        store.commit(commit).await,
        Err(CommitError::Stale)
    ));
    assert_eq!(store.user(ada.id()).await.unwrap(), None);
    assert_eq!(store.count_sessions(ada.id()).await.unwrap(), 0);
}
