//! Webhooks of several nodes on one database.

use std::{sync::Arc, time::Duration};

use parking_lot::RwLock;
use sessiond::{
    clock::{Clock, SystemClock},
    ids::IdGenerator,
    random::SystemRandom,
    store::{FeedPosition, ReceiverId, Store, WebhookStore},
    webhooks::{Dependencies, Sender, Timing, WebhookSecrets},
};
use sessiond_test_support::{
    DEADLINE, MOBILE, MongoDatabase, OTHER_MOBILE, TestServer, WEBHOOK_SECRET, WebhookFlags,
    WebhookReceiver, fixtures::StoredUser, within,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Two nodes that send to the same receiver.
async fn two_nodes(database: &MongoDatabase, receiver: &WebhookReceiver) -> [TestServer; 2] {
    let webhooks = WebhookFlags::to(&[receiver.url()]);
    let database = format!("--database={}", database.uri);
    // The TTL indexes use the clock of the database, which is years ahead of that of the nodes.
    let mut flags = vec![&*database, "--retention=3650d"];
    flags.extend(webhooks.as_flags());
    [
        TestServer::with_flags(&flags).await,
        TestServer::with_flags(&flags).await,
    ]
}

/// Receives a user's next messages, which must have these numbers.
async fn expect(receiver: &mut WebhookReceiver, sequences: std::ops::RangeInclusive<u64>) {
    for sequence in sequences {
        let message = within(DEADLINE * 4, receiver.next()).await;
        assert_eq!(message.sequence(), sequence);
    }
}

#[tokio::test]
async fn two_nodes_deliver_each_alert_once_and_one_continues_after_the_other() {
    let database = MongoDatabase::new().await;
    let mut receiver = WebhookReceiver::start();
    let [mut first, mut second] = two_nodes(&database, &receiver).await;
    first.create_user(MOBILE).await;
    for (device, node) in [&first, &second, &first, &second].into_iter().enumerate() {
        node.raise_alert(MOBILE, &format!("device {device}")).await;
    }
    expect(&mut receiver, 1..=4).await;
    first.stop().await;
    // The lease was given back, or is that of the second node.
    second.raise_alert(MOBILE, "another device").await;
    expect(&mut receiver, 5..=5).await;
    second.create_user(OTHER_MOBILE).await;
    second.raise_alert(OTHER_MOBILE, "a device").await;
    expect(&mut receiver, 1..=1).await;
    second.stop().await;
    assert!(receiver.arrived().is_empty());
}

#[tokio::test]
async fn a_living_lease_is_given_to_no_other_sender() {
    let database = MongoDatabase::new().await;
    let (one, other) = (database.open_store().await, database.open_store().await);
    let receiver = ReceiverId::of_url("https://a.example/");
    let lease = Duration::from_mins(10);
    let taken = one.take_webhook_lease(receiver, lease).await.unwrap();
    let epoch = taken.expect("the lease is free").epoch;
    assert_eq!(
        other.take_webhook_lease(receiver, lease).await.unwrap(),
        None
    );
    assert!(
        one.renew_webhook_lease(receiver, epoch, lease)
            .await
            .unwrap()
    );
    assert_eq!(
        other.take_webhook_lease(receiver, lease).await.unwrap(),
        None
    );
    assert!(
        one.renew_webhook_lease(receiver, epoch, Duration::ZERO)
            .await
            .unwrap()
    );
    let taken = other.take_webhook_lease(receiver, lease).await.unwrap();
    assert_eq!(taken.expect("the lease was given back").epoch, epoch + 1);
    one.close().await;
    other.close().await;
}

/// A sender in a task, which a test can end at any point, as a kill does.
fn start_sender(
    store: &Arc<dyn Store>,
    receiver: &WebhookReceiver,
    start: FeedPosition,
) -> JoinHandle<()> {
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    let secrets = WebhookSecrets::parse(WEBHOOK_SECRET).unwrap();
    let dependencies = Dependencies {
        store: Arc::clone(store),
        clock: Arc::<SystemClock>::clone(&clock),
        ids: IdGenerator::new(clock, random),
        secrets: Arc::new(RwLock::new(Arc::new(secrets))),
        timing: Timing {
            request: Duration::from_secs(1),
            lease: Duration::from_secs(3),
            ..Timing::default()
        },
    };
    let sender = Sender::new(receiver.url().parse().unwrap(), 1, start, dependencies);
    tokio::spawn(sender.run(CancellationToken::new()))
}

#[tokio::test]
async fn after_a_kill_another_node_sends_every_alert_in_order() {
    const KILLS: u64 = 3;
    let database = MongoDatabase::new().await;
    let mut receiver = WebhookReceiver::start();
    let store: Arc<dyn Store> = Arc::new(database.open_store().await);
    let start = store.feed_end().await.unwrap();
    // An alert of the past would be dropped if the machine were too busy for a try.
    let mut ada = StoredUser::register_at(&store, 1, SystemClock.now()).await;
    let mut sequences: Vec<u64> = Vec::new();
    for kill in 0..=KILLS {
        let sender = start_sender(&store, &receiver, start.clone());
        for device in 1..=3 {
            ada.take_over(device).await;
        }
        let last = ada.state.last_alert;
        let enough = if kill == KILLS { last } else { last - 2 };
        while sequences.iter().max() < Some(&enough) {
            let message = within(DEADLINE * 4, receiver.next()).await;
            sequences.push(message.sequence());
        }
        sender.abort();
        let _ = sender.await;
    }
    // A message may arrive again, and never before an earlier one.
    let mut expected = 1;
    for sequence in sequences {
        assert!(
            sequence <= expected,
            "{expected} is missing before {sequence}"
        );
        expected = expected.max(sequence + 1);
    }
    store.close().await;
}
