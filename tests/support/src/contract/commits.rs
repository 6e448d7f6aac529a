//! A commit is applied at most once, completely or not at all, and only on its expected version.

use std::sync::Arc;

use sessiond::{
    domain::CommitId,
    store::{Commit, CommitError, Store},
};
use tokio::task::JoinSet;

use crate::{
    StoreLists,
    fixtures::{ALL, START, StoredUser, commit_with_retries, unique_id},
};

/// Panics if the store does not contain the user with this state and these numbers of sessions and
/// alerts.
async fn assert_stored_with(user: &StoredUser, sessions: usize, alerts: usize) {
    let store = &user.store;
    user.assert_stored().await;
    assert_eq!(
        store.sessions(user.id(), ALL).await.unwrap().items.len(),
        sessions
    );
    assert_eq!(
        store.alerts(user.id(), ALL).await.unwrap().items.len(),
        alerts
    );
}

pub(crate) async fn a_stale_commit_is_rejected_and_changes_nothing(store: Arc<dyn Store>) {
    let mut ada = StoredUser::register(&store, 1).await;
    let late = ada.decide_take_over(1);
    ada.take_over(2).await;
    assert!(matches!(
        store.commit(late.clone()).await,
        Err(CommitError::Stale)
    ));
    assert_stored_with(&ada, 2, 1).await;
    let rejected = late
        .user
        .active
        .as_ref()
        .expect("the take-over opens an active session");
    assert_eq!(store.session(ada.id(), rejected.key).await.unwrap(), None);

    let ahead = Commit {
        expected_version: late.expected_version + 5,
        ..late
    };
    assert!(matches!(store.commit(ahead).await, Err(CommitError::Stale)));
    assert_stored_with(&ada, 2, 1).await;
}

pub(crate) async fn a_repeated_commit_is_applied_once(store: Arc<dyn Store>) {
    let (mut ada, first) = StoredUser::unregistered(&store, 1, START);
    store.commit(first.clone()).await.unwrap();
    store.commit(first).await.unwrap();
    assert_stored_with(&ada, 1, 0).await;

    let second = ada.decide_take_over(1);
    store.commit(second.clone()).await.unwrap();
    ada.state = second.user.clone();
    store.commit(second).await.unwrap();
    assert_stored_with(&ada, 2, 1).await;
}

pub(crate) async fn a_second_registration_of_a_user_is_stale(store: Arc<dyn Store>) {
    let (ada, commit) = StoredUser::unregistered(&store, 1, START);
    store.commit(commit.clone()).await.unwrap();
    let again = Commit {
        id: CommitId::new(unique_id()),
        ..commit
    };
    assert!(matches!(store.commit(again).await, Err(CommitError::Stale)));
    assert_stored_with(&ada, 1, 0).await;
}

pub(crate) async fn a_commit_on_an_unknown_user_is_stale(store: Arc<dyn Store>) {
    let (ada, _) = StoredUser::unregistered(&store, 1, START);
    let commit = ada.decide_take_over(1);
    assert!(matches!(
        store.commit(commit).await,
        Err(CommitError::Stale)
    ));
    assert_eq!(store.user(ada.id()).await.unwrap(), None);
    assert_eq!(store.count_sessions(ada.id()).await.unwrap(), 0);
}

pub(crate) async fn a_fenced_user_can_be_changed(store: Arc<dyn Store>) {
    let (mut ada, registration) = StoredUser::unregistered(&store, 1, START);
    assert_eq!(store.fenced_user(ada.id()).await.unwrap(), None);
    store.commit(registration).await.unwrap();
    for device in 1..=20 {
        let fenced = store.fenced_user(ada.id()).await.unwrap().unwrap();
        assert!(fenced.version >= ada.state.version);
        ada.state.version = fenced.version;
        assert_eq!(fenced, ada.state);
        ada.take_over(device).await;
    }
    assert_stored_with(&ada, 21, 20).await;
    assert!(store.delete_user(ada.id()).await.unwrap());
    assert_eq!(store.fenced_user(ada.id()).await.unwrap(), None);
}

pub(crate) async fn a_taken_mobile_number_is_rejected_and_changes_nothing(store: Arc<dyn Store>) {
    let ada = StoredUser::register(&store, 1).await;
    let (bob, mut commit) = StoredUser::unregistered(&store, 2, START);
    commit.user.owner.mobile = ada.state.owner.mobile.clone();
    assert!(matches!(
        store.commit(commit).await,
        Err(CommitError::MobileTaken)
    ));
    assert_eq!(store.user(bob.id()).await.unwrap(), None);
    assert_eq!(
        store.sessions_by_key(&[bob.active()]).await.unwrap(),
        [None]
    );
    assert_stored_with(&ada, 1, 0).await;
}

pub(crate) async fn of_many_commits_on_one_version_exactly_one_succeeds(store: Arc<dyn Store>) {
    let mut ada = StoredUser::register(&store, 1).await;
    let commits: Vec<Commit> = (1..=64)
        .map(|number| ada.decide_take_over(number))
        .collect();
    let mut tasks = JoinSet::new();
    for commit in commits {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            (
                commit.user.clone(),
                commit_with_retries(&*store, commit).await,
            )
        });
    }
    let mut winners = Vec::new();
    for outcome in tasks.join_all().await {
        match outcome {
            (user, Ok(())) => winners.push(user),
            (_, outcome) => assert!(matches!(outcome, Err(CommitError::Stale))),
        }
    }
    assert_eq!(winners.len(), 1);
    ada.state = winners.remove(0);
    assert_stored_with(&ada, 2, 1).await;
}

pub(crate) async fn of_many_users_with_one_number_exactly_one_is_registered(store: Arc<dyn Store>) {
    let mut tasks = JoinSet::new();
    for number in 1..=32 {
        let (_, mut commit) = StoredUser::unregistered(&store, number, START);
        commit.user.owner.mobile = sessiond::domain::Mobile::parse("9012345678").unwrap();
        let store = Arc::clone(&store);
        tasks.spawn(async move { commit_with_retries(&*store, commit).await });
    }
    let outcomes = tasks.join_all().await;
    let won = outcomes.iter().filter(|outcome| outcome.is_ok());
    let lost = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Err(CommitError::MobileTaken)));
    assert_eq!((won.count(), lost.count()), (1, 31));
}

/// The last part of the commit violates a constraint of every store, so the other parts are rolled
/// back.
pub(crate) async fn a_commit_that_fails_in_part_changes_nothing(store: Arc<dyn Store>) {
    let mut ada = StoredUser::register(&store, 1).await;
    ada.raise_alert(1).await;
    let mut commit = ada.decide_take_over(2);
    let taken = store.alerts(ada.id(), ALL).await.unwrap().items.remove(0);
    commit.alerts.push(taken);
    assert!(matches!(
        store.commit(commit).await,
        Err(CommitError::Store(_))
    ));
    assert_stored_with(&ada, 1, 1).await;
    ada.take_over(3).await;
    assert_stored_with(&ada, 2, 2).await;
}
