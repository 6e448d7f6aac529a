//! The state of the senders of webhooks: lease, position in the feed, parked users.

use std::{sync::Arc, time::Duration};

use sessiond::{
    domain::{Timestamp, UserId},
    store::{FeedPosition, ParkedUser, ReceiverId, Store, WebhookProgress, WebhookState},
};

use super::StoreFactory;

const LONG: Duration = Duration::from_mins(10);

fn receiver(name: &str) -> ReceiverId {
    ReceiverId::of_url(&format!("https://{name}.example/"))
}

fn position(text: &str) -> FeedPosition {
    FeedPosition::parse(text).unwrap()
}

fn parked(user: u8, next: u64) -> ParkedUser {
    let user = format!("00000000-0000-4000-8000-0000000000{user:02}");
    ParkedUser {
        user: UserId::parse(&user).unwrap(),
        next,
        last: next + 5,
        failures: 3,
        retry_at: Timestamp::from_millis(1_700_000_000_001),
        waiting_since: Timestamp::from_millis(1_600_000_000_002),
    }
}

/// Takes a lease that has ended already, so that the next sender can take it.
async fn take_ended(store: &Arc<dyn Store>, receiver: ReceiverId) -> WebhookState {
    let taken = store.take_webhook_lease(receiver, Duration::ZERO).await;
    let mut state = taken.unwrap().expect("the lease is free");
    state.parked.sort_by_key(|parked| parked.user);
    state
}

pub(crate) async fn each_sender_of_webhooks_has_the_next_epoch(store: Arc<dyn Store>) {
    let (one, other) = (receiver("one"), receiver("other"));
    for epoch in 1..=3 {
        let state = take_ended(&store, one).await;
        let expected = WebhookState {
            epoch,
            position: None,
            parked: Vec::new(),
        };
        assert_eq!(state, expected);
    }
    assert_eq!(take_ended(&store, other).await.epoch, 1);
}

pub(crate) async fn the_progress_of_a_sender_is_what_the_next_one_continues_with(
    store: Arc<dyn Store>,
) {
    let receiver = receiver("one");
    let epoch = take_ended(&store, receiver).await.epoch;
    let first = WebhookProgress {
        position: position("first"),
        parked: vec![parked(1, 1), parked(2, 7), parked(3, u64::from(u32::MAX))],
        removed: Vec::new(),
    };
    assert!(
        store
            .save_webhook_progress(receiver, epoch, &first)
            .await
            .unwrap()
    );
    let second = WebhookProgress {
        position: position("second"),
        parked: vec![parked(2, 8)],
        removed: vec![parked(1, 1).user, parked(9, 1).user],
    };
    // Writing it again changes nothing.
    for _ in 0..2 {
        assert!(
            store
                .save_webhook_progress(receiver, epoch, &second)
                .await
                .unwrap()
        );
    }
    let state = take_ended(&store, receiver).await;
    assert_eq!(state.epoch, epoch + 1);
    assert_eq!(state.position, Some(position("second")));
    assert_eq!(state.parked, [parked(2, 8), parked(3, u64::from(u32::MAX))]);
    assert_eq!(take_ended(&store, self::receiver("other")).await.parked, []);
}

pub(crate) async fn a_sender_whose_lease_was_taken_can_neither_write_nor_renew(
    store: Arc<dyn Store>,
) {
    let receiver = receiver("one");
    let former = take_ended(&store, receiver).await.epoch;
    assert!(
        store
            .renew_webhook_lease(receiver, former, Duration::ZERO)
            .await
            .unwrap()
    );
    let current = take_ended(&store, receiver).await.epoch;
    let save = async |epoch, text| {
        let progress = WebhookProgress {
            position: position(text),
            parked: vec![parked(1, 1)],
            removed: Vec::new(),
        };
        let saved = store.save_webhook_progress(receiver, epoch, &progress);
        saved.await.unwrap()
    };
    let renew = async |epoch, duration| {
        let renewal = store.renew_webhook_lease(receiver, epoch, duration);
        renewal.await.unwrap()
    };
    assert!(!save(former, "former").await && save(current, "current").await);
    assert!(!renew(former, LONG).await && renew(current, Duration::ZERO).await);
    let state = take_ended(&store, receiver).await;
    assert_eq!(state.position, Some(position("current")));
    assert_eq!(state.parked.len(), 1);
}

pub(crate) async fn the_progress_of_a_sender_survives_closing_and_reopening(
    factory: &impl StoreFactory,
) {
    let receiver = receiver("one");
    let store = factory.open().await;
    let epoch = take_ended(&store, receiver).await.epoch;
    let progress = WebhookProgress {
        position: position("first"),
        parked: vec![parked(1, 1)],
        removed: Vec::new(),
    };
    assert!(
        store
            .save_webhook_progress(receiver, epoch, &progress)
            .await
            .unwrap()
    );
    store.close().await;
    drop(store);

    let store = factory.open().await;
    let state = take_ended(&store, receiver).await;
    assert_eq!(state.position, Some(progress.position));
    assert_eq!(state.parked, progress.parked);
    store.close().await;
}
