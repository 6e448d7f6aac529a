use std::{sync::Arc, time::Duration};

use sessiond::{
    domain::{SessionKey, Stage, Timestamp, rules::OnConflict},
    store::{CommitError, Page, Store, Touch},
};
use uuid::Uuid;

use crate::fixtures::{POLICY, Person, device};

const MINUTE: Duration = Duration::from_mins(1);

async fn touch(person: &Person, session: SessionKey, at: Timestamp) {
    person
        .store
        .touch(&[Touch {
            user: person.id(),
            session,
            at,
        }])
        .await
        .unwrap();
}

async fn last_seen(person: &Person, key: SessionKey) -> Timestamp {
    person
        .store
        .session(person.id(), key)
        .await
        .unwrap()
        .expect("it is kept")
        .last_seen_at
}

pub async fn a_touch_moves_the_last_request_forward_and_never_back(store: Arc<dyn Store>) {
    let ada = Person::registered(&store, 1).await;
    let bob = Person::registered(&store, 2).await;
    let later = ada.now.plus(MINUTE);
    touch(&ada, ada.active(), later).await;
    assert_eq!(last_seen(&ada, ada.active()).await, later);
    touch(&ada, ada.active(), ada.now).await;
    assert_eq!(last_seen(&ada, ada.active()).await, later);
    let hash = ada.state.active.as_ref().expect("it is active").token_hash;
    let by_token = store
        .session_by_token(ada.id(), &hash)
        .await
        .unwrap()
        .expect("it is there");
    assert_eq!(by_token.last_seen_at, later);

    // Several at once, and one of them twice in the wrong order.
    let (first, last) = (ada.now.plus(2 * MINUTE), ada.now.plus(3 * MINUTE));
    let of = |person: &Person, at| Touch {
        user: person.id(),
        session: person.active(),
        at,
    };
    store
        .touch(&[of(&ada, last), of(&bob, first), of(&ada, first)])
        .await
        .unwrap();
    assert_eq!(last_seen(&ada, ada.active()).await, last);
    assert_eq!(last_seen(&bob, bob.active()).await, first);
    store.touch(&[]).await.unwrap();
}

pub async fn a_touch_passes_over_sessions_that_ended_or_never_were(store: Arc<dyn Store>) {
    let mut ada = Person::registered(&store, 1).await;
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

pub async fn a_touch_never_makes_a_commit_stale(store: Arc<dyn Store>) {
    let mut ada = Person::registered(&store, 1).await;
    let (commit, transition, _) = ada.decide_login(device(1), OnConflict::Reject);
    let later = ada.now.plus(MINUTE);
    touch(&ada, ada.active(), later).await;
    store.commit(commit).await.unwrap();
    ada.state = transition.next;
    ada.state
        .active
        .as_mut()
        .expect("it is active")
        .touch(later);
    assert_eq!(
        store.user(ada.id()).await.unwrap().as_ref(),
        Some(&ada.state)
    );
}

pub async fn a_commit_never_moves_the_last_request_back(store: Arc<dyn Store>) {
    let mut ada = Person::registered(&store, 1).await;
    let old = ada.active();
    let (commit, ..) = ada.decide_login(device(1), OnConflict::TakeOver);
    let later = ada.now.plus(MINUTE);
    touch(&ada, old, later).await;
    store.commit(commit).await.unwrap();
    assert_eq!(last_seen(&ada, old).await, later);
}

pub async fn a_session_seen_since_does_not_expire_unseen(store: Arc<dyn Store>) {
    let mut ada = Person::registered(&store, 1).await;
    let session = ada.active();
    ada.wait(POLICY.idle_timeout);
    let (commit, _) = ada.decide_expiry();
    touch(&ada, session, ada.now.minus(Duration::from_millis(1))).await;
    assert!(matches!(
        store.commit(commit).await,
        Err(CommitError::Stale)
    ));

    let read = store
        .user(ada.id())
        .await
        .unwrap()
        .expect("the user is there");
    assert_eq!((read.version, read.last_alert), (1, 0));
    assert!(read.active.is_some_and(|active| active.is_valid(ada.now)));
    assert!(
        store
            .alerts(
                ada.id(),
                Page {
                    before: None,
                    limit: 1
                }
            )
            .await
            .unwrap()
            .items
            .is_empty()
    );
}

pub async fn a_session_not_seen_since_expires_unseen(store: Arc<dyn Store>) {
    let mut ada = Person::registered(&store, 1).await;
    let session = ada.active();
    // The decision knows of this request: it is no reason to think again.
    ada.wait(MINUTE);
    touch(&ada, session, ada.now).await;
    ada.state = store
        .user(ada.id())
        .await
        .unwrap()
        .expect("the user is there");
    let limit = ada.now.plus(POLICY.idle_timeout);
    ada.wait(2 * POLICY.idle_timeout);
    ada.expire().await;
    assert_eq!(
        store.user(ada.id()).await.unwrap().as_ref(),
        Some(&ada.state)
    );
    let ended = store
        .session(ada.id(), session)
        .await
        .unwrap()
        .expect("it is kept");
    assert!(matches!(ended.stage(ada.now), Stage::Ended(ended) if ended.at == limit));
}
