//! Networks that fail in every way, over a server that does not.

use bson::doc;
use futures_util::stream::BoxStream;
use sessiond::{
    domain::rules::OnConflict,
    store::{ChangeNotification, Commit, CommitError, Store, StoreError, mongo::MongoStore},
};
use tokio::time::timeout;

use crate::{
    hints::{next_hint, until},
    proxy::Proxy,
    samples::*,
    server::{Database, FOREVER, Server},
    support::DEADLINE,
};

#[tokio::test]
async fn a_commit_whose_answers_are_lost_is_applied_once() {
    let database = Database::new().await;
    let proxy = Proxy::to(&database.address()).await;
    let store = MongoStore::open(&database.uri_by(proxy.address), FOREVER)
        .await
        .unwrap();
    let mut commit = registration(mobile());
    let id = commit.user.owner.id;
    for lost in [1, 2, 3, 6, 7, 9] {
        proxy.lose_answers_to_commits(lost);
        store.commit(commit.clone()).await.unwrap();
        proxy.lose_answers_to_commits(0);
        assert_eq!(store.user(id).await.unwrap().unwrap(), commit.user);
        assert_eq!(
            store.count_sessions(id).await.unwrap(),
            commit.user.sessions_opened
        );
        commit = login(&commit.user, &format!("lost {lost}"), OnConflict::TakeOver);
    }
}

#[tokio::test]
async fn a_commit_that_never_reached_the_server_is_applied_by_the_next_attempt() {
    let database = Database::new().await;
    let proxy = Proxy::to(&database.address()).await;
    let store = MongoStore::open(&database.uri_by(proxy.address), FOREVER)
        .await
        .unwrap();
    let mut commit = registration(mobile());
    let id = commit.user.owner.id;
    for lost in [1, 6, 7] {
        proxy.lose_commits(lost);
        store.commit(commit.clone()).await.unwrap();
        assert_eq!(proxy.to_lose(), 0);
        assert_eq!(store.user(id).await.unwrap().unwrap(), commit.user);
        assert_eq!(
            store.count_sessions(id).await.unwrap(),
            commit.user.sessions_opened
        );
        commit = login(&commit.user, &format!("lost {lost}"), OnConflict::TakeOver);
    }
}

#[tokio::test]
async fn a_deletion_whose_answers_are_lost_says_that_it_deleted() {
    let database = Database::new().await;
    let proxy = Proxy::to(&database.address()).await;
    let store = MongoStore::open(&database.uri_by(proxy.address), FOREVER)
        .await
        .unwrap();
    let commit = registration(mobile());
    store.commit(commit.clone()).await.unwrap();
    proxy.lose_answers_to_commits(6);
    assert!(store.delete_user(commit.user.owner.id).await.unwrap());
    assert_eq!(proxy.to_lose(), 0);
    assert!(!store.delete_user(commit.user.owner.id).await.unwrap());
}

#[tokio::test]
async fn a_network_that_swallows_everything_keeps_nobody_waiting() {
    let database = Database::new().await;
    let proxy = Proxy::to(&database.address()).await;
    let store = MongoStore::open(&database.uri_by(proxy.address), FOREVER)
        .await
        .unwrap();
    let commit = registration(mobile());
    let user = commit.user.owner.id;
    store.commit(commit.clone()).await.unwrap();
    let mut hints = store.changes();
    proxy.block();
    let next = login(&commit.user, "second", OnConflict::TakeOver);
    let asked = async { tokio::join!(store.user(user), store.commit(next.clone()), store.ping()) };
    let (read, committed, pinged) = timeout(DEADLINE * 2, asked).await.expect("they are told");
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    assert!(
        matches!(
            committed,
            Err(CommitError::Store(StoreError::Unavailable(_)))
        ),
        "{committed:?}"
    );
    assert!(pinged.is_err());
    proxy.unblock();
    // Whether it was applied is not known; now it is, and once.
    let back = async { while store.commit(next.clone()).await.is_err() {} };
    timeout(DEADLINE * 4, back).await.expect("it comes back");
    assert_eq!(store.user(user).await.unwrap().unwrap(), next.user);
    let last = logout(&next.user);
    store.commit(last.clone()).await.unwrap();
    until(
        &mut hints,
        ChangeNotification::Changed {
            user,
            sequence: last.user.last_alert,
        },
    )
    .await;
    proxy.block();
    timeout(DEADLINE, store.close())
        .await
        .expect("closing does not wait for the network");
}

/// Waits until whoever listens looks at what was committed. Answers whether it is hinted at; else, it is told to look
/// everywhere. What is late is passed over.
async fn is_hinted_at(hints: &mut BoxStream<'static, ChangeNotification>, commit: &Commit) -> bool {
    let (id, latest) = (commit.user.owner.id, commit.user.last_alert);
    loop {
        match next_hint(hints).await {
            ChangeNotification::Changed { user, sequence } if user == id && sequence < latest => {}
            ChangeNotification::Resync => return false,
            hint @ ChangeNotification::Changed { .. } => {
                assert_eq!(
                    hint,
                    ChangeNotification::Changed {
                        user: id,
                        sequence: latest
                    }
                );
                return true;
            }
        }
    }
}

#[tokio::test]
async fn a_change_stream_that_was_cut_goes_on_without_a_gap() {
    let database = Database::new().await;
    let proxy = Proxy::to(&database.address()).await;
    let cut = MongoStore::open(&database.uri_by(proxy.address), FOREVER)
        .await
        .unwrap();
    let other = database.open().await;
    let mut hints = cut.changes();
    let mut commit = registration(mobile());
    other.commit(commit.clone()).await.unwrap();
    for round in 0..20 {
        // Cut before it comes, it is either hinted at or covered by a look everywhere.
        is_hinted_at(&mut hints, &commit).await;
        commit = login(
            &commit.user,
            &format!("round {round}"),
            OnConflict::TakeOver,
        );
        proxy.cut();
        other.commit(commit.clone()).await.unwrap();
    }
    // Left alone, it hints at each again.
    while !is_hinted_at(&mut hints, &commit).await {
        commit = login(&commit.user, "another", OnConflict::TakeOver);
        other.commit(commit.clone()).await.unwrap();
    }
}

#[tokio::test]
async fn a_change_stream_whose_place_has_left_the_log_starts_anew_and_says_so() {
    let Some(server) = Server::own(&["--enable-test-commands"]).await else {
        return;
    };
    let proxy = Proxy::to(&server.address().to_string()).await;
    let store = MongoStore::open(&Server::uri_by(proxy.address, "history"), FOREVER)
        .await
        .unwrap();
    let mut hints = store.changes();
    let admin = mongodb::Client::with_uri_str(server.uri("admin"))
        .await
        .unwrap()
        .database("admin");
    admin
        .run_command(doc! {
            "configureFailPoint": "failCommand",
            "mode": { "times": 1 },
            "data": { "failCommands": ["aggregate"], "errorCode": 286 },
        })
        .await
        .unwrap();
    proxy.cut();
    assert_eq!(next_hint(&mut hints).await, ChangeNotification::Resync);
    let commit = registration(mobile());
    store.commit(commit.clone()).await.unwrap();
    let changed = ChangeNotification::Changed {
        user: commit.user.owner.id,
        sequence: 0,
    };
    assert_eq!(next_hint(&mut hints).await, changed);
}

#[tokio::test]
async fn a_change_stream_whose_place_really_left_the_log_says_to_look_everywhere() {
    let Some(server) = Server::own(&["--oplog-max-entries", "20"]).await else {
        return;
    };
    let proxy = Proxy::to(&server.address().to_string()).await;
    let cut = MongoStore::open(&Server::uri_by(proxy.address, "history"), FOREVER)
        .await
        .unwrap();
    let other = MongoStore::open(&server.uri("history"), FOREVER)
        .await
        .unwrap();
    let raw = mongodb::Client::with_uri_str(server.uri("history"))
        .await
        .unwrap()
        .database("history");
    let mut hints = cut.changes();
    let users = raw.collection::<bson::Document>("users");
    let mut place = users.watch().await.unwrap();
    let mut commit = registration(mobile());
    let user = commit.user.owner.id;
    other.commit(commit.clone()).await.unwrap();
    assert_eq!(
        next_hint(&mut hints).await,
        ChangeNotification::Changed { user, sequence: 0 }
    );
    futures_util::StreamExt::next(&mut place)
        .await
        .unwrap()
        .unwrap();
    let place = place.resume_token().unwrap();

    // Its stream is cut, and no other is opened until the log has gone on.
    proxy.block();
    proxy.cut();
    let is_gone = async {
        loop {
            commit = login(&commit.user, "another", OnConflict::TakeOver);
            other.commit(commit.clone()).await.unwrap();
            let Err(error) = users.watch().resume_after(place.clone()).await else {
                continue;
            };
            break error;
        }
    };
    let error = timeout(DEADLINE * 20, is_gone)
        .await
        .expect("the log forgets");
    let mongodb::error::ErrorKind::Command(error) = *error.kind else {
        panic!("{error:?}")
    };
    assert_eq!(error.code, 286);
    proxy.unblock();
    assert_eq!(next_hint(&mut hints).await, ChangeNotification::Resync);
    commit = login(&commit.user, "the last", OnConflict::TakeOver);
    other.commit(commit.clone()).await.unwrap();
    until(
        &mut hints,
        ChangeNotification::Changed {
            user,
            sequence: commit.user.last_alert,
        },
    )
    .await;
}
