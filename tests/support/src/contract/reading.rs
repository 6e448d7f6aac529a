//! Reading users, sessions and alerts.

use std::{sync::Arc, time::Duration};

use sessiond::{
    domain::{
        AlertId, Mobile, SessionKey, Stage, TokenHash, UserId,
        rules::{LoginOutcome, OnConflict, SessionWrite},
    },
    store::{Page, Store},
};
use uuid::Uuid;

use crate::{
    StoreLists,
    fixtures::{START, StoredUser, active, device},
};

pub(crate) async fn a_user_is_found_by_id_and_by_number(store: Arc<dyn Store>) {
    let ada = StoredUser::register(&store, 1).await;
    let bob = StoredUser::register(&store, 2).await;
    for user in [&ada, &bob] {
        user.assert_stored().await;
        let mobile = &user.state.owner.mobile;
        assert_eq!(
            store.user_by_mobile(mobile).await.unwrap().as_ref(),
            Some(&user.state)
        );
    }
    assert_eq!(store.user(UserId::new(Uuid::nil())).await.unwrap(), None);
    assert_eq!(
        store
            .user_by_mobile(&Mobile::parse("9012345678").unwrap())
            .await
            .unwrap(),
        None
    );
}

/// Versions that did not know trunk prefixes stored such numbers.
pub(crate) async fn a_number_in_a_former_form_is_read_as_it_was_stored(store: Arc<dyn Store>) {
    for (number, former) in [
        (1, "+4901512345678"),
        (2, "00491512345678"),
        (3, "+01512345678"),
    ] {
        let mobile = Mobile::from_stored(former).unwrap();
        let (_, mut commit) = StoredUser::unregistered(&store, number, START);
        commit.user.owner.mobile = mobile.clone();
        let active = commit.user.active.as_mut().expect("a session is active");
        active.owner.mobile = mobile.clone();
        commit.sessions = vec![SessionWrite::Open(active.clone())];
        let stored = commit.user.clone();
        store.commit(commit).await.unwrap();
        assert_eq!(store.user_by_mobile(&mobile).await.unwrap(), Some(stored));
    }
}

pub(crate) async fn the_active_and_the_pending_session_are_read_with_the_user(
    store: Arc<dyn Store>,
) {
    let mut ada = StoredUser::register(&store, 1).await;
    ada.advance(Duration::from_secs(5));
    ada.log_in_pending(1).await;
    let seen_at = ada.now.plus(Duration::from_secs(5));
    store.touch(&[ada.active_touch(seen_at)]).await.unwrap();

    let read = ada.read_state().await;
    assert_eq!(
        read.active.as_ref().map(|session| session.last_seen_at),
        Some(seen_at)
    );
    ada.state
        .active
        .as_mut()
        .expect("a session is active")
        .touch(seen_at);
    assert_eq!(read, ada.state);
    assert_eq!(
        store.user_by_mobile(&ada.state.owner.mobile).await.unwrap(),
        Some(read)
    );
}

pub(crate) async fn a_token_finds_its_session_even_if_the_session_has_ended(store: Arc<dyn Store>) {
    let mut ada = StoredUser::register(&store, 1).await;
    let first = active(&ada.state).clone();
    assert_eq!(
        store
            .session_by_token(ada.id(), &first.token_hash)
            .await
            .unwrap()
            .as_ref(),
        Some(&first)
    );
    let second = ada.take_over(1).await;
    let found = store
        .session_by_token(ada.id(), &first.token_hash)
        .await
        .unwrap()
        .expect("the session is stored");
    let Stage::Ended(ended) = found.stage(ada.now) else {
        panic!("the session was replaced")
    };
    assert_eq!((found.key, ended.replaced_by), (first.key, Some(second)));
}

pub(crate) async fn a_token_finds_nothing_under_another_user(store: Arc<dyn Store>) {
    let ada = StoredUser::register(&store, 1).await;
    let bob = StoredUser::register(&store, 2).await;
    let hash = active(&ada.state).token_hash;
    assert_eq!(store.session_by_token(bob.id(), &hash).await.unwrap(), None);
    assert_eq!(
        store
            .session_by_token(ada.id(), &TokenHash::from_bytes([0; 32]))
            .await
            .unwrap(),
        None
    );
}

pub(crate) async fn a_session_is_found_only_under_its_user(store: Arc<dyn Store>) {
    let ada = StoredUser::register(&store, 1).await;
    let bob = StoredUser::register(&store, 2).await;
    assert_eq!(
        store.session(ada.id(), ada.active()).await.unwrap(),
        ada.state.active
    );
    assert_eq!(store.session(bob.id(), ada.active()).await.unwrap(), None);
    assert_eq!(
        store
            .session(ada.id(), SessionKey::new(Uuid::nil()))
            .await
            .unwrap(),
        None
    );
}

pub(crate) async fn sessions_by_key_keep_the_order_of_the_keys_and_are_none_if_unknown(
    store: Arc<dyn Store>,
) {
    let ada = StoredUser::register(&store, 1).await;
    let bob = StoredUser::register(&store, 2).await;
    let unknown = SessionKey::new(Uuid::nil());
    let keys = [bob.active(), unknown, ada.active(), bob.active()];
    let found = store.sessions_by_key(&keys).await.unwrap();
    let (ada, bob) = (ada.state.active, bob.state.active);
    assert_eq!(found, [bob.clone(), None, ada, bob]);
    assert_eq!(store.sessions_by_key(&[]).await.unwrap(), []);
}

pub(crate) async fn sessions_are_paged_newest_first(store: Arc<dyn Store>) {
    let mut ada = StoredUser::register(&store, 1).await;
    let mut bob = StoredUser::register(&store, 2).await;
    for number in 1..=4 {
        ada.take_over(number).await;
        bob.take_over(number).await;
    }
    let page = async |before, limit| {
        let slice = store
            .sessions(ada.id(), Page { before, limit })
            .await
            .unwrap();
        assert!(
            slice
                .items
                .iter()
                .all(|session| session.owner.id == ada.id())
        );
        (
            slice
                .items
                .iter()
                .map(|session| session.number)
                .collect::<Vec<_>>(),
            slice.has_more,
        )
    };
    assert_eq!(page(None, 2).await, (vec![5, 4], true));
    assert_eq!(page(Some(4), 2).await, (vec![3, 2], true));
    assert_eq!(page(Some(2), 2).await, (vec![1], false));
    assert_eq!(page(None, 5).await, (vec![5, 4, 3, 2, 1], false));
    assert_eq!(page(Some(1), 5).await, (vec![], false));
    assert_eq!(page(Some(u64::MAX), 1).await, (vec![5], true));
    assert_eq!(page(None, 0).await, (vec![], true));
}

pub(crate) async fn sessions_are_counted(store: Arc<dyn Store>) {
    let mut ada = StoredUser::register(&store, 1).await;
    StoredUser::register(&store, 2).await;
    ada.take_over(1).await;
    ada.log_in_pending(2).await;
    assert_eq!(store.count_sessions(ada.id()).await.unwrap(), 3);
    assert_eq!(
        store
            .count_sessions(UserId::new(Uuid::nil()))
            .await
            .unwrap(),
        0
    );
}

pub(crate) async fn alerts_are_paged_newest_first(store: Arc<dyn Store>) {
    let mut ada = StoredUser::register(&store, 1).await;
    let mut bob = StoredUser::register(&store, 2).await;
    for number in 1..=5 {
        ada.raise_alert(number).await;
        bob.raise_alert(number).await;
    }
    let page = async |before, limit| {
        let slice = store
            .alerts(ada.id(), Page { before, limit })
            .await
            .unwrap();
        assert!(slice.items.iter().all(|alert| alert.user == ada.id()));
        (
            slice
                .items
                .iter()
                .map(|alert| alert.sequence)
                .collect::<Vec<_>>(),
            slice.has_more,
        )
    };
    assert_eq!(page(None, 2).await, (vec![5, 4], true));
    assert_eq!(page(Some(4), 3).await, (vec![3, 2, 1], false));
    assert_eq!(page(Some(1), 3).await, (vec![], false));
    assert_eq!(page(Some(u64::MAX), 1).await, (vec![5], true));
}

pub(crate) async fn alerts_after_a_sequence_are_read_in_order(store: Arc<dyn Store>) {
    let mut ada = StoredUser::register(&store, 1).await;
    let mut bob = StoredUser::register(&store, 2).await;
    bob.raise_alert(1).await;
    for number in 1..=5 {
        ada.raise_alert(number).await;
    }
    let after = async |after, limit| {
        let alerts = store.alerts_after(ada.id(), after, limit).await.unwrap();
        alerts
            .iter()
            .map(|alert| alert.sequence)
            .collect::<Vec<_>>()
    };
    assert_eq!(after(0, 3).await, [1, 2, 3]);
    assert_eq!(after(3, 3).await, [4, 5]);
    assert_eq!(after(5, 3).await, [] as [u64; 0]);
    assert_eq!(after(u64::MAX, 3).await, [] as [u64; 0]);
}

pub(crate) async fn an_alert_is_found_by_its_id(store: Arc<dyn Store>) {
    let mut ada = StoredUser::register(&store, 1).await;
    let bob = StoredUser::register(&store, 2).await;
    let (commit, outcome) = ada.log_in(device(1), OnConflict::Reject).await;
    assert_eq!(outcome, LoginOutcome::Refused { retry_after: None });
    let alert = &commit.alerts[0];
    assert_eq!(store.alert(alert.id()).await.unwrap().as_ref(), Some(alert));
    for (user, sequence) in [
        (ada.id(), 0),
        (ada.id(), 2),
        (ada.id(), u64::MAX),
        (bob.id(), 1),
    ] {
        assert_eq!(store.alert(AlertId { user, sequence }).await.unwrap(), None);
    }
}
