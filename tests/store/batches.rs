//! Commands that the writer of the SQLite store performs in one transaction.

use futures_util::{FutureExt, StreamExt, future::join_all};
use rusqlite::Connection;
use sessiond::store::{ChangeNotification, Commit, CommitError, StoreError};
use sessiond_test_support::{
    StoreLists,
    contract::{StoreFactory, later_changes},
    fixtures::{ALL, START, StoredUser},
    within_deadline,
};

use crate::sqlite_file::SqliteFile;

/// Sends the commits while another program holds the file locked, so that the writer finds all of
/// them in its queue and performs them together.
async fn commit_together(
    file: &SqliteFile,
    user: &StoredUser,
    commits: Vec<Commit>,
) -> Vec<Result<(), CommitError>> {
    let other = Connection::open(file.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let committed = join_all(commits.into_iter().map(|commit| user.store.commit(commit)));
    // The first poll queues the commits, and the second future releases the lock.
    let release = async { other.execute_batch("ROLLBACK").unwrap() };
    within_deadline(async { tokio::join!(committed, release).0 }).await
}

/// A commit whose last part violates a constraint.
async fn failing_in_part(user: &mut StoredUser) -> Commit {
    user.raise_alert(1).await;
    let taken = user.store.alerts(user.id(), ALL).await.unwrap().items;
    let mut commit = user.decide_take_over(2);
    commit.alerts.extend(taken);
    commit
}

#[tokio::test]
async fn a_commit_that_fails_leaves_the_others_of_its_batch_untouched() {
    let file = SqliteFile::create().await;
    let store = file.open().await;
    let mut users = join_all((1..=9).map(|number| StoredUser::register(&store, number))).await;
    let mut commits: Vec<_> = users.iter().map(|user| user.decide_take_over(1)).collect();
    commits[4] = failing_in_part(&mut users[4]).await;
    let mut changes = later_changes(&store, 90).await;

    let outcomes = commit_together(&file, &users[0], commits.clone()).await;
    for (number, outcome) in outcomes.iter().enumerate() {
        if number == 4 {
            assert!(
                matches!(outcome, Err(CommitError::Store(StoreError::Unavailable(_)))),
                "{outcome:?}"
            );
        } else {
            assert!(outcome.is_ok(), "{outcome:?}");
            users[number].state = commits[number].user.clone();
        }
        users[number].assert_stored().await;
        let is_announced = number != 4;
        let sequence = users[number].state.last_alert;
        if is_announced {
            assert_eq!(
                within_deadline(changes.next()).await,
                Some(ChangeNotification::Changed {
                    user: users[number].id(),
                    sequence,
                })
            );
        }
    }
    assert_eq!(changes.next().now_or_never(), None);
    assert_eq!(store.count_sessions(users[4].id()).await.unwrap(), 1);
    store.close().await;
}

#[tokio::test]
async fn a_commit_is_not_refused_because_of_one_that_fails() {
    let file = SqliteFile::create().await;
    let store = file.open().await;
    let mut ada = StoredUser::register(&store, 1).await;
    // The number of this registration is free, because the registration fails.
    let (bob, mut failing) = StoredUser::unregistered(&store, 2, START);
    failing.alerts = failing_in_part(&mut ada).await.alerts;
    let (carol, mut registration) = StoredUser::unregistered(&store, 3, START);
    registration.user.owner.mobile = bob.state.owner.mobile.clone();
    let take_over = ada.decide_take_over(3);

    let outcomes = commit_together(
        &file,
        &ada,
        vec![failing, registration.clone(), take_over.clone()],
    )
    .await;
    assert!(matches!(outcomes[0], Err(CommitError::Store(_))));
    assert!(outcomes[1].is_ok(), "{:?}", outcomes[1]);
    assert!(outcomes[2].is_ok(), "{:?}", outcomes[2]);
    assert_eq!(store.user(bob.id()).await.unwrap(), None);
    let stored = store.user(carol.id()).await.unwrap();
    assert_eq!(stored, Some(registration.user));
    ada.state = take_over.user;
    ada.assert_stored().await;
    store.close().await;
}

#[tokio::test]
async fn a_refused_commit_writes_nothing_and_the_others_of_its_batch_are_applied() {
    let file = SqliteFile::create().await;
    let store = file.open().await;
    let mut ada = StoredUser::register(&store, 1).await;
    let first = ada.decide_take_over(1);
    let second = ada.decide_take_over(2);
    let (_, mut taken) = StoredUser::unregistered(&store, 2, START);
    taken.user.owner.mobile = ada.state.owner.mobile.clone();

    let commits = vec![first.clone(), second, first.clone(), taken];
    let outcomes = commit_together(&file, &ada, commits).await;
    assert!(matches!(
        outcomes[..],
        [
            Ok(()),
            Err(CommitError::Stale),
            // The same commit again.
            Ok(()),
            Err(CommitError::MobileTaken)
        ]
    ));
    ada.state = first.user;
    ada.assert_stored().await;
    assert_eq!(store.count_sessions(ada.id()).await.unwrap(), 2);
    store.close().await;
}
