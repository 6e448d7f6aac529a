//! Logins through the service: how often they read the user, and what happens if the user changes
//! after it was read.

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

use sessiond::{
    access::Caller,
    domain::{
        EndReason, Password, PasswordHash, Status, TypedMobile, TypedUsername, UserAgent,
        rules::{Actor, OnConflict, change_password},
    },
    service::{Client, DeviceInput, Error, Login, LoginOutcome, LoginResult, SetPassword},
    store::Store,
};
use sessiond_test_support::{
    StoreLists,
    fixtures::{StoredUser, active, service},
};

use crate::{observed_store::ObservedStore, sqlite_store};

fn client() -> Client {
    Client {
        user_agent: UserAgent::parse("Firefox").unwrap(),
        address: IpAddr::from(Ipv6Addr::LOCALHOST),
    }
}

/// A login on a new device, sent by the service without a password.
async fn log_in(
    store: Arc<dyn Store>,
    user: &StoredUser,
    on_conflict: OnConflict,
) -> Result<LoginResult, Error> {
    log_in_with(store, user, on_conflict, None).await
}

async fn log_in_with(
    store: Arc<dyn Store>,
    user: &StoredUser,
    on_conflict: OnConflict,
    password: Option<Password>,
) -> Result<LoginResult, Error> {
    let owner = &user.state.owner;
    let login = Login {
        mobile: TypedMobile::parse(owner.mobile.as_str()).unwrap(),
        username: TypedUsername::parse(owner.username.as_str()).unwrap(),
        password,
        device: DeviceInput::default(),
        on_conflict: Some(on_conflict),
        if_away: None,
    };
    let service = Arc::new(service(&store));
    let caller = Caller::development();
    service.login(&caller, &client(), login).await
}

#[tokio::test]
async fn a_login_that_nothing_disturbs_reads_its_user_once() {
    let (store, _folder) = sqlite_store();
    let ada = StoredUser::register(&store, 1).await;
    let observed = Arc::new(ObservedStore::new(&store));
    let login = log_in(observed.clone(), &ada, OnConflict::TakeOver).await;
    let login = login.unwrap();
    assert!(matches!(login.outcome, LoginOutcome::LoggedIn(_)));
    assert_eq!(observed.reads(), 1);
    assert_eq!(store.user(ada.id()).await.unwrap(), Some(login.user));
    store.close().await;
}

#[tokio::test]
async fn a_login_replaces_the_session_that_is_active_when_it_is_committed() {
    let (store, _folder) = sqlite_store();
    let ada = StoredUser::register(&store, 1).await;
    let mut other = ada.clone();
    let observed = ObservedStore::after_first_read(&store, async move {
        other.take_over(1).await;
    });
    let observed = Arc::new(observed);
    let login = log_in(observed.clone(), &ada, OnConflict::TakeOver).await;
    let user = login.unwrap().user;
    // The read before the other login, and the one after the refused commit.
    assert_eq!(observed.reads(), 2);
    assert_eq!(
        (user.version, user.sessions_opened, user.last_alert),
        (3, 3, 2)
    );
    let sessions = store
        .sessions(ada.id(), sessiond_test_support::fixtures::ALL)
        .await
        .unwrap()
        .items;
    let ended_by = |index: usize| match &sessions[index].status {
        Status::Ended(ended) => Some((ended.reason, ended.replaced_by)),
        _ => None,
    };
    assert_eq!(ended_by(0), None);
    for index in [1, 2] {
        let successor = Some(sessions[index - 1].key);
        assert_eq!(ended_by(index), Some((EndReason::Replaced, successor)));
    }
    store.close().await;
}

#[tokio::test]
async fn a_login_that_another_node_outruns_again_and_again_fences_its_user() {
    let (store, _folder) = sqlite_store();
    let ada = StoredUser::register(&store, 1).await;
    let observed = Arc::new(ObservedStore::outrun_by(ada.clone()));
    let login = log_in(observed.clone(), &ada, OnConflict::TakeOver).await;
    let login = login.unwrap();
    assert!(matches!(login.outcome, LoginOutcome::LoggedIn(_)));
    // One read for the credentials, and one for each of two retries.
    assert_eq!((observed.reads(), observed.fences()), (3, 1));
    assert_eq!(store.user(ada.id()).await.unwrap(), Some(login.user));
    store.close().await;
}

#[tokio::test]
async fn a_login_is_not_refused_because_of_a_session_that_has_ended_since() {
    let (store, _folder) = sqlite_store();
    let ada = StoredUser::register(&store, 1).await;
    let mut other = ada.clone();
    let observed = ObservedStore::after_first_read(&store, async move {
        let session = active(&other.state).key;
        other.invalidate_session(session).await;
    });
    let login = log_in(Arc::new(observed), &ada, OnConflict::Reject).await;
    assert!(matches!(login.unwrap().outcome, LoginOutcome::LoggedIn(_)));
    store.close().await;
}

#[tokio::test]
async fn a_login_that_was_alerted_before_is_refused_on_the_present_state() {
    let (store, _folder) = sqlite_store();
    let mut ada = StoredUser::register(&store, 1).await;
    // The second refused login of a device within a minute changes nothing, so it is not committed.
    let refused = log_in(Arc::clone(&store), &ada, OnConflict::Reject).await;
    assert!(matches!(
        refused.unwrap().outcome,
        LoginOutcome::Refused { .. }
    ));
    ada.state = ada.read_state().await;
    let mut other = ada.clone();
    let observed = ObservedStore::after_first_read(&store, async move {
        let session = active(&other.state).key;
        other.invalidate_session(session).await;
    });
    let login = log_in(Arc::new(observed), &ada, OnConflict::Reject).await;
    assert!(matches!(login.unwrap().outcome, LoginOutcome::LoggedIn(_)));
    store.close().await;
}

fn password() -> Password {
    Password::parse("password", "grave lantern 7".to_owned()).unwrap()
}

/// The store, in which the password of `user` changes after the first read.
fn with_changed_password(store: &Arc<dyn Store>, user: &StoredUser) -> Arc<ObservedStore> {
    let mut other = user.clone();
    let observed = ObservedStore::after_first_read(store, async move {
        let hash = PasswordHash::new("a hash".to_owned());
        other
            .change(|state, context| change_password(state, Actor::Service, hash, context).unwrap())
            .await;
    });
    Arc::new(observed)
}

#[tokio::test]
async fn a_login_whose_password_was_changed_after_the_check_is_rejected() {
    let (store, _folder) = sqlite_store();
    let mut ada = StoredUser::register(&store, 1).await;
    let set = SetPassword {
        mobile: TypedMobile::parse(ada.state.owner.mobile.as_str()).unwrap(),
        old: None,
        new: password(),
    };
    let first = Arc::new(service(&store));
    ada.state = first
        .set_password(&Caller::development(), &client(), set)
        .await
        .unwrap();
    let sessions = store.count_sessions(ada.id()).await.unwrap();

    let login = log_in_with(
        with_changed_password(&store, &ada),
        &ada,
        OnConflict::TakeOver,
        Some(password()),
    );
    assert!(matches!(login.await, Err(Error::InvalidCredentials)));
    assert_eq!(store.count_sessions(ada.id()).await.unwrap(), sessions);
    store.close().await;
}

#[tokio::test]
async fn a_login_without_a_password_is_not_rejected_because_of_a_changed_one() {
    let (store, _folder) = sqlite_store();
    let ada = StoredUser::register(&store, 1).await;
    let changed = with_changed_password(&store, &ada);
    let login = log_in(changed, &ada, OnConflict::TakeOver).await;
    assert!(matches!(login.unwrap().outcome, LoginOutcome::LoggedIn(_)));
    store.close().await;
}
