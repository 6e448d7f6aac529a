//! The clock mark: which starts of a node read all users, and what a stop leaves.

use std::{sync::Arc, time::Duration};

use sessiond::{
    domain::{Timestamp, UserId},
    store::{ClockMark, Store},
};
use sessiond_test_support::{
    FakeClock,
    fixtures::{START, StoredUser, active, service, service_at},
    within_deadline,
};
use tokio_util::sync::CancellationToken;

use crate::{observed_store::ObservedStore, sqlite_store};

const SMALL_STEP: Duration = Duration::from_secs(30);

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

/// A node runs, its clock is set back by less than a minute, and the node stops. Returns the mark.
async fn mark_after_a_small_step(store: &Arc<dyn Store>, is_noticed: bool) -> Option<Timestamp> {
    store.save_clock_mark(ClockMark::At(START)).await.unwrap();
    let observed = Arc::new(ObservedStore::new(store));
    observed.fail_pages();
    let clock = Arc::new(FakeClock::starting_at(START));
    let service = service_at(&(observed.clone() as Arc<dyn Store>), clock.clone());
    let shutdown = CancellationToken::new();
    let sweeps = async |count: usize| {
        while observed.sweeps() < count {
            tokio::task::yield_now().await;
        }
    };
    let step = async {
        sweeps(1).await;
        clock.advance(SMALL_STEP);
        sweeps(3).await;
        clock.set_back(SMALL_STEP);
        if is_noticed {
            while observed.pages() == 0 {
                tokio::task::yield_now().await;
            }
        }
        shutdown.cancel();
    };
    within_deadline(async { tokio::join!(service.maintenance(shutdown.clone()), step) }).await;
    assert_eq!(observed.pages() > 0, is_noticed);
    mark(store).await
}

#[tokio::test]
async fn a_start_after_a_small_step_reads_all_users_whether_the_node_noticed_it_or_not() {
    for is_noticed in [false, true] {
        let (store, _folder) = sqlite_store();
        let mark = mark_after_a_small_step(&store, is_noticed).await;
        assert_eq!(mark, Some(START.plus(SMALL_STEP)), "{is_noticed}");
        assert_eq!(pages_of_a_start(&store).await, 1, "{is_noticed}");
        store.close().await;
    }
}
