//! Subscriptions through the service by a caller whose session changes after authentication.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use futures_util::StreamExt;
use sessiond::{
    access::{Caller, Visibility},
    alerts::AlertHub,
    domain::{
        AlertId, AlertKind, TypedMobile,
        rules::{Decision, OnConflict},
    },
    service::{
        Dependencies, Error, FailureLimits, Registration, RegistrationLimits, Service,
        ServiceConfig,
    },
    shutdown::Shutdown,
    store::Store,
};

use sessiond_test_support::{
    FakeClock, SeededRandom,
    fixtures::{POLICY, START, StoredUser, active},
    within_deadline,
};

use crate::sqlite_store;

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
        registration: Registration::Anyone,
        registration_limits: RegistrationLimits {
            per_address: failures,
            refill_interval: Duration::from_secs(1),
        },
        max_concurrent_hashes: 1,
        retention: POLICY.session_lifetime,
    };
    let hub = Arc::new(AlertHub::new(Arc::clone(store)));
    let dependencies = Dependencies {
        store: Arc::clone(store),
        hub,
        clock: Arc::new(FakeClock::starting_at(START)),
        random: Arc::new(SeededRandom::default()),
        shutdown: Shutdown::default(),
    };
    Service::new(dependencies, config).unwrap()
}

#[tokio::test]
async fn a_login_that_is_approved_before_it_subscribes_receives_all_alerts() {
    let (store, _folder) = sqlite_store();
    let service = service(&store);
    let mut ada = StoredUser::register(&store, 1).await;
    ada.log_in_pending(1).await;
    let pending = ada.state.pending.clone().expect("a login is pending");
    let caller = Caller::Session(pending.into());
    ada.decide_pending_login(Decision::Approve).await;

    let (_, mut alerts) = service
        .subscribe_to_alerts(&caller, None, None)
        .await
        .unwrap();
    ada.raise_alert(2).await;
    // No hub routes notifications in this test, so the alert is read from the log.
    let (alert, visibility) = within_deadline(alerts.next())
        .await
        .expect("the stream continues")
        .unwrap();
    assert_eq!(
        (alert.kind, visibility),
        (AlertKind::LoginRefused, Visibility::Full)
    );
    drop(alerts);
    store.close().await;
}

#[tokio::test]
async fn only_an_alert_of_the_same_user_is_a_valid_start_position() {
    let (store, _folder) = sqlite_store();
    let service = service(&store);
    let mut ada = StoredUser::register(&store, 1).await;
    let bob = StoredUser::register(&store, 2).await;
    ada.raise_alert(1).await;
    let caller = Caller::Session(active(&ada.state).clone().into());

    let alert_of_bob = AlertId {
        user: bob.id(),
        sequence: 1,
    };
    let rejected = service
        .subscribe_to_alerts(&caller, None, Some(alert_of_bob))
        .await
        .map(drop);
    assert!(matches!(rejected, Err(Error::Invalid(_))));
    let mobile_of_bob = TypedMobile::parse(bob.state.owner.mobile.as_str()).ok();
    let rejected = service
        .subscribe_to_alerts(&caller, mobile_of_bob, None)
        .await
        .map(drop);
    assert!(matches!(rejected, Err(Error::NotFound(_))));

    // A position beyond the end of the log starts at the end of the log.
    let ahead = AlertId {
        user: ada.id(),
        sequence: 99,
    };
    let (_, mut alerts) = service
        .subscribe_to_alerts(&caller, None, Some(ahead))
        .await
        .unwrap();
    ada.raise_alert(2).await;
    assert_eq!(
        within_deadline(alerts.next())
            .await
            .expect("the stream continues")
            .unwrap()
            .0
            .sequence,
        2
    );
    drop(alerts);
    store.close().await;
}
