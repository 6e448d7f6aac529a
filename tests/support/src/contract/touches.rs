//! Last-seen times.

use std::{sync::Arc, time::Duration};

use sessiond::{
    domain::{SessionKey, Stage, Timestamp, rules::OnConflict},
    store::{CommitError, Store, Touch},
};
use uuid::Uuid;

use crate::{
    StoreLists,
    fixtures::{ALL, POLICY, StoredUser, active, device},
};

const MINUTE: Duration = Duration::from_mins(1);

async fn touch(user: &StoredUser, session: SessionKey, at: Timestamp) {
    user.store
        .touch(&[Touch {
            user: user.id(),
            session,
            at,
        }])
        .await
        .unwrap();
}

async fn last_seen(user: &StoredUser, key: SessionKey) -> Timestamp {
    user.read_session(key).await.last_seen_at
}

pub(crate) async fn a_touch_moves_the_last_seen_time_forward_and_never_back(store: Arc<dyn Store>) {
    let ada = StoredUser::register(&store, 1).await;
    let bob = StoredUser::register(&store, 2).await;
    let later = ada.now.plus(MINUTE);
    touch(&ada, ada.active(), later).await;
    assert_eq!(last_seen(&ada, ada.active()).await, later);
    touch(&ada, ada.active(), ada.now).await;
    assert_eq!(last_seen(&ada, ada.active()).await, later);
    let hash = active(&ada.state).token_hash;
    let by_token = store
        .session_by_token(ada.id(), &hash)
        .await
        .unwrap()
        .expect("the session is stored");
    assert_eq!(by_token.last_seen_at, later);

    // Several touches at once. One session has two, in the wrong order.
    let (first, last) = (ada.now.plus(2 * MINUTE), ada.now.plus(3 * MINUTE));
    let touches = [
        ada.active_touch(last),
        bob.active_touch(first),
        ada.active_touch(first),
    ];
    store.touch(&touches).await.unwrap();
    assert_eq!(last_seen(&ada, ada.active()).await, last);
    assert_eq!(last_seen(&bob, bob.active()).await, first);
    store.touch(&[]).await.unwrap();
}

pub(crate) async fn a_touch_ignores_ended_and_unknown_sessions(store: Arc<dyn Store>) {
    let mut ada = StoredUser::register(&store, 1).await;
    let old = ada.active();
    ada.take_over(1).await;
    let ended = store.session(ada.id(), old).await.unwrap();
    let later = ada.now.plus(MINUTE);
    let touches = [old, SessionKey::new(Uuid::nil()), ada.active()];
    let touches = touches.map(|session| Touch {
        user: ada.id(),
        session,
        at: later,
    });
    store.touch(&touches).await.unwrap();
    assert_eq!(store.session(ada.id(), old).await.unwrap(), ended);
    assert_eq!(last_seen(&ada, ada.active()).await, later);
    assert_eq!(store.count_sessions(ada.id()).await.unwrap(), 2);
}

pub(crate) async fn a_touch_never_makes_a_commit_stale(store: Arc<dyn Store>) {
    let mut ada = StoredUser::register(&store, 1).await;
    let (commit, _) = ada.decide_login(device(1), OnConflict::Reject);
    let next = commit.user.clone();
    let later = ada.now.plus(MINUTE);
    touch(&ada, ada.active(), later).await;
    store.commit(commit).await.unwrap();
    ada.state = next;
    ada.state
        .active
        .as_mut()
        .expect("a session is active")
        .touch(later);
    ada.assert_stored().await;
}

pub(crate) async fn a_commit_never_moves_the_last_seen_time_back(store: Arc<dyn Store>) {
    let ada = StoredUser::register(&store, 1).await;
    let old = ada.active();
    let commit = ada.decide_take_over(1);
    let later = ada.now.plus(MINUTE);
    touch(&ada, old, later).await;
    store.commit(commit).await.unwrap();
    assert_eq!(last_seen(&ada, old).await, later);
}

pub(crate) async fn a_session_seen_after_the_decision_does_not_expire(store: Arc<dyn Store>) {
    let mut ada = StoredUser::register(&store, 1).await;
    let session = ada.active();
    ada.advance(POLICY.idle_timeout);
    let commit = crate::fixtures::expiry(&ada.state, ada.now);
    touch(&ada, session, ada.now.minus(Duration::from_millis(1))).await;
    assert!(matches!(
        store.commit(commit).await,
        Err(CommitError::Stale)
    ));

    let read = ada.read_state().await;
    assert_eq!((read.version, read.last_alert), (1, 0));
    assert!(read.active.is_some_and(|active| active.is_valid(ada.now)));
    assert!(store.alerts(ada.id(), ALL).await.unwrap().items.is_empty());
}

pub(crate) async fn a_session_not_seen_after_the_decision_expires(store: Arc<dyn Store>) {
    let mut ada = StoredUser::register(&store, 1).await;
    let session = ada.active();
    // The decision is made after this touch, so the touch does not make the commit stale.
    ada.advance(MINUTE);
    touch(&ada, session, ada.now).await;
    ada.state = ada.read_state().await;
    let limit = ada.now.plus(POLICY.idle_timeout);
    ada.advance(2 * POLICY.idle_timeout);
    ada.expire().await;
    ada.assert_stored().await;
    let ended = ada.read_session(session).await;
    assert!(matches!(ended.stage(ada.now), Stage::Ended(ended) if ended.at == limit));
}
