//! Starts of a node: it reads all users only if its clock is behind the clock mark, or if there is none.

use std::{sync::Arc, time::Duration};

use sessiond::{
    domain::{Timestamp, UserId},
    store::{ClockMark, Store},
};
use sessiond_test_support::{
    fixtures::{START, StoredUser, active, service},
    within_deadline,
};
use tokio_util::sync::CancellationToken;

use crate::{observed_store::ObservedStore, sqlite_store};

/// Lets a node start, sweep twice and stop. Returns the number of pages of users that it has read.
async fn pages_of_a_start(store: &Arc<dyn Store>) -> usize {
    let observed = Arc::new(ObservedStore::new(store));
    let service = service(&(observed.clone() as Arc<dyn Store>));
    let shutdown = CancellationToken::new();
    let stop = async {
        while observed.sweeps() < 2 {
            tokio::task::yield_now().await;
        }
        shutdown.cancel();
    };
    within_deadline(async { tokio::join!(service.maintenance(shutdown.clone()), stop) }).await;
    observed.pages()
}

async fn last_seen(store: &Arc<dyn Store>, user: UserId) -> Timestamp {
    let state = store.user(user).await.unwrap().unwrap();
    active(&state).last_seen_at
}

async fn mark(store: &Arc<dyn Store>) -> Option<Timestamp> {
    store.clock_mark().await.unwrap()
}

#[tokio::test]
async fn a_start_reads_all_users_only_if_its_clock_is_behind_the_mark_or_there_is_none() {
    let (store, _folder) = sqlite_store();
    // The clock of the node stands at `START`.
    let future = START.plus(Duration::from_hours(1));
    let ada = StoredUser::register_at(&store, 1, future).await;
    assert_eq!(pages_of_a_start(&store).await, 1, "without a mark");
    assert_eq!(last_seen(&store, ada.id()).await, START);
    assert_eq!(mark(&store).await, Some(START));

    let ben = StoredUser::register_at(&store, 2, future).await;
    assert_eq!(pages_of_a_start(&store).await, 0, "at the time of the mark");
    assert_eq!(last_seen(&store, ben.id()).await, future);

    store.save_clock_mark(ClockMark::At(future)).await.unwrap();
    assert_eq!(pages_of_a_start(&store).await, 1, "behind the mark");
    assert_eq!(last_seen(&store, ben.id()).await, START);
    assert_eq!(mark(&store).await, Some(START));

    let past = START.minus(Duration::from_hours(1));
    store.save_clock_mark(ClockMark::At(past)).await.unwrap();
    assert_eq!(pages_of_a_start(&store).await, 0, "after the mark");
    assert_eq!(mark(&store).await, Some(START), "the node has raised it");
    store.close().await;
}
