//! The feed of a MongoDB store.

use futures_util::StreamExt;
use sessiond::store::{Commit, Feed, FeedChangeKind, FeedError, FeedItem, Store};
use sessiond_test_support::{
    DEADLINE, MongoDatabase, MongoServer,
    fixtures::{commit_with_retries, registration, take_over, unique_mobile},
    within,
};

/// The next change.
async fn next_change(feed: &mut Feed) -> Result<FeedChangeKind, FeedError> {
    loop {
        // A reader replaces a silent change stream after up to 30 seconds.
        if let FeedItem::Change(change) = within(DEADLINE * 4, feed.next()).await.unwrap()? {
            return Ok(change.kind);
        }
    }
}

/// The next change must be this commit.
async fn assert_next(feed: &mut Feed, expected: &Commit) {
    match next_change(feed).await {
        Ok(FeedChangeKind::Committed(committed)) => {
            assert_eq!(committed.active_change, expected.active_change);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_reader_at_one_node_receives_the_commits_of_another() {
    let database = MongoDatabase::new().await;
    let (one, other) = (database.open_store().await, database.open_store().await);
    let mut feed = one.feed(one.feed_end().await.unwrap());
    let first = registration(unique_mobile());
    let second = take_over(&first.user, "second");
    for commit in [&first, &second] {
        other.commit(commit.clone()).await.unwrap();
        assert_next(&mut feed, commit).await;
    }
    // The other node continues where the first one was.
    let position = one.feed_end().await.unwrap();
    let third = take_over(&second.user, "third");
    one.commit(third.clone()).await.unwrap();
    assert_next(&mut other.feed(position), &third).await;
    one.close().await;
    other.close().await;
}

#[tokio::test]
async fn a_reader_misses_nothing_while_the_database_is_killed() {
    let Some(mut server) = MongoServer::start_own(&[]).await else {
        return;
    };
    let store = server.open_store("feed").await;
    let mut feed = store.feed(store.feed_end().await.unwrap());
    let first = registration(unique_mobile());
    store.commit(first.clone()).await.unwrap();
    assert_next(&mut feed, &first).await;
    let second = take_over(&first.user, "before the kill");
    store.commit(second.clone()).await.unwrap();
    server.kill().await;
    server.start_again().await;
    within(DEADLINE * 4, async { while store.ping().await.is_err() {} }).await;
    let third = take_over(&second.user, "after the kill");
    commit_with_retries(&store, third.clone()).await.unwrap();
    for commit in [&second, &third] {
        assert_next(&mut feed, commit).await;
    }
    store.close().await;
}

#[tokio::test]
async fn a_position_that_has_left_the_oplog_is_expired() {
    let Some(server) = MongoServer::start_own(&["--oplog-max-entries", "20"]).await else {
        return;
    };
    let store = server.open_store("history").await;
    let position = store.feed_end().await.unwrap();
    let mut commit = registration(unique_mobile());
    store.commit(commit.clone()).await.unwrap();
    // The server removes old entries from its oplog in its own time.
    within(DEADLINE * 20, async {
        loop {
            commit = take_over(&commit.user, "another");
            store.commit(commit.clone()).await.unwrap();
            match next_change(&mut store.feed(position.clone())).await {
                Ok(_) => {}
                Err(error) => {
                    assert!(matches!(error, FeedError::Expired), "{error:?}");
                    break;
                }
            }
        }
    })
    .await;
    store.close().await;
}

#[tokio::test]
async fn a_node_has_a_bound_on_its_readers() {
    let database = MongoDatabase::new().await;
    let store = database.open_store().await;
    let end = store.feed_end().await.unwrap();
    let mut feeds: Vec<_> = (0..32).map(|_| store.feed(end.clone())).collect();
    let refused = within(DEADLINE, store.feed(end.clone()).next()).await;
    assert!(
        matches!(refused, Some(Err(FeedError::Store(_)))),
        "{refused:?}"
    );
    feeds.pop();
    let mut feed = store.feed(end);
    let commit = registration(unique_mobile());
    store.commit(commit.clone()).await.unwrap();
    assert_next(&mut feed, &commit).await;
    store.close().await;
}
