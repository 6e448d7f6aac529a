//! The renewal of a pending session by a later login of the same device.

use std::{sync::Arc, time::Duration};

use sessiond::{
    domain::{
        Device, Session, UserAgent,
        rules::{Decision, LoginOutcome, OnConflict, SessionWrite},
    },
    store::{CommitError, Store},
};

use crate::{
    StoreLists,
    fixtures::{POLICY, START, StoredUser, device},
};

/// The same device from another address and with another user agent.
fn moved(number: u8) -> Device {
    Device {
        user_agent: UserAgent::parse("Firefox/129").unwrap(),
        address: [203, 0, 113, number].into(),
        ..device(number)
    }
}

fn pending(user: &StoredUser) -> Session {
    user.state.pending.clone().expect("a session is pending")
}

/// Asks twice from one device. Returns the session before and after the second login.
async fn renew(user: &mut StoredUser) -> (Session, Session) {
    user.log_in_pending(1).await;
    let first = pending(user);
    user.advance(Duration::from_secs(30));
    let (commit, outcome) = user.log_in(moved(1), OnConflict::Ask).await;
    assert!(matches!(commit.sessions[..], [SessionWrite::Renew(_)]));
    assert!(matches!(outcome, LoginOutcome::AwaitingApproval(_)));
    (first, pending(user))
}

pub(crate) async fn a_renewal_replaces_the_token_and_the_description_of_the_device(
    store: Arc<dyn Store>,
) {
    let mut ada = StoredUser::register(&store, 1).await;
    let (first, renewed) = renew(&mut ada).await;
    let expected = Session {
        token_hash: renewed.token_hash,
        device: moved(1),
        ..first.clone()
    };
    assert_eq!(renewed, expected);
    ada.assert_stored().await;
    assert_eq!(ada.read_session(first.key).await, expected);
    assert_eq!(store.count_sessions(ada.id()).await.unwrap(), 2);
    for (token, found) in [
        (first.token_hash, None),
        (renewed.token_hash, Some(expected)),
    ] {
        let session = store.session_by_token(ada.id(), &token).await.unwrap();
        assert_eq!(session, found);
    }
}

pub(crate) async fn a_renewed_session_is_approved_and_expires_as_any_other(store: Arc<dyn Store>) {
    let mut ada = StoredUser::register(&store, 1).await;
    let mut bob = StoredUser::register(&store, 2).await;
    let (first, renewed) = renew(&mut ada).await;
    renew(&mut bob).await;
    let deadline = first.expires_at();
    let before = deadline.minus(Duration::from_millis(1));
    assert_eq!(store.overdue(before, 9).await.unwrap(), []);
    assert_eq!(store.overdue(deadline, 9).await.unwrap().len(), 2);

    ada.decide_pending_login(Decision::Approve).await;
    ada.assert_stored().await;
    let by_token = store.session_by_token(ada.id(), &renewed.token_hash).await;
    assert_eq!(by_token.unwrap(), ada.state.active);
    assert_eq!(store.overdue(deadline, 9).await.unwrap(), [bob.id()]);
    let idle_from = ada.now.plus(POLICY.idle_timeout);
    assert!(
        store
            .overdue(idle_from, 9)
            .await
            .unwrap()
            .contains(&ada.id())
    );

    bob.now = deadline;
    bob.expire().await;
    bob.assert_stored().await;
    assert_eq!(store.overdue(deadline, 9).await.unwrap(), []);
}

pub(crate) async fn a_stale_renewal_is_rejected_and_changes_nothing(store: Arc<dyn Store>) {
    let mut ada = StoredUser::register(&store, 1).await;
    ada.log_in_pending(1).await;
    let (late, _) = ada.decide_login(moved(1), OnConflict::Ask);
    ada.raise_alert(2).await;
    let outcome = store.commit(late).await;
    assert!(matches!(outcome, Err(CommitError::Stale)));
    ada.assert_stored().await;
}

pub(crate) async fn a_renewal_after_the_clock_is_set_back_lowers_the_deadline(
    store: Arc<dyn Store>,
) {
    let before = START.plus(Duration::from_hours(1));
    let mut ada = StoredUser::register_at(&store, 1, before).await;
    ada.log_in_pending(1).await;
    let first = pending(&ada);
    ada.now = START;
    ada.log_in(moved(1), OnConflict::Ask).await;
    ada.assert_stored().await;
    let renewed = ada.read_session(first.key).await;
    assert_eq!(renewed.attempt(), first.attempt());
    assert_ne!(renewed.token_hash, first.token_hash);
    assert_eq!(renewed.created_at, START);
    assert_eq!(renewed.expires_at(), START.plus(POLICY.approval_timeout));
    assert_eq!(ada.read_session(ada.active()).await.last_seen_at, START);
}
