use std::sync::Arc;

use futures_util::future::join_all;
use sessiond::{
    domain::rules::OnConflict,
    store::{Commit, CommitError, Page, Store},
};

use crate::fixtures::{Person, START, decided, device};

const ALL: Page = Page {
    before: None,
    limit: 100,
};

/// The user, its sessions and its alerts are as `person` knows them, and nothing else is there.
async fn assert_unchanged(person: &Person, sessions: usize, alerts: usize) {
    let store = &person.store;
    assert_eq!(
        store.user(person.id()).await.unwrap().as_ref(),
        Some(&person.state)
    );
    assert_eq!(
        store.sessions(person.id(), ALL).await.unwrap().items.len(),
        sessions
    );
    assert_eq!(
        store.alerts(person.id(), ALL).await.unwrap().items.len(),
        alerts
    );
}

pub async fn a_stale_commit_is_refused_and_leaves_nothing(store: Arc<dyn Store>) {
    let mut ada = Person::registered(&store, 1).await;
    let (late, ..) = ada.decide_login(device(1), OnConflict::TakeOver);
    ada.take_over(2).await;
    assert!(matches!(
        store.commit(late.clone()).await,
        Err(CommitError::Stale)
    ));
    assert_unchanged(&ada, 2, 1).await;
    let refused = late
        .user
        .active
        .as_ref()
        .expect("it would have been active");
    assert_eq!(store.session(ada.id(), refused.key).await.unwrap(), None);

    let ahead = Commit {
        expected_version: late.expected_version + 5,
        ..late
    };
    assert!(matches!(store.commit(ahead).await, Err(CommitError::Stale)));
    assert_unchanged(&ada, 2, 1).await;
}

pub async fn a_commit_applied_twice_is_applied_once(store: Arc<dyn Store>) {
    let (mut ada, first) = Person::about_to_register(&store, 1, START);
    store.commit(first.clone()).await.unwrap();
    store.commit(first).await.unwrap();
    assert_unchanged(&ada, 1, 0).await;

    let (second, transition, _) = ada.decide_login(device(1), OnConflict::TakeOver);
    store.commit(second.clone()).await.unwrap();
    store.commit(second).await.unwrap();
    ada.state = transition.next;
    assert_unchanged(&ada, 2, 1).await;
}

pub async fn a_user_who_is_there_is_not_created_again(store: Arc<dyn Store>) {
    let (mut ada, commit) = Person::about_to_register(&store, 1, START);
    store.commit(commit.clone()).await.unwrap();
    let again = Commit {
        id: ada.commit_id(),
        ..commit
    };
    assert!(matches!(store.commit(again).await, Err(CommitError::Stale)));
    assert_unchanged(&ada, 1, 0).await;
}

pub async fn a_commit_on_a_user_who_is_not_there_is_stale(store: Arc<dyn Store>) {
    let (mut ada, _) = Person::about_to_register(&store, 1, START);
    let (commit, ..) = ada.decide_login(device(1), OnConflict::TakeOver);
    assert!(matches!(
        store.commit(commit).await,
        Err(CommitError::Stale)
    ));
    assert_eq!(store.user(ada.id()).await.unwrap(), None);
    assert_eq!(store.count_sessions(ada.id()).await.unwrap(), 0);
}

pub async fn a_taken_number_is_refused_and_leaves_nothing(store: Arc<dyn Store>) {
    let ada = Person::registered(&store, 1).await;
    let (bob, mut commit) = Person::about_to_register(&store, 2, START);
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
    assert_unchanged(&ada, 1, 0).await;
}

pub async fn of_many_commits_on_one_version_exactly_one_wins(store: Arc<dyn Store>) {
    let mut ada = Person::registered(&store, 1).await;
    let commits: Vec<Commit> = (1..=64)
        .map(|number| ada.decide_login(device(number), OnConflict::TakeOver).0)
        .collect();
    let tasks = commits.into_iter().map(|commit| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { (commit.user.clone(), decided(&*store, commit).await) })
    });
    let mut winners = Vec::new();
    for outcome in join_all(tasks).await {
        match outcome.expect("no task panics") {
            (user, Ok(())) => winners.push(user),
            (_, outcome) => assert!(matches!(outcome, Err(CommitError::Stale))),
        }
    }
    assert_eq!(winners.len(), 1);
    ada.state = winners.remove(0);
    assert_unchanged(&ada, 2, 1).await;
}

pub async fn of_many_users_who_claim_one_number_exactly_one_gets_it(store: Arc<dyn Store>) {
    let tasks = (1..=32).map(|number| {
        let (_, mut commit) = Person::about_to_register(&store, number, START);
        commit.user.owner.mobile = sessiond::domain::Mobile::parse("9012345678").unwrap();
        let store = Arc::clone(&store);
        tokio::spawn(async move { decided(&*store, commit).await })
    });
    let outcomes = join_all(tasks).await;
    let won = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Ok(Ok(()))));
    let lost = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Ok(Err(CommitError::MobileTaken))));
    assert_eq!((won.count(), lost.count()), (1, 31));
}

/// The last part of the commit breaks a rule that every store has: what came before it is undone.
pub async fn a_commit_that_cannot_be_written_whole_leaves_nothing(store: Arc<dyn Store>) {
    let mut ada = Person::registered(&store, 1).await;
    ada.refuse(1).await;
    let (mut commit, ..) = ada.decide_login(device(2), OnConflict::TakeOver);
    let taken = store.alerts(ada.id(), ALL).await.unwrap().items.remove(0);
    commit.alerts.push(taken);
    assert!(matches!(
        store.commit(commit).await,
        Err(CommitError::Store(_))
    ));
    assert_unchanged(&ada, 1, 1).await;
    ada.take_over(3).await;
    assert_unchanged(&ada, 2, 2).await;
}
