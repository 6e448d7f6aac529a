use futures_util::{StreamExt, stream::BoxStream};
use sessiond::{
    domain::rules::OnConflict,
    store::{ChangeNotification, CommitError, Store, StoreError},
};
use tokio::time::timeout;

use crate::{
    fixtures,
    samples::*,
    server::{Database, FOREVER, Server},
    support::DEADLINE,
};

/// The next hint, in time.
pub async fn next_hint(hints: &mut BoxStream<'static, ChangeNotification>) -> ChangeNotification {
    // A stream that fell silent, and could not be opened at once, takes 30 seconds.
    timeout(DEADLINE * 4, hints.next())
        .await
        .expect("a hint comes")
        .unwrap()
}

pub async fn until(hints: &mut BoxStream<'static, ChangeNotification>, wanted: ChangeNotification) {
    while next_hint(hints).await != wanted {}
}

#[tokio::test]
async fn a_commit_on_one_node_is_hinted_at_on_every_node() {
    let database = Database::new().await;
    let (one, other) = (database.open().await, database.open().await);
    let mut hints = [one.changes(), other.changes()];
    let first = registration(mobile());
    let user = first.user.owner.id;
    let taken = login(&first.user, "second", OnConflict::TakeOver);
    let left = logout(&taken.user);
    // No alert comes with it.
    let back = login(&left.user, "third", OnConflict::Reject);
    assert!(back.alerts.is_empty());
    for commit in [&first, &taken, &left, &back] {
        one.commit(commit.clone()).await.unwrap();
        for hints in &mut hints {
            let sequence = commit.user.last_alert;
            assert_eq!(
                next_hint(hints).await,
                ChangeNotification::Changed { user, sequence }
            );
        }
    }
    other.delete_user(user).await.unwrap();
    for hints in &mut hints {
        assert_eq!(
            next_hint(hints).await,
            ChangeNotification::Changed { user, sequence: 0 }
        );
    }
    one.close().await;
    other.close().await;
}

#[tokio::test]
async fn a_listener_that_falls_behind_is_told_to_look_everywhere() {
    let database = Database::new().await;
    let store = database.open().await;
    let (mut slow, mut fast) = (store.changes(), store.changes());
    let raw = database.raw().await;
    let users = raw.collection::<bson::Document>("users");
    // More than are kept for a listener, but never as many that the fast one has not read.
    for _ in 0..3 {
        let strangers = (0..500).map(|_| bson::doc! { "_id": bson::Uuid::new(), "hint": "1/1" });
        users.insert_many(strangers).await.unwrap();
        for _ in 0..500 {
            assert!(matches!(
                next_hint(&mut fast).await,
                ChangeNotification::Changed { sequence: 1, .. }
            ));
        }
    }
    assert_eq!(next_hint(&mut slow).await, ChangeNotification::Resync);
}

#[tokio::test]
async fn after_the_database_was_killed_commits_and_hints_go_on() {
    let Some(mut server) = Server::own(&[]).await else {
        return;
    };
    let store = sessiond::store::mongo::MongoStore::open(&server.uri("killed"), FOREVER)
        .await
        .unwrap();
    let mut hints = store.changes();
    let first = registration(mobile());
    let user = first.user.owner.id;
    store.commit(first.clone()).await.unwrap();
    assert_eq!(
        next_hint(&mut hints).await,
        ChangeNotification::Changed { user, sequence: 0 }
    );

    for round in 0..2 {
        server.kill().await;
        let away = timeout(DEADLINE, store.user(user))
            .await
            .expect("it is told");
        assert!(matches!(away, Err(StoreError::Unavailable(_))), "{away:?}");
        let nobody = store.commit(login(&first.user, "nobody", OnConflict::TakeOver));
        let away = timeout(DEADLINE * 2, nobody).await.expect("it is told");
        assert!(
            matches!(away, Err(CommitError::Store(StoreError::Unavailable(_)))),
            "{away:?}"
        );
        assert!(store.ping().await.is_err());

        server.start_again().await;
        // One that listens may take its time to answer.
        let back = async { while store.ping().await.is_err() {} };
        timeout(DEADLINE * 4, back).await.expect("it comes back");
        let state = store.user(user).await.unwrap().unwrap();
        let next = login(&state, &format!("round {round}"), OnConflict::TakeOver);
        fixtures::decided(&store, next.clone()).await.unwrap();
        until(&mut hints, ChangeNotification::Resync).await;
        // From here on each commit is hinted at again.
        let next = login(
            &next.user,
            &format!("round {round} again"),
            OnConflict::TakeOver,
        );
        store.commit(next.clone()).await.unwrap();
        until(
            &mut hints,
            ChangeNotification::Changed {
                user,
                sequence: next.user.last_alert,
            },
        )
        .await;
    }
    store.close().await;
    assert!(matches!(
        store.ping().await,
        Err(StoreError::Unavailable(_))
    ));
}
