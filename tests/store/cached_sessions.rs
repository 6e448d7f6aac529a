//! First pages of sessions in the cache of the SQLite store.

use std::{sync::Arc, time::Duration};

use sessiond::{
    domain::{Session, Status, UserId},
    store::{Page, Store},
};
use sessiond_test_support::{
    StoreLists,
    contract::StoreFactory,
    fixtures::{ALL, POLICY, StoredUser},
};

use crate::{
    cache::{hide_tables, is_unavailable},
    sqlite_file::SqliteFile,
};

const SECOND: Duration = Duration::from_secs(1);

fn first(limit: usize) -> Page {
    Page {
        before: None,
        limit,
    }
}

/// A page of a user's sessions, and whether more follow.
async fn read(store: &Arc<dyn Store>, user: UserId, limit: usize) -> (Vec<Session>, bool) {
    let page = store.sessions(user, first(limit)).await.unwrap();
    (page.items, page.has_more)
}

/// A user with two ended sessions, an active one and a pending one, whose last commit has left them
/// in the cache.
async fn user_with_four_sessions(store: &Arc<dyn Store>) -> StoredUser {
    let mut user = StoredUser::register(store, 1).await;
    for number in 1..=2 {
        user.advance(SECOND);
        user.take_over(number).await;
    }
    user.log_in_pending(3).await;
    user
}

#[tokio::test]
async fn a_first_page_that_was_read_is_read_again_without_the_file() {
    let file = SqliteFile::create().await;
    let store = file.open().await;
    let mut user = user_with_four_sessions(&store).await;
    let before = read(&store, user.id(), 9).await;
    assert_eq!(before.0.len(), 4);
    user.advance(SECOND);
    let touch = user.active_touch(user.now);
    store.touch(&[touch]).await.unwrap();
    hide_tables(&file);
    let (mut sessions, has_more) = read(&store, user.id(), 9).await;
    let active = &mut sessions[1];
    assert_eq!((active.key, active.last_seen_at), (touch.session, touch.at));
    active.last_seen_at = before.0[1].last_seen_at;
    assert_eq!((sessions, has_more), before);
    // Shorter pages follow from it. Other pages are in the file.
    for limit in 0..4 {
        let expected = (before.0[..limit].to_vec(), true);
        let (mut sessions, has_more) = read(&store, user.id(), limit).await;
        if let Some(active) = sessions.get_mut(1) {
            active.last_seen_at = before.0[1].last_seen_at;
        }
        assert_eq!((sessions, has_more), expected);
    }
    let second = Page {
        before: Some(4),
        limit: 1,
    };
    assert!(is_unavailable(&store.sessions(user.id(), second).await));
    store.close().await;
}

#[tokio::test]
async fn a_page_with_more_sessions_than_were_read_is_read_from_the_file() {
    let file = SqliteFile::create().await;
    let store = file.open().await;
    let user = user_with_four_sessions(&store).await;
    let whole = read(&store, user.id(), 9).await.0;
    let mut touched = user.clone();
    // The commit removes the page.
    touched.raise_alert(4).await;
    assert_eq!(
        read(&store, user.id(), 3).await,
        (whole[..3].to_vec(), true)
    );
    hide_tables(&file);
    for limit in 1..=3 {
        let page = read(&store, user.id(), limit).await;
        assert_eq!(page, (whole[..limit].to_vec(), true));
    }
    for limit in [4, 5] {
        let page = store.sessions(user.id(), first(limit)).await;
        assert!(is_unavailable(&page), "{limit}");
    }
    store.close().await;
}

#[tokio::test]
async fn a_commit_changes_the_cached_page() {
    let file = SqliteFile::create().await;
    let store = file.open().await;
    let mut user = user_with_four_sessions(&store).await;
    let pending = read(&store, user.id(), 1).await.0.remove(0);
    assert!(matches!(pending.status, Status::Pending { .. }));
    user.advance(SECOND);
    user.take_over(4).await;
    let (sessions, _) = read(&store, user.id(), 2).await;
    assert_eq!(Some(&sessions[0]), user.state.active.as_ref());
    assert_eq!(sessions[1].key, pending.key);
    assert!(matches!(sessions[1].status, Status::Ended(_)));
    assert!(store.delete_user(user.id()).await.unwrap());
    assert_eq!(read(&store, user.id(), 2).await, (Vec::new(), false));
    store.close().await;
}

#[tokio::test]
async fn a_cached_page_has_no_purged_session() {
    let file = SqliteFile::create().await;
    let store = file.open().await;
    let user = user_with_four_sessions(&store).await;
    let before = read(&store, user.id(), 9).await.0;
    let end = user.now.plus(POLICY.session_lifetime);
    let purged = store.purge(end, 100).await.unwrap();
    assert_eq!(purged.sessions, 2);
    let after = read(&store, user.id(), 9).await;
    assert_eq!(after, (before[..2].to_vec(), false));
    store.close().await;
}

#[tokio::test]
async fn a_user_with_many_ended_sessions_has_no_cached_page() {
    let file = SqliteFile::create().await;
    let store = file.open().await;
    let mut user = StoredUser::register(&store, 1).await;
    for number in 1..=17 {
        user.advance(SECOND);
        user.take_over(number).await;
    }
    assert_eq!(read(&store, user.id(), 100).await.0.len(), 18);
    assert_eq!(read(&store, user.id(), 20).await.0.len(), 18);
    hide_tables(&file);
    assert!(is_unavailable(&store.sessions(user.id(), ALL).await));
    assert!(is_unavailable(&store.sessions(user.id(), first(1)).await));
    store.close().await;
}
