//! Live alerts over a real store: nobody misses one, sees one twice, or sees what is not for it.

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt, StreamExt, stream::BoxStream};
use sessiond::{
    access::Visibility,
    alerts::{AlertHub, AlertSubscriber, SubscriptionScope},
    domain::{
        Alert, AlertKind, SessionKey,
        rules::{Actor, Decision, change_password},
    },
    store::{Store, StoreError, sqlite::SqliteStore},
};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::fixtures::{POLICY, Person, soon};

type Stream = BoxStream<'static, Result<(Alert, Visibility), StoreError>>;

/// A store, and a hub that routes its hints.
struct Node {
    store: Arc<dyn Store>,
    hub: Arc<AlertHub>,
    shutdown: CancellationToken,
    routing: JoinHandle<()>,
    _files: TempDir,
}

impl Node {
    fn start() -> Self {
        let files = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> =
            Arc::new(SqliteStore::open(&files.path().join("sessiond.db")).unwrap());
        let hub = Arc::new(AlertHub::new(Arc::clone(&store)));
        let shutdown = CancellationToken::new();
        let routing = tokio::spawn({
            let (hub, hints, shutdown) = (Arc::clone(&hub), store.changes(), shutdown.clone());
            async move { hub.run(hints, shutdown).await }
        });
        Self {
            store,
            hub,
            shutdown,
            routing,
            _files: files,
        }
    }

    fn follow(&self, person: &Person, follows: SubscriptionScope) -> Stream {
        self.follow_after(person, follows, person.state.last_alert)
    }

    fn follow_after(&self, person: &Person, follows: SubscriptionScope, after: u64) -> Stream {
        AlertSubscriber::new(Arc::clone(&self.hub), person.id(), follows).after(after)
    }

    async fn stop(self) {
        self.shutdown.cancel();
        soon(self.routing).await.expect("routing ends");
        self.store.close().await;
    }
}

const fn active(key: SessionKey) -> SubscriptionScope {
    SubscriptionScope::Session {
        key,
        is_active: true,
    }
}

const fn pending(key: SessionKey) -> SubscriptionScope {
    SubscriptionScope::Session {
        key,
        is_active: false,
    }
}

async fn next(stream: &mut Stream) -> Alert {
    soon(stream.next())
        .await
        .expect("the stream goes on")
        .expect("the store answers")
        .0
}

async fn next_sequences(stream: &mut Stream, count: usize) -> Vec<u64> {
    let mut sequences = Vec::new();
    for _ in 0..count {
        sequences.push(next(stream).await.sequence);
    }
    sequences
}

async fn rest(stream: Stream) -> Vec<(u64, AlertKind)> {
    let alerts: Vec<_> = soon(stream.collect()).await;
    alerts
        .into_iter()
        .map(|alert| alert.expect("the store answers").0)
        .map(|a| (a.sequence, a.kind))
        .collect()
}

/// Raises `count` alerts, each of a login that is refused after the quiet time has passed.
async fn raise(person: &mut Person, count: usize) {
    for _ in 0..count {
        person.refuse(1).await;
        person.wait(POLICY.alert_cooldown);
        let touch = sessiond::store::Touch {
            user: person.id(),
            session: person.active(),
            at: person.now,
        };
        person
            .state
            .active
            .as_mut()
            .expect("it is active")
            .touch(touch.at);
        person.store.touch(&[touch]).await.unwrap();
    }
}

#[tokio::test]
async fn a_subscriber_that_did_not_look_for_1000_alerts_sees_each_once_in_order() {
    let node = Node::start();
    let mut ada = Person::registered(&node.store, 1).await;
    let mut stream = node.follow(&ada, active(ada.active()));
    raise(&mut ada, 3).await;
    assert_eq!(next_sequences(&mut stream, 3).await, [1, 2, 3]);
    // It follows, and then does not look while a thousand come.
    raise(&mut ada, 1000).await;
    assert_eq!(
        next_sequences(&mut stream, 1000).await,
        (4..=1003).collect::<Vec<u64>>()
    );
    assert!(
        stream.next().now_or_never().is_none(),
        "there is nothing more yet"
    );
    raise(&mut ada, 1).await;
    assert_eq!(next_sequences(&mut stream, 1).await, [1004]);
    drop(stream);
    node.stop().await;
}

#[tokio::test]
async fn a_subscriber_that_comes_back_after_an_alert_misses_none() {
    let node = Node::start();
    let mut ada = Person::registered(&node.store, 1).await;
    let mut seen = Vec::new();
    for gone_for in [0, 1, 63, 64, 65, 130] {
        let mut stream = node.follow_after(
            &ada,
            active(ada.active()),
            seen.last().copied().unwrap_or(0),
        );
        raise(&mut ada, 1).await;
        let missed = usize::try_from(ada.state.last_alert).unwrap() - seen.len();
        seen.extend(next_sequences(&mut stream, missed).await);
        drop(stream);
        raise(&mut ada, gone_for).await;
    }
    assert!(seen.iter().copied().eq(1..=seen.len() as u64), "{seen:?}");
    node.stop().await;
}

/// Alerts are committed all the while that subscribers join.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscribers_that_join_while_alerts_are_raised_see_each_once() {
    let node = Node::start();
    let mut ada = Person::registered(&node.store, 1).await;
    let (id, key) = (ada.id(), ada.active());
    let raising = tokio::spawn(async move { raise(&mut ada, 200).await });
    let mut watching = Vec::new();
    for after in [0, 10, 50, 100, 150, 190] {
        let hub = Arc::clone(&node.hub);
        watching.push(tokio::spawn(async move {
            let mut stream = AlertSubscriber::new(hub, id, active(key)).after(after);
            let count = usize::try_from(200 - after).unwrap();
            let seen = next_sequences(&mut stream, count).await;
            assert!(seen.iter().copied().eq(after + 1..=200), "{seen:?}");
        }));
    }
    for watcher in watching {
        soon(watcher).await.expect("it saw each once");
    }
    soon(raising).await.expect("all were raised");
    node.stop().await;
}

#[tokio::test]
async fn a_stream_completes_after_the_alert_that_ends_its_session_and_not_before() {
    let node = Node::start();
    let mut ada = Person::registered(&node.store, 1).await;
    let (mut first, service) = (
        node.follow(&ada, active(ada.active())),
        node.follow(&ada, SubscriptionScope::User),
    );
    ada.refuse(1).await;
    ada.ask(2).await;
    ada.answer(Decision::Deny).await;
    assert_eq!(next_sequences(&mut first, 3).await, [1, 2, 3]);
    assert!(first.next().now_or_never().is_none(), "its session goes on");
    ada.take_over(3).await;
    ada.refuse(4).await;
    assert_eq!(
        rest(first).await,
        [(4, AlertKind::SessionReplaced)],
        "what comes after is not for it"
    );

    let second = node.follow(&ada, active(ada.active()));
    ada.wait(POLICY.idle_timeout);
    ada.expire().await;
    assert_eq!(rest(second).await, [(6, AlertKind::SessionExpired)]);

    // The service's stream goes on until there is no user.
    let mut service = service;
    assert_eq!(next_sequences(&mut service, 6).await, [1, 2, 3, 4, 5, 6]);
    node.store.delete_user(ada.id()).await.unwrap();
    assert_eq!(rest(service).await, []);
    node.stop().await;
}

#[tokio::test]
async fn a_stream_that_catches_up_on_its_sessions_end_stops_there() {
    let node = Node::start();
    let mut ada = Person::registered(&node.store, 1).await;
    let key = ada.active();
    raise(&mut ada, 70).await;
    ada.invalidate(key).await;
    ada.take_over(1).await;
    ada.refuse(2).await;
    let seen = rest(node.follow_after(&ada, active(key), 60)).await;
    assert_eq!(seen.len(), 11);
    assert_eq!(seen.last(), Some(&(71, AlertKind::SessionInvalidated)));
    // Nothing is left to say to one who has seen the end.
    assert_eq!(rest(node.follow_after(&ada, active(key), 71)).await, []);
    node.stop().await;
}

#[tokio::test]
async fn a_waiting_login_sees_only_what_concerns_it_until_it_is_approved() {
    let node = Node::start();
    let mut ada = Person::registered(&node.store, 1).await;
    let waiting = ada.ask(1).await;
    let mut stream = node.follow_after(&ada, pending(waiting), 0);
    // The question itself is about the session that holds its place, and is not shown.
    ada.refuse(2).await;
    ada.refuse(3).await;
    ada.answer(Decision::Approve).await;
    let approved = soon(stream.next())
        .await
        .expect("it goes on")
        .expect("the store answers");
    assert_eq!(
        (approved.0.sequence, approved.0.kind),
        (4, AlertKind::LoginApproved)
    );
    assert_eq!(
        approved.1,
        Visibility::Full,
        "from then on it is the active session"
    );
    assert_eq!(next(&mut stream).await.kind, AlertKind::SessionReplaced);
    ada.refuse(4).await;
    assert_eq!(next(&mut stream).await.kind, AlertKind::LoginRefused);
    drop(stream);
    node.stop().await;
}

#[tokio::test]
async fn a_waiting_logins_stream_completes_with_the_answer() {
    let node = Node::start();
    let mut ada = Person::registered(&node.store, 1).await;
    let denied = ada.ask(1).await;
    let stream = node.follow(&ada, pending(denied));
    ada.refuse(2).await;
    ada.answer(Decision::Deny).await;
    assert_eq!(rest(stream).await, [(3, AlertKind::LoginNotApproved)]);

    let timed_out = ada.ask(3).await;
    let stream = node.follow(&ada, pending(timed_out));
    ada.wait(POLICY.approval_timeout);
    ada.expire().await;
    assert_eq!(rest(stream).await, [(5, AlertKind::LoginNotApproved)]);

    // Asked again by the same device: the first one's place is taken in silence.
    let first = ada.ask(4).await;
    let stream = node.follow(&ada, pending(first));
    ada.wait(Duration::from_secs(1));
    let second = ada.ask(4).await;
    assert_eq!(rest(stream).await, []);

    let stream = node.follow(&ada, pending(second));
    let hash = sessiond::domain::PasswordHash::new("hash".into());
    ada.change(|state, context| {
        change_password(state, Actor::Service, hash, context)
            .expect("the service may set any password")
    })
    .await;
    assert_eq!(rest(stream).await, [(7, AlertKind::PasswordChanged)]);
    node.stop().await;
}

#[tokio::test]
async fn a_user_has_a_channel_only_while_somebody_follows() {
    let node = Node::start();
    let ada = Person::registered(&node.store, 1).await;
    let mut bob = Person::registered(&node.store, 2).await;
    assert_eq!(node.hub.followed(), 0);
    let first = node.follow(&ada, SubscriptionScope::User);
    let second = node.follow(&ada, active(ada.active()));
    assert_eq!(node.hub.followed(), 1);
    let third = node.follow(&bob, active(bob.active()));
    assert_eq!(node.hub.followed(), 2);
    drop(first);
    assert_eq!(node.hub.followed(), 2);
    drop(second);
    assert_eq!(node.hub.followed(), 1);
    // A stream that completes leaves by itself.
    bob.invalidate(bob.active()).await;
    assert_eq!(rest(third).await, [(1, AlertKind::SessionInvalidated)]);
    assert_eq!(node.hub.followed(), 0);
    drop(AlertSubscriber::new(
        Arc::clone(&node.hub),
        ada.id(),
        SubscriptionScope::User,
    ));
    assert_eq!(
        node.hub.followed(),
        0,
        "nor does one stay that was never read"
    );
    node.stop().await;
}
