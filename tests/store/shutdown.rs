//! What the maintenance of a node still does after it was told to stop.

use std::{sync::Arc, time::Duration};

use sessiond::store::Store;
use sessiond_test_support::{
    fixtures::{START, StoredUser, service},
    within_deadline,
};
use tokio_util::sync::CancellationToken;

use crate::{observed_store::ObservedStore, sqlite_store};

/// More users than maintenance changes before it looks for the next ones.
const USERS: u32 = 600;

#[tokio::test]
async fn the_last_writes_do_not_wait_for_the_ends_of_many_expired_sessions() {
    let (store, _folder) = sqlite_store();
    for number in 0..USERS {
        StoredUser::register_at(&store, number, START.minus(Duration::from_hours(1))).await;
    }
    let observed = Arc::new(ObservedStore::new(&store));
    let service = service(&(observed.clone() as Arc<dyn Store>));
    let shutdown = CancellationToken::new();
    let stop = async {
        while observed.sweeps() == 0 {
            tokio::task::yield_now().await;
        }
        shutdown.cancel();
    };
    within_deadline(async { tokio::join!(service.maintenance(shutdown.clone()), stop) }).await;
    assert_eq!(observed.sweeps(), 1);
    let left = store.overdue(START, USERS as usize).await.unwrap().len();
    assert!((1..USERS as usize).contains(&left), "{left}");
    store.close().await;
}
