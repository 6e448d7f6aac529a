//! The feed of all users, and the list of users.

use std::sync::Arc;

use futures_util::StreamExt;
use sessiond::{
    domain::{EndReason, rules::Decision},
    store::{
        Committed, Feed, FeedChange, FeedChangeKind, FeedError, FeedItem, FeedPosition, Store,
    },
};

use crate::{fixtures::StoredUser, within_deadline};

/// The next change. [`FeedItem::CaughtUp`] is skipped.
pub(super) async fn next_change(feed: &mut Feed) -> FeedChange {
    loop {
        match within_deadline(feed.next()).await {
            Some(Ok(FeedItem::Change(change))) => return *change,
            Some(Ok(FeedItem::CaughtUp(_))) => {}
            other => panic!("the feed has ended: {other:?}"),
        }
    }
}

/// The changes until the reader has caught up.
pub(super) async fn changes_until_caught_up(feed: &mut Feed) -> Vec<FeedChange> {
    let mut changes = Vec::new();
    loop {
        match within_deadline(feed.next()).await {
            Some(Ok(FeedItem::Change(change))) => changes.push(*change),
            Some(Ok(FeedItem::CaughtUp(_))) => return changes,
            other => panic!("the feed has ended: {other:?}"),
        }
    }
}

/// The commit of a change.
pub(super) fn committed(change: FeedChange) -> Committed {
    match change.kind {
        FeedChangeKind::Committed(committed) => committed,
        FeedChangeKind::Deleted(_) => panic!("a user was deleted"),
    }
}

/// A history of one user with each kind of change, after which the user is deleted.
async fn history(store: &Arc<dyn Store>, number: u32) -> StoredUser {
    let mut ada = StoredUser::register(store, number).await;
    ada.take_over(1).await;
    ada.raise_alert(2).await;
    ada.log_in_pending(3).await;
    ada.decide_pending_login(Decision::Approve).await;
    let active = ada.active();
    ada.invalidate_session(active).await;
    assert!(store.delete_user(ada.id()).await.unwrap());
    ada
}

pub(crate) async fn a_reader_receives_what_each_commit_has_changed(store: Arc<dyn Store>) {
    let mut feed = store.feed(store.feed_end().await.unwrap());
    let mut ada = StoredUser::register(&store, 1).await;
    let first = ada.active();
    let change = next_change(&mut feed).await;
    assert_eq!(change.user, ada.id());
    let Committed {
        active_change,
        alerts,
    } = committed(change);
    let session = ada.state.active.as_ref().unwrap();
    let activated = active_change.activated.unwrap();
    assert_eq!((activated.key, activated.at), (first, ada.now));
    assert_eq!(activated.expires_at, session.expires_at());
    assert_eq!((active_change.ended, alerts.is_empty()), (None, true));

    let second = ada.take_over(1).await;
    let change = committed(next_change(&mut feed).await);
    let ended = change.active_change.ended.unwrap();
    assert_eq!((ended.key, ended.end.at), (first, ada.now));
    assert_eq!(ended.end.reason, EndReason::Replaced);
    assert_eq!(ended.end.replaced_by, Some(second));
    assert_eq!(change.active_change.activated.unwrap().key, second);
    assert_eq!(change.alerts, 1..2);

    ada.raise_alert(2).await;
    let change = committed(next_change(&mut feed).await);
    assert!(change.active_change.is_empty());
    assert_eq!(change.alerts, 2..3);

    // A session that waits is not active before it is approved, and not if it is denied.
    ada.log_in_pending(3).await;
    ada.decide_pending_login(Decision::Deny).await;
    for alerts in [3..4, 4..5] {
        let change = committed(next_change(&mut feed).await);
        assert!(change.active_change.is_empty());
        assert_eq!(change.alerts, alerts);
    }
    assert!(store.delete_user(ada.id()).await.unwrap());
    let change = next_change(&mut feed).await;
    assert_eq!(change.user, ada.id());
    assert!(matches!(change.kind, FeedChangeKind::Deleted(_)));
}

pub(crate) async fn a_reader_continues_at_any_position_without_a_gap(store: Arc<dyn Store>) {
    let start = store.feed_end().await.unwrap();
    for number in 1..=3 {
        history(&store, number).await;
    }
    let all = changes_until_caught_up(&mut store.feed(start.clone())).await;
    assert_eq!(all.len(), 3 * 7);
    let positions = std::iter::once(start).chain(all.iter().map(|change| change.position.clone()));
    for (read, position) in positions.enumerate() {
        let rest = changes_until_caught_up(&mut store.feed(position)).await;
        assert_eq!(rest, all[read..], "after {read} changes");
    }
}

pub(crate) async fn a_reader_from_the_end_of_the_feed_receives_the_next_commit(
    store: Arc<dyn Store>,
) {
    let mut ada = StoredUser::register(&store, 1).await;
    for number in 1..=8 {
        ada.raise_alert(number).await;
        let mut feed = store.feed(store.feed_end().await.unwrap());
        ada.take_over(100 + number).await;
        // A server may name a position that is a little too early. The last change is then sent again.
        let activated = loop {
            let change = committed(next_change(&mut feed).await);
            if let Some(activated) = change.active_change.activated {
                break activated;
            }
        };
        assert_eq!(activated.key, ada.active());
    }
}

pub(crate) async fn readers_do_not_disturb_each_other(store: Arc<dyn Store>) {
    let start = store.feed_end().await.unwrap();
    let (mut slow, mut fast) = (store.feed(start.clone()), store.feed(start));
    let mut ada = StoredUser::register(&store, 1).await;
    let registered = next_change(&mut fast).await;
    for number in 1..=20 {
        ada.take_over(number).await;
        let change = committed(next_change(&mut fast).await);
        assert_eq!(change.active_change.activated.unwrap().key, ada.active());
    }
    drop(fast);
    assert_eq!(next_change(&mut slow).await, registered);
}

pub(crate) async fn a_position_that_was_never_in_the_feed_is_expired(store: Arc<dyn Store>) {
    StoredUser::register(&store, 1).await;
    for text in ["nonsense", "AAAAAAAAAAcAAAAAAAAABw"] {
        let mut feed = store.feed(FeedPosition::parse(text).unwrap());
        let item = within_deadline(feed.next()).await;
        assert!(matches!(item, Some(Err(FeedError::Expired))), "{item:?}");
        assert!(within_deadline(feed.next()).await.is_none());
    }
}

pub(crate) async fn users_are_listed_page_by_page(store: Arc<dyn Store>) {
    let mut users = Vec::new();
    for number in 1..=5 {
        users.push(StoredUser::register(&store, number).await);
    }
    assert!(store.delete_user(users.remove(2).id()).await.unwrap());
    users[0].take_over(1).await;
    let mut listed = Vec::new();
    let mut before = None;
    loop {
        let page = store.users(before, 2).await.unwrap();
        before = page.items.last().map(|user| user.owner.id);
        listed.extend(page.items);
        if !page.has_more {
            break;
        }
    }
    let expected: Vec<_> = users.into_iter().rev().map(|user| user.state).collect();
    assert_eq!(listed, expected);
    assert!(store.users(None, 0).await.unwrap().has_more);
}
