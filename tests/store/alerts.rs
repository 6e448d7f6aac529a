//! Live alerts over a real store: a subscriber receives each alert that concerns it once.

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt, StreamExt};
use sessiond::{
    access::Visibility,
    alerts::{AlertStreamError, AlertSubscriber, SubscriptionScope},
    domain::{
        AlertId, AlertKind, EndedBy,
        rules::{Actor, Decision, change_password},
    },
};
use sessiond_test_support::{
    fixtures::{POLICY, StoredUser},
    within_deadline,
};

use crate::routed_store::{
    RoutedStore, active, next, next_sequences, pending, raise_alerts, read_to_end,
};

#[tokio::test]
async fn a_subscriber_that_lags_1000_alerts_behind_receives_each_once_in_order() {
    let store = RoutedStore::start();
    let mut ada = StoredUser::register(&store.store, 1).await;
    let mut stream = store.subscribe(&ada, active(&ada));
    raise_alerts(&mut ada, 3).await;
    assert_eq!(next_sequences(&mut stream, 3).await, [1, 2, 3]);
    // The stream is live now. It is not polled while a thousand alerts are raised.
    raise_alerts(&mut ada, 1000).await;
    assert_eq!(
        next_sequences(&mut stream, 1000).await,
        (4..=1003).collect::<Vec<u64>>()
    );
    assert!(
        stream.next().now_or_never().is_none(),
        "no further alert was raised"
    );
    raise_alerts(&mut ada, 1).await;
    assert_eq!(next_sequences(&mut stream, 1).await, [1004]);
    drop(stream);
    store.stop().await;
}

#[tokio::test]
async fn a_subscriber_that_resumes_after_its_last_alert_misses_none() {
    let store = RoutedStore::start();
    let mut ada = StoredUser::register(&store.store, 1).await;
    let mut seen = Vec::new();
    for missed_alerts in [0, 1, 63, 64, 65, 130] {
        let mut stream =
            store.subscribe_after(&ada, active(&ada), seen.last().copied().unwrap_or(0));
        raise_alerts(&mut ada, 1).await;
        let unread = usize::try_from(ada.state.last_alert).unwrap() - seen.len();
        seen.extend(next_sequences(&mut stream, unread).await);
        drop(stream);
        raise_alerts(&mut ada, missed_alerts).await;
    }
    assert!(seen.iter().copied().eq(1..=seen.len() as u64), "{seen:?}");
    store.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscribers_that_join_while_alerts_are_raised_receive_each_once() {
    let store = RoutedStore::start();
    let mut ada = StoredUser::register(&store.store, 1).await;
    let (id, scope) = (ada.id(), active(&ada));
    let raising = tokio::spawn(async move { raise_alerts(&mut ada, 200).await });
    let mut subscribers = Vec::new();
    for after in [0, 10, 50, 100, 150, 190] {
        let hub = Arc::clone(&store.hub);
        subscribers.push(tokio::spawn(async move {
            let mut stream = AlertSubscriber::new(hub, id, scope).after(after);
            let count = usize::try_from(200 - after).unwrap();
            let seen = next_sequences(&mut stream, count).await;
            assert!(seen.iter().copied().eq(after + 1..=200), "{seen:?}");
        }));
    }
    for subscriber in subscribers {
        within_deadline(subscriber).await.unwrap();
    }
    within_deadline(raising).await.unwrap();
    store.stop().await;
}

#[tokio::test]
async fn a_stream_completes_with_the_alert_that_ends_its_session_and_not_before() {
    let store = RoutedStore::start();
    let mut ada = StoredUser::register(&store.store, 1).await;
    let (mut first, service) = (
        store.subscribe(&ada, active(&ada)),
        store.subscribe(&ada, SubscriptionScope::User),
    );
    ada.raise_alert(1).await;
    ada.log_in_pending(2).await;
    ada.decide_pending_login(Decision::Deny).await;
    assert_eq!(next_sequences(&mut first, 3).await, [1, 2, 3]);
    assert!(
        first.next().now_or_never().is_none(),
        "the session of the stream is still active"
    );
    ada.take_over(3).await;
    ada.raise_alert(4).await;
    assert_eq!(
        read_to_end(first).await,
        [(4, AlertKind::SessionReplaced)],
        "later alerts are not for this session"
    );

    let second = store.subscribe(&ada, active(&ada));
    ada.advance(POLICY.idle_timeout);
    ada.expire().await;
    assert_eq!(read_to_end(second).await, [(6, AlertKind::SessionExpired)]);

    // The service's stream continues until the user is deleted.
    let mut service = service;
    assert_eq!(next_sequences(&mut service, 6).await, [1, 2, 3, 4, 5, 6]);
    store.store.delete_user(ada.id()).await.unwrap();
    assert_eq!(read_to_end(service).await, []);
    store.stop().await;
}

#[tokio::test]
async fn a_stream_that_catches_up_stops_at_the_end_of_its_session() {
    let store = RoutedStore::start();
    let mut ada = StoredUser::register(&store.store, 1).await;
    let (key, scope) = (ada.active(), active(&ada));
    raise_alerts(&mut ada, 70).await;
    ada.invalidate_session(key).await;
    ada.take_over(1).await;
    ada.raise_alert(2).await;
    let seen = read_to_end(store.subscribe_after(&ada, scope, 60)).await;
    assert_eq!(seen.len(), 11);
    assert_eq!(
        seen.last(),
        Some(&(71, AlertKind::SessionInvalidated(Some(EndedBy::Service))))
    );
    // A subscriber that has received the alert of the end receives nothing more.
    assert_eq!(
        read_to_end(store.subscribe_after(&ada, scope, 71)).await,
        []
    );
    store.stop().await;
}

#[tokio::test]
async fn a_pending_session_receives_only_its_own_alerts_until_it_is_approved() {
    let store = RoutedStore::start();
    let mut ada = StoredUser::register(&store.store, 1).await;
    ada.log_in_pending(1).await;
    let mut stream = store.subscribe_after(&ada, pending(&ada), 0);
    // LOGIN_PENDING concerns the active session, so the pending session does not receive it.
    ada.raise_alert(2).await;
    ada.raise_alert(3).await;
    ada.decide_pending_login(Decision::Approve).await;
    let approved = within_deadline(stream.next())
        .await
        .expect("the stream continues")
        .expect("the store is available");
    assert_eq!(
        (approved.0.sequence, approved.0.kind),
        (4, AlertKind::LoginApproved)
    );
    assert_eq!(
        approved.1,
        Visibility::Full,
        "the approved session is active"
    );
    assert_eq!(next(&mut stream).await.kind, AlertKind::SessionReplaced);
    ada.raise_alert(4).await;
    assert_eq!(next(&mut stream).await.kind, AlertKind::LoginRefused);
    drop(stream);
    store.stop().await;
}

#[tokio::test]
async fn the_stream_of_a_pending_session_completes_with_the_decision() {
    let store = RoutedStore::start();
    let mut ada = StoredUser::register(&store.store, 1).await;
    ada.log_in_pending(1).await;
    let stream = store.subscribe(&ada, pending(&ada));
    ada.raise_alert(2).await;
    ada.decide_pending_login(Decision::Deny).await;
    assert_eq!(
        read_to_end(stream).await,
        [(3, AlertKind::LoginNotApproved)]
    );

    ada.log_in_pending(3).await;
    let stream = store.subscribe(&ada, pending(&ada));
    ada.advance(POLICY.approval_timeout);
    ada.expire().await;
    assert_eq!(
        read_to_end(stream).await,
        [(5, AlertKind::LoginNotApproved)]
    );

    // A second login of the same device renews the pending session without an alert. The stream of
    // the first token ends.
    ada.log_in_pending(4).await;
    let stream = store.subscribe(&ada, pending(&ada));
    ada.advance(Duration::from_secs(1));
    ada.log_in_pending(4).await;
    assert_eq!(read_to_end(stream).await, []);

    let stream = store.subscribe(&ada, pending(&ada));
    let hash = sessiond::domain::PasswordHash::new("hash".into());
    ada.change(|state, context| {
        change_password(state, Actor::Service, hash, context)
            .expect("the service may set any password")
    })
    .await;
    assert_eq!(read_to_end(stream).await, [(7, AlertKind::PasswordChanged)]);
    store.stop().await;
}

#[tokio::test]
async fn a_user_has_a_channel_only_while_it_has_a_subscriber() {
    let store = RoutedStore::start();
    let ada = StoredUser::register(&store.store, 1).await;
    let mut bob = StoredUser::register(&store.store, 2).await;
    assert_eq!(store.hub.subscribed_users(), 0);
    let first = store.subscribe(&ada, SubscriptionScope::User);
    let second = store.subscribe(&ada, active(&ada));
    assert_eq!(store.hub.subscribed_users(), 1);
    let third = store.subscribe(&bob, active(&bob));
    assert_eq!(store.hub.subscribed_users(), 2);
    drop(first);
    assert_eq!(store.hub.subscribed_users(), 2);
    drop(second);
    assert_eq!(store.hub.subscribed_users(), 1);
    // A stream that completes unsubscribes.
    bob.invalidate_session(bob.active()).await;
    assert_eq!(
        read_to_end(third).await,
        [(1, AlertKind::SessionInvalidated(Some(EndedBy::Service)))]
    );
    assert_eq!(store.hub.subscribed_users(), 0);
    drop(AlertSubscriber::new(
        Arc::clone(&store.hub),
        ada.id(),
        SubscriptionScope::User,
    ));
    assert_eq!(
        store.hub.subscribed_users(),
        0,
        "a subscriber that was never read unsubscribes"
    );
    store.stop().await;
}

#[tokio::test]
async fn a_subscriber_gets_no_alert_after_one_that_was_purged_unread() {
    let store = RoutedStore::start();
    let mut ada = StoredUser::register(&store.store, 1).await;
    raise_alerts(&mut ada, 3).await;
    let kept = store.store.alert(alert_id(&ada, 3)).await.unwrap();
    let before = kept.expect("the alert is stored").created_at;
    store.store.purge(before, 100).await.unwrap();

    let mut stale = store.subscribe_after(&ada, active(&ada), 1);
    let failed = within_deadline(stale.next()).await;
    assert!(matches!(failed, Some(Err(AlertStreamError::Purged))));
    assert!(within_deadline(stale.next()).await.is_none());
    let mut current = store.subscribe_after(&ada, active(&ada), 2);
    assert_eq!(next_sequences(&mut current, 1).await, [3]);

    // No alert is left, and none was missed after the last one.
    store.store.purge(ada.now, 100).await.unwrap();
    let mut stale = store.subscribe_after(&ada, active(&ada), 2);
    let failed = within_deadline(stale.next()).await;
    assert!(matches!(failed, Some(Err(AlertStreamError::Purged))));
    let mut last = store.subscribe_after(&ada, active(&ada), 3);
    raise_alerts(&mut ada, 1).await;
    assert_eq!(next_sequences(&mut last, 1).await, [4]);
    drop((stale, current, last));
    store.stop().await;
}

fn alert_id(user: &StoredUser, sequence: u64) -> AlertId {
    AlertId {
        user: user.id(),
        sequence,
    }
}
