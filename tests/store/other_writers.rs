//! Programs other than sessiond that write the file of an open store.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::BoxStream};
use rusqlite::Connection;
use sessiond::{
    domain::Username,
    store::{ChangeNotification, CommitError, Store, StoreError},
};
use sessiond_test_support::{
    contract::StoreFactory,
    fixtures::{START, StoredUser},
    within_deadline,
};

use crate::sqlite_file::SqliteFile;

const RENAME: &str = "UPDATE records SET username = 'Grace' WHERE username IS NOT NULL";

async fn next(changes: &mut BoxStream<'static, ChangeNotification>) -> ChangeNotification {
    within_deadline(changes.next()).await.unwrap()
}

/// Does what maintenance does once a second.
async fn tick(store: &Arc<dyn Store>) {
    store.overdue(START, 1).await.unwrap();
}

/// A user in a store that has it in its cache.
async fn known_user(file: &SqliteFile) -> StoredUser {
    let store = file.open().await;
    let ada = StoredUser::register(&store, 1).await;
    store.close().await;
    // A new store has no notification of the registration under way.
    let ada = StoredUser {
        store: file.open().await,
        ..ada
    };
    ada.assert_stored().await;
    ada
}

fn renamed(mut user: StoredUser) -> StoredUser {
    let name = Username::parse("Grace").unwrap();
    user.state.owner.username = name.clone();
    user.state.active.as_mut().unwrap().owner.username = name;
    user
}

#[tokio::test]
async fn the_edit_of_an_idle_file_is_noticed_by_maintenance() {
    let file = SqliteFile::create().await;
    let ada = known_user(&file).await;
    let mut changes = ada.store.changes();
    file.edit(RENAME);
    tick(&ada.store).await;
    assert_eq!(next(&mut changes).await, ChangeNotification::Resync);
    let ada = renamed(ada);
    ada.assert_stored().await;
    let by_mobile = ada.store.user_by_mobile(&ada.state.owner.mobile).await;
    assert_eq!(by_mobile.unwrap(), Some(ada.state));

    // Nothing has changed since, so nothing is announced before the next commit.
    tick(&ada.store).await;
    let bob = StoredUser::register(&ada.store, 2).await.id();
    let registered = ChangeNotification::Changed {
        user: bob,
        sequence: 0,
    };
    assert_eq!(next(&mut changes).await, registered);
    ada.store.close().await;
}

#[tokio::test]
async fn an_edit_is_noticed_by_the_next_write_before_it_is_applied() {
    let file = SqliteFile::create().await;
    let mut ada = known_user(&file).await;
    let mut changes = ada.store.changes();
    let touch = ada.active_touch(ada.now.plus(Duration::from_secs(1)));
    file.edit(RENAME);
    // The store puts the touched session back into the cache: in the state of the file.
    ada.store.touch(&[touch]).await.unwrap();
    assert_eq!(next(&mut changes).await, ChangeNotification::Resync);
    ada.state.active.as_mut().unwrap().touch(touch.at);
    let ada = renamed(ada);
    ada.assert_stored().await;
    ada.store.close().await;
}

#[tokio::test]
async fn a_commit_that_an_edit_made_stale_is_decided_again_on_the_state_in_the_file() {
    let file = SqliteFile::create().await;
    let mut ada = known_user(&file).await;
    let late = ada.decide_take_over(1);
    file.edit("UPDATE records SET version = 7 WHERE part = 0");
    let outcome = ada.store.commit(late).await;
    assert!(matches!(outcome, Err(CommitError::Stale)), "{outcome:?}");
    ada.state.version = 7;
    ada.assert_stored().await;
    ada.take_over(1).await;
    ada.assert_stored().await;
    ada.store.close().await;
}

#[tokio::test]
async fn a_program_that_only_reads_does_not_empty_the_cache() {
    let file = SqliteFile::create().await;
    let ada = known_user(&file).await;
    let mut changes = ada.store.changes();
    let reader = Connection::open(file.path()).unwrap();
    let count = || reader.query_row("SELECT count(*) FROM users", [], |row| row.get::<_, i64>(0));
    assert_eq!(count().unwrap(), 1);
    let copy = file.0.path().join("copy.db");
    reader
        .execute("VACUUM INTO ?", [copy.to_str().unwrap()])
        .unwrap();
    tick(&ada.store).await;
    drop(reader);
    tick(&ada.store).await;
    let bob = StoredUser::register(&ada.store, 2).await.id();
    let registered = ChangeNotification::Changed {
        user: bob,
        sequence: 0,
    };
    assert_eq!(next(&mut changes).await, registered);
    ada.store.close().await;
}

#[tokio::test]
async fn a_store_without_its_tables_is_unavailable_once_that_is_noticed() {
    let file = SqliteFile::create().await;
    let ada = known_user(&file).await;
    let mut changes = ada.store.changes();
    file.edit("DROP VIEW users");
    let overdue = ada.store.overdue(START, 1).await;
    assert!(matches!(overdue, Err(StoreError::Unavailable(_))));
    assert_eq!(next(&mut changes).await, ChangeNotification::Resync);
    let read = ada.store.user(ada.id()).await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    ada.store.close().await;
}
