//! The routing of alerts: each notification of the store wakes the subscribers of its own user. The
//! time of one notification should not depend on the number of other users with subscribers.

use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput};
use sessiond::{
    alerts::{AlertHub, AlertSubscriber, SubscriptionScope},
    clock::SystemClock,
    domain::UserId,
    store::{ChangeNotification, Store, sqlite::SqliteStore},
};
use sessiond_test_support::fixtures::unique_id;

/// The number of notifications that are routed at a time.
const NOTIFICATIONS: usize = 1000;

pub fn benchmark(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("sessiond.db")).unwrap();
    let store: Arc<dyn Store> = Arc::new(store);
    let mut group = criterion.benchmark_group("alerts");
    group.throughput(Throughput::Elements(NOTIFICATIONS as u64));
    for subscribers in [100, 10_000] {
        let hub = Arc::new(AlertHub::new(Arc::clone(&store), Arc::new(SystemClock)));
        let users: Vec<_> = (0..subscribers).map(|_| UserId::new(unique_id())).collect();
        let _subscribed: Vec<_> = users
            .iter()
            .map(|user| AlertSubscriber::new(Arc::clone(&hub), *user, SubscriptionScope::User))
            .collect();
        let notifications: Vec<_> = users
            .iter()
            .cycle()
            .take(NOTIFICATIONS)
            .map(|user| ChangeNotification::Changed {
                user: *user,
                sequence: 1,
            })
            .collect();
        group.bench_function(format!("routed among {subscribers} users"), |bencher| {
            bencher.iter_batched(
                || notifications.clone(),
                |changes| changes.into_iter().for_each(|change| hub.forward(change)),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}
