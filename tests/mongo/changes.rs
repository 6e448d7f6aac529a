//! Change notifications of a MongoDB store.

use futures_util::{StreamExt, stream::BoxStream};
use sessiond::{
    domain::{UserId, rules::OnConflict},
    store::{ChangeNotification, Commit, CommitError, Store, StoreError},
};
use sessiond_test_support::{
    DEADLINE, MongoDatabase, MongoServer,
    fixtures::{commit_with_retries, login, logout, registration, take_over, unique_mobile},
    within,
};

pub type Changes = BoxStream<'static, ChangeNotification>;

/// The next notification.
pub async fn next_change(changes: &mut Changes) -> ChangeNotification {
    // The store replaces a silent change stream after up to 30 seconds.
    within(DEADLINE * 4, changes.next()).await.unwrap()
}

/// Skips all notifications before `expected`.
pub async fn wait_for_change(changes: &mut Changes, expected: ChangeNotification) {
    while next_change(changes).await != expected {}
}

/// The notification of a commit.
pub fn change_of(commit: &Commit) -> ChangeNotification {
    changed(commit.user.owner.id, commit.user.last_alert)
}

fn changed(user: UserId, sequence: u64) -> ChangeNotification {
    ChangeNotification::Changed { user, sequence }
}

#[tokio::test]
async fn a_commit_at_one_node_is_announced_at_every_node() {
    let database = MongoDatabase::new().await;
    let (one, other) = (database.open_store().await, database.open_store().await);
    let mut changes = [one.changes(), other.changes()];
    let first = registration(unique_mobile());
    let user = first.user.owner.id;
    let taken_over = take_over(&first.user, "second");
    let ended = logout(&taken_over.user);
    let without_alert = login(&ended.user, "third", OnConflict::Reject);
    assert!(without_alert.alerts.is_empty());
    for commit in [&first, &taken_over, &ended, &without_alert] {
        one.commit(commit.clone()).await.unwrap();
        for changes in &mut changes {
            assert_eq!(next_change(changes).await, change_of(commit));
        }
    }
    other.delete_user(user).await.unwrap();
    for changes in &mut changes {
        assert_eq!(next_change(changes).await, changed(user, 0));
    }
    one.close().await;
    other.close().await;
}

#[tokio::test]
async fn a_listener_that_lags_behind_gets_a_resync() {
    let database = MongoDatabase::new().await;
    let store = database.open_store().await;
    let (mut slow, mut fast) = (store.changes(), store.changes());
    let raw = database.raw().await;
    let users = raw.collection::<bson::Document>("users");
    // All notifications together exceed the capacity of a listener. The unread notifications of the
    // fast listener never do.
    for _ in 0..3 {
        let documents = (0..500).map(|_| bson::doc! { "_id": bson::Uuid::new(), "event": "1/1" });
        users.insert_many(documents).await.unwrap();
        for _ in 0..500 {
            assert!(matches!(
                next_change(&mut fast).await,
                ChangeNotification::Changed { sequence: 1, .. }
            ));
        }
    }
    assert_eq!(next_change(&mut slow).await, ChangeNotification::Resync);
}

/// Panics if a read, a commit or a ping succeeds while the database is down.
async fn assert_unavailable(store: &impl Store, commit: Commit) {
    let user = commit.user.owner.id;
    let read = within(DEADLINE, store.user(user)).await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    let committed = within(DEADLINE * 2, store.commit(commit)).await;
    assert!(
        matches!(
            committed,
            Err(CommitError::Store(StoreError::Unavailable(_)))
        ),
        "{committed:?}"
    );
    assert!(store.ping().await.is_err());
}

#[tokio::test]
async fn commits_and_notifications_continue_after_a_kill_of_the_database() {
    let Some(mut server) = MongoServer::start_own(&[]).await else {
        return;
    };
    let store = server.open_store("killed").await;
    let mut changes = store.changes();
    let first = registration(unique_mobile());
    let user = first.user.owner.id;
    store.commit(first.clone()).await.unwrap();
    assert_eq!(next_change(&mut changes).await, change_of(&first));

    for round in 0..2 {
        server.kill().await;
        assert_unavailable(&store, take_over(&first.user, "lost")).await;

        server.start_again().await;
        // The server may accept connections before it responds to commands.
        within(DEADLINE * 4, async { while store.ping().await.is_err() {} }).await;
        let state = store.user(user).await.unwrap().unwrap();
        let next = take_over(&state, &format!("round {round}"));
        commit_with_retries(&store, next.clone()).await.unwrap();
        wait_for_change(&mut changes, ChangeNotification::Resync).await;
        let announced = take_over(&next.user, &format!("round {round} again"));
        store.commit(announced.clone()).await.unwrap();
        wait_for_change(&mut changes, change_of(&announced)).await;
    }
    store.close().await;
    assert!(matches!(
        store.ping().await,
        Err(StoreError::Unavailable(_))
    ));
}
