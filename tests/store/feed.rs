//! The feed of the SQLite store: what is deleted, and what a commit costs.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use rusqlite::Connection;
use sessiond::store::{Feed, FeedError, FeedItem, FeedPosition, Store, sqlite::SqliteStore};
use sessiond_test_support::{
    contract::StoreFactory,
    fixtures::{START, StoredUser},
    within_deadline,
};

use crate::sqlite_file::SqliteFile;

/// The positions of the changes until the reader has caught up. The error is why it cannot.
async fn positions_after(
    store: &dyn Store,
    position: FeedPosition,
) -> Result<Vec<FeedPosition>, FeedError> {
    let mut feed: Feed = store.feed(position);
    let mut positions = Vec::new();
    loop {
        match within_deadline(feed.next()).await.unwrap()? {
            FeedItem::Change(change) => positions.push(change.position),
            FeedItem::CaughtUp(_) => return Ok(positions),
        }
    }
}

fn is_expired(result: &Result<Vec<FeedPosition>, FeedError>) -> bool {
    matches!(result, Err(FeedError::Expired))
}

#[tokio::test]
async fn the_end_of_the_feed_is_after_each_commit_that_has_returned() {
    let file = SqliteFile::create().await;
    let store = file.open().await;
    let mut ada = StoredUser::register(&store, 1).await;
    for number in 1..=8 {
        ada.raise_alert(number).await;
        let end = store.feed_end().await.unwrap();
        assert!(positions_after(&*store, end).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_position_is_expired_once_a_change_after_it_may_be_deleted() {
    let file = SqliteFile::create().await;
    let store = file.open().await;
    let start = store.feed_end().await.unwrap();
    let mut ada = StoredUser::register(&store, 1).await;
    for number in 1..=9 {
        ada.advance(Duration::from_secs(1));
        ada.take_over(number).await;
    }
    let all = positions_after(&*store, start.clone()).await.unwrap();
    assert_eq!(all.len(), 10);

    // The changes of the first five seconds, two at a time.
    let before = START.plus(Duration::from_secs(5));
    for deleted in [2, 2, 1, 0] {
        assert_eq!(store.purge_feed(before, 2).await.unwrap(), deleted);
    }
    assert!(is_expired(&positions_after(&*store, start).await));
    for (number, position) in all.iter().enumerate() {
        let rest = positions_after(&*store, position.clone()).await;
        if number < 5 {
            assert!(is_expired(&rest), "{number}");
        } else {
            assert_eq!(rest.unwrap(), all[number + 1..], "{number}");
        }
    }
    store.close().await;
}

#[tokio::test]
async fn the_last_change_is_never_deleted() {
    let file = SqliteFile::create().await;
    let store = file.open().await;
    let mut ada = StoredUser::register(&store, 1).await;
    ada.take_over(1).await;
    let end = store.feed_end().await.unwrap();
    let later = START.plus(Duration::from_hours(24 * 365));
    assert_eq!(store.purge_feed(later, 100).await.unwrap(), 1);
    assert_eq!(store.purge_feed(later, 100).await.unwrap(), 0);
    assert_eq!(store.feed_end().await.unwrap(), end);
    ada.take_over(2).await;
    assert_eq!(positions_after(&*store, end).await.unwrap().len(), 1);
    store.close().await;
}

#[tokio::test]
async fn a_position_from_after_a_restored_backup_is_expired() {
    let file = SqliteFile::create().await;
    let store = file.open().await;
    let mut ada = StoredUser::register(&store, 1).await;
    let backup = file.0.path().join("backup.db");
    Connection::open(file.path())
        .unwrap()
        .execute("VACUUM INTO ?", [backup.to_str().unwrap()])
        .unwrap();
    ada.take_over(1).await;
    let lost = store.feed_end().await.unwrap();
    store.close().await;

    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&backup).unwrap());
    assert!(is_expired(&positions_after(&*store, lost.clone()).await));
    // The next change gets the same number, and is not the one that the position names.
    StoredUser::register(&store, 2).await;
    assert!(is_expired(&positions_after(&*store, lost).await));
    store.close().await;
}

#[tokio::test]
async fn a_commit_adds_one_row_to_the_feed() {
    let file = SqliteFile::create().await;
    let store = file.open().await;
    let mut ada = StoredUser::register(&store, 1).await;
    ada.take_over(1).await;
    ada.raise_alert(2).await;
    let rows: i64 = Connection::open(file.path())
        .unwrap()
        .query_row("SELECT count(*) FROM feed", [], |row| row.get(0))
        .unwrap();
    assert_eq!(rows, 3);
    store.close().await;
}

/// The clock of tokio stands still while nothing else can run, so the silence takes no time.
#[tokio::test(start_paused = true)]
async fn a_silent_reader_is_told_every_five_seconds_that_it_has_caught_up() {
    let file = SqliteFile::create().await;
    let store = file.open().await;
    let end = store.feed_end().await.unwrap();
    let mut feed = store.feed(end.clone());
    let started = tokio::time::Instant::now();
    for round in 0..3 {
        let item = feed.next().await.unwrap().unwrap();
        assert_eq!(item, FeedItem::CaughtUp(end.clone()));
        assert_eq!(started.elapsed().as_secs(), 5 * round);
    }
    store.close().await;
}
