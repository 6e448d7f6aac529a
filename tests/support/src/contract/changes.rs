//! Change notifications.

use std::sync::Arc;

use futures_util::{FutureExt, StreamExt, stream::BoxStream};
use sessiond::{
    domain::UserId,
    store::{ChangeNotification, Commit, CommitError, Store},
};

use crate::within_deadline;
use crate::{StoreLists, fixtures::StoredUser};

/// The next changed user. `Resync` is skipped, because a store may send it at any time.
async fn next_change(changes: &mut BoxStream<'static, ChangeNotification>) -> (UserId, u64) {
    loop {
        match within_deadline(changes.next())
            .await
            .expect("the notifications do not end while the store is open")
        {
            ChangeNotification::Changed { user, sequence } => return (user, sequence),
            ChangeNotification::Resync => {}
        }
    }
}

/// The notifications of later changes. The notification of an earlier commit may arrive after the
/// commit has returned. This function therefore registers another user, and skips all notifications
/// up to the one of that registration.
pub async fn later_changes(
    store: &Arc<dyn Store>,
    number: u32,
) -> BoxStream<'static, ChangeNotification> {
    let mut changes = store.changes();
    let last = StoredUser::register(store, number).await.id();
    while next_change(&mut changes).await.0 != last {}
    changes
}

pub(crate) async fn a_commit_is_announced_when_it_can_be_read(store: Arc<dyn Store>) {
    let mut ada = StoredUser::register(&store, 1).await;
    let mut changes = later_changes(&store, 90).await;
    for number in 1..=16 {
        let commit = ada.decide_take_over(number);
        let (next, alerts) = (commit.user.clone(), commit.alerts.clone());
        // The notification may arrive before the commit returns, but only when the commit can be
        // read.
        let read = async {
            assert_eq!(next_change(&mut changes).await, (ada.id(), number.into()));
            let found = store
                .alerts_after(ada.id(), u64::from(number) - 1, 10)
                .await
                .unwrap();
            assert_eq!(found, alerts);
            assert_eq!(store.user(ada.id()).await.unwrap().as_ref(), Some(&next));
        };
        let (committed, ()) = tokio::join!(store.commit(commit), read);
        committed.unwrap();
        ada.state = next;
    }
}

pub(crate) async fn every_listener_receives_every_change(store: Arc<dyn Store>) {
    let mut ada = StoredUser::register(&store, 1).await;
    let mut bob = StoredUser::register(&store, 2).await;
    let (mut first, mut second) = (
        later_changes(&store, 90).await,
        later_changes(&store, 91).await,
    );
    assert_eq!(
        next_change(&mut first).await.1,
        0,
        "the notification of the other listener's user"
    );
    ada.raise_alert(1).await;
    bob.raise_alert(1).await;
    ada.raise_alert(2).await;
    for changes in [&mut first, &mut second] {
        assert_eq!(next_change(changes).await, (ada.id(), 1));
        assert_eq!(next_change(changes).await, (bob.id(), 1));
        assert_eq!(next_change(changes).await, (ada.id(), 2));
    }
    let mut late = later_changes(&store, 92).await;
    bob.raise_alert(2).await;
    assert_eq!(
        next_change(&mut late).await,
        (bob.id(), 2),
        "a late listener receives later changes only"
    );
}

pub(crate) async fn a_deletion_is_announced(store: Arc<dyn Store>) {
    let ada = StoredUser::register(&store, 1).await;
    let mut changes = later_changes(&store, 90).await;
    assert!(store.delete_user(ada.id()).await.unwrap());
    assert_eq!(next_change(&mut changes).await.0, ada.id());
    assert_eq!(store.user(ada.id()).await.unwrap(), None);
}

pub(crate) async fn a_command_without_effect_is_not_announced(store: Arc<dyn Store>) {
    let ada = StoredUser::register(&store, 1).await;
    let bob = StoredUser::register(&store, 2).await;
    let commit = ada.decide_take_over(1);
    let mut changes = later_changes(&store, 90).await;
    let stale = Commit {
        expected_version: 9,
        ..commit
    };
    assert!(matches!(store.commit(stale).await, Err(CommitError::Stale)));
    store.touch(&[ada.active_touch(ada.now)]).await.unwrap();
    store.purge(ada.now, 10).await.unwrap();
    assert!(store.delete_user(bob.id()).await.unwrap());
    assert_eq!(
        next_change(&mut changes).await.0,
        bob.id(),
        "the deletion is the first change"
    );
    assert!(changes.next().now_or_never().is_none());
}
