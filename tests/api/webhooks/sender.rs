//! A sender without a server, with other time limits and a store that the test prepares.

use std::{future::pending, sync::Arc, time::Duration};

use axum::{body::Body, http::Response};
use parking_lot::RwLock;
use sessiond::{
    clock::{Clock, SystemClock},
    domain::UserId,
    ids::IdGenerator,
    random::SystemRandom,
    shutdown::Shutdown,
    store::{ParkedUser, Store, WebhookProgress, sqlite::SqliteStore},
    webhooks::{Dependencies, Sender, Timing, WebhookSecrets, WebhookUrl},
};
use sessiond_test_support::{
    DEADLINE, FakeClock, WEBHOOK_SECRET, WebhookReceiver,
    fixtures::{START, StoredUser},
};
use tempfile::TempDir;
use uuid::Uuid;

/// The number of parked users from which a sender reads no further.
const MAX_PARKED: u128 = 1000;

/// A store in a new file.
fn new_store() -> (Arc<dyn Store>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("test.db")).unwrap();
    (Arc::new(store), folder)
}

/// Starts a sender from the end of the feed.
async fn start(
    store: &Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    receiver: &WebhookReceiver,
    timing: Timing,
) -> Shutdown {
    let secrets = WebhookSecrets::parse(WEBHOOK_SECRET).unwrap();
    let dependencies = Dependencies {
        store: Arc::clone(store),
        ids: IdGenerator::new(Arc::clone(&clock), Arc::new(SystemRandom)),
        clock,
        secrets: Arc::new(RwLock::new(Arc::new(secrets))),
        timing,
    };
    let (url, start) = (
        receiver.url().parse().unwrap(),
        store.feed_end().await.unwrap(),
    );
    let sender = Sender::new(url, 1, start, dependencies);
    let shutdown = Shutdown::default();
    shutdown.spawn(sender.run(shutdown.token()));
    shutdown
}

async fn stop(sender: Shutdown, store: Arc<dyn Store>) {
    sender.begin();
    assert!(sender.finished_within(DEADLINE).await);
    store.close().await;
}

#[tokio::test]
async fn a_receiver_that_does_not_respond_in_time_gets_the_message_again() {
    let mut receiver = WebhookReceiver::start();
    receiver.respond(|_| Box::pin(pending::<Response<Body>>()));
    let (store, _folder) = new_store();
    let timing = Timing {
        request: Duration::from_millis(50),
        min_retry: Duration::from_millis(10),
        max_retry: Duration::from_millis(10),
        ..Timing::default()
    };
    let sender = start(&store, Arc::new(SystemClock), &receiver, timing).await;
    // An alert of the past would be dropped after the first failure.
    let mut ada = StoredUser::register_at(&store, 1, SystemClock.now()).await;
    ada.take_over(1).await;
    let first = receiver.next().await;
    receiver.answer(|_| 204);
    let again = receiver.next_with(|message| message.id() == first.id());
    assert_eq!(again.await.body, first.body);
    stop(sender, store).await;
}

/// Parks as many users as a sender parks at most, until `minutes` after [`START`].
async fn park_the_maximum(store: &Arc<dyn Store>, receiver: &WebhookReceiver, minutes: u64) {
    let id = receiver.url().parse::<WebhookUrl>().unwrap().receiver();
    let parked = |number| ParkedUser {
        user: UserId::new(Uuid::from_u128(number)),
        next: 1,
        last: 1,
        failures: 1,
        retry_at: START.plus(Duration::from_mins(minutes)),
        waiting_since: START,
    };
    let taken = store.take_webhook_lease(id, Duration::ZERO).await.unwrap();
    let progress = WebhookProgress {
        position: store.feed_end().await.unwrap(),
        parked: (0..MAX_PARKED).map(parked).collect(),
        removed: Vec::new(),
    };
    let saved = store.save_webhook_progress(id, taken.unwrap().epoch, &progress);
    assert!(saved.await.unwrap());
}

#[tokio::test]
async fn a_sender_with_the_maximum_of_parked_users_reads_on_when_there_is_room() {
    const MINUTES: u64 = 5;
    let mut receiver = WebhookReceiver::start();
    let (store, _folder) = new_store();
    park_the_maximum(&store, &receiver, MINUTES).await;
    let clock = Arc::new(FakeClock::starting_at(START));
    let sender = start(
        &store,
        Arc::<FakeClock>::clone(&clock),
        &receiver,
        Timing::default(),
    );
    let sender = sender.await;
    let mut ada = StoredUser::register(&store, 1).await;
    ada.take_over(1).await;
    clock.advance(Duration::from_mins(MINUTES - 1));
    ada.take_over(2).await;
    clock.advance(Duration::from_mins(1));
    // The parked users do not exist, so nothing is sent for them.
    for sequence in 1..=2 {
        let message = receiver.next().await;
        assert_eq!(message.sequence(), sequence);
        assert_eq!(message.timestamp(), clock.now().as_millis() / 1000);
    }
    stop(sender, store).await;
}
