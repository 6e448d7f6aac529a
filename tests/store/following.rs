//! Following alerts through the service: what a caller sees whose session changed after its token was looked up.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use futures_util::StreamExt;
use sessiond::{
    access::{Caller, Visibility},
    alerts::AlertHub,
    clock::Clock,
    domain::{
        AlertId, AlertKind, Timestamp,
        rules::{Decision, OnConflict},
    },
    random::Random,
    service::{Dependencies, Error, FailureLimits, Service, ServiceConfig},
    store::{Store, sqlite::SqliteStore},
};

use crate::fixtures::{POLICY, Person, START, soon};

/// A clock that stands still, and bytes that are counted.
#[derive(Debug, Default)]
struct Still(AtomicU8);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        START
    }
}

impl Random for Still {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0.fetch_add(1, Ordering::Relaxed));
    }
}

fn service(store: &Arc<dyn Store>) -> Service {
    let failures = NonZeroU32::MIN;
    let config = ServiceConfig {
        policy: POLICY,
        on_conflict: OnConflict::Reject,
        client_on_conflict: Vec::new(),
        service_key: None,
        failure_limits: FailureLimits {
            per_mobile: failures,
            per_address: failures,
            refill_interval: Duration::from_secs(1),
        },
        max_concurrent_hashes: 1,
        retention: POLICY.session_lifetime,
    };
    let hub = Arc::new(AlertHub::new(Arc::clone(store)));
    let fixed = Arc::new(Still::default());
    let dependencies = Dependencies {
        store: Arc::clone(store),
        hub,
        clock: Arc::<Still>::clone(&fixed),
        random: fixed,
    };
    Service::new(dependencies, config).unwrap()
}

#[tokio::test]
async fn a_login_that_was_approved_before_it_follows_sees_the_whole_user() {
    let files = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> =
        Arc::new(SqliteStore::open(&files.path().join("sessiond.db")).unwrap());
    let service = service(&store);
    let mut ada = Person::registered(&store, 1).await;
    ada.ask(1).await;
    let waiting = Caller::Session(ada.state.pending.clone().expect("it waits").into());
    ada.answer(Decision::Approve).await;

    let (_, mut alerts) = service
        .subscribe_to_alerts(&waiting, None, None)
        .await
        .unwrap();
    ada.refuse(2).await;
    // No hub runs here: the log is read once, which is where the alert is.
    let (alert, visibility) = soon(alerts.next()).await.expect("it goes on").unwrap();
    assert_eq!(
        (alert.kind, visibility),
        (AlertKind::LoginRefused, Visibility::Full)
    );
    drop(alerts);
    store.close().await;
}

#[tokio::test]
async fn only_an_alert_of_the_same_user_says_where_to_go_on() {
    let files = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> =
        Arc::new(SqliteStore::open(&files.path().join("sessiond.db")).unwrap());
    let service = service(&store);
    let mut ada = Person::registered(&store, 1).await;
    let bob = Person::registered(&store, 2).await;
    ada.refuse(1).await;
    let caller = Caller::Session(ada.state.active.clone().expect("it is active").into());

    let others = AlertId {
        user: bob.id(),
        sequence: 1,
    };
    let refused = service
        .subscribe_to_alerts(&caller, None, Some(others))
        .await
        .map(drop);
    assert!(matches!(refused, Err(Error::Invalid(_))));
    let bobs = Some(bob.state.owner.mobile.clone());
    let refused = service
        .subscribe_to_alerts(&caller, bobs, None)
        .await
        .map(drop);
    assert!(matches!(refused, Err(Error::NotFound(_))));

    // One that is ahead of the log goes on from where the log is.
    let ahead = AlertId {
        user: ada.id(),
        sequence: 99,
    };
    let (_, mut alerts) = service
        .subscribe_to_alerts(&caller, None, Some(ahead))
        .await
        .unwrap();
    ada.refuse(2).await;
    assert_eq!(
        soon(alerts.next())
            .await
            .expect("it goes on")
            .unwrap()
            .0
            .sequence,
        2
    );
    drop(alerts);
    store.close().await;
}
