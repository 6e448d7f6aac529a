use std::sync::Arc;

use futures_util::{FutureExt, StreamExt, stream::BoxStream};
use sessiond::{
    domain::{UserId, rules::OnConflict},
    store::{ChangeNotification, Commit, CommitError, Store, Touch},
};

use crate::fixtures::{Person, device, soon};

/// The next change that is hinted at. A store may say `Resync` whenever it likes.
async fn next_change(hints: &mut BoxStream<'static, ChangeNotification>) -> (UserId, u64) {
    loop {
        match soon(hints.next())
            .await
            .expect("hints never end while the store lives")
        {
            ChangeNotification::Changed { user, sequence } => return (user, sequence),
            ChangeNotification::Resync => {}
        }
    }
}

/// Hints of what comes from here on. One may still be on its way when its commit has been answered, so that a new
/// listener hears it: a user of no further interest is registered, and whatever comes before its hint is left out.
async fn listen(store: &Arc<dyn Store>, number: u32) -> BoxStream<'static, ChangeNotification> {
    let mut hints = store.changes();
    let last = Person::registered(store, number).await.id();
    while next_change(&mut hints).await.0 != last {}
    hints
}

pub async fn a_commit_is_hinted_once_it_can_be_read(store: Arc<dyn Store>) {
    let mut ada = Person::registered(&store, 1).await;
    let mut hints = listen(&store, 90).await;
    for number in 1..=16 {
        let (commit, transition, _) = ada.decide_login(device(number), OnConflict::TakeOver);
        let committed = tokio::spawn({
            let store = Arc::clone(&store);
            async move { store.commit(commit).await }
        });
        // Whoever looks when it is told to finds what it was told of, though nobody has been answered yet.
        assert_eq!(next_change(&mut hints).await, (ada.id(), number.into()));
        let alerts = store
            .alerts_after(ada.id(), u64::from(number) - 1, 10)
            .await
            .unwrap();
        assert_eq!(alerts, transition.alerts);
        assert_eq!(
            store.user(ada.id()).await.unwrap().as_ref(),
            Some(&transition.next)
        );
        committed.await.expect("no task panics").unwrap();
        ada.state = transition.next;
    }
}

pub async fn every_listener_hears_every_change(store: Arc<dyn Store>) {
    let mut ada = Person::registered(&store, 1).await;
    let mut bob = Person::registered(&store, 2).await;
    let (mut first, mut second) = (listen(&store, 90).await, listen(&store, 91).await);
    assert_eq!(
        next_change(&mut first).await.1,
        0,
        "it hears the other one's user too"
    );
    ada.refuse(1).await;
    bob.refuse(1).await;
    ada.refuse(2).await;
    for hints in [&mut first, &mut second] {
        assert_eq!(next_change(hints).await, (ada.id(), 1));
        assert_eq!(next_change(hints).await, (bob.id(), 1));
        assert_eq!(next_change(hints).await, (ada.id(), 2));
    }
    let mut late = listen(&store, 92).await;
    bob.refuse(2).await;
    assert_eq!(
        next_change(&mut late).await,
        (bob.id(), 2),
        "a listener hears what comes after it joined"
    );
}

pub async fn a_deleted_user_is_hinted(store: Arc<dyn Store>) {
    let ada = Person::registered(&store, 1).await;
    let mut hints = listen(&store, 90).await;
    assert!(store.delete_user(ada.id()).await.unwrap());
    assert_eq!(next_change(&mut hints).await.0, ada.id());
    assert_eq!(store.user(ada.id()).await.unwrap(), None);
}

pub async fn what_changes_nothing_is_not_hinted(store: Arc<dyn Store>) {
    let mut ada = Person::registered(&store, 1).await;
    let bob = Person::registered(&store, 2).await;
    let (commit, ..) = ada.decide_login(device(1), OnConflict::TakeOver);
    let mut hints = listen(&store, 90).await;
    let stale = Commit {
        expected_version: 9,
        ..commit
    };
    assert!(matches!(store.commit(stale).await, Err(CommitError::Stale)));
    store
        .touch(&[Touch {
            user: ada.id(),
            session: ada.active(),
            at: ada.now,
        }])
        .await
        .unwrap();
    store.purge(ada.now, 10).await.unwrap();
    assert!(store.delete_user(bob.id()).await.unwrap());
    assert_eq!(
        next_change(&mut hints).await.0,
        bob.id(),
        "the first hint is of the first change"
    );
    assert!(hints.next().now_or_never().is_none());
}
