//! Subscriptions through the service by a caller whose session changes after authentication.

use futures_util::StreamExt;
use sessiond::{
    access::{Caller, Visibility},
    domain::{AlertId, AlertKind, TypedMobile, rules::Decision},
    service::Error,
};

use sessiond_test_support::{
    fixtures::{StoredUser, active, service},
    within_deadline,
};

use crate::sqlite_store;

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

    // A position beyond the end is from another log, and would skip the next alerts.
    let ahead = AlertId {
        user: ada.id(),
        sequence: 99,
    };
    let rejected = service
        .subscribe_to_alerts(&caller, None, Some(ahead))
        .await
        .map(drop);
    assert!(matches!(rejected, Err(Error::AlertsPurged)));
    store.close().await;
}
