//! Network failures between the store and a database that works.

use bson::doc;
use futures_util::StreamExt;
use serde_json::json;
use sessiond::{
    domain::{EndReason, EndedBy, Mobile, Status},
    store::{ChangeNotification, Commit, CommitError, Store, StoreError, mongo::MongoStore},
};
use sessiond_test_support::{
    DEADLINE, MAX_RETENTION, MOBILE, MongoDatabase, MongoServer, StoreLists, TcpProxy, TestServer,
    fixtures::{ALL, logout, registration, take_over, unique_mobile},
    within,
};

use crate::changes::{Changes, change_of, next_change, wait_for_change};

/// A database, a proxy in front of its server, and a store that is opened through the proxy.
async fn store_behind_proxy() -> (MongoDatabase, TcpProxy, MongoStore) {
    let database = MongoDatabase::new().await;
    let proxy = TcpProxy::start(&database.address()).await;
    let store = database.open_store_via(proxy.address).await;
    (database, proxy, store)
}

/// A proxy in front of the server, and a store that is opened through the proxy.
async fn open_behind_proxy(server: &MongoServer, database: &str) -> (TcpProxy, MongoStore) {
    let proxy = TcpProxy::start(&server.address().to_string()).await;
    let uri = MongoServer::uri_at(proxy.address, database);
    let store = MongoStore::open(&uri, MAX_RETENTION).await.unwrap();
    (proxy, store)
}

/// Panics if the commit was not applied completely and exactly once.
async fn assert_applied_once(store: &MongoStore, commit: &Commit) {
    let id = commit.user.owner.id;
    assert_eq!(store.user(id).await.unwrap().unwrap(), commit.user);
    assert_eq!(
        store.count_sessions(id).await.unwrap(),
        commit.user.sessions_opened
    );
}

#[tokio::test]
async fn a_commit_whose_responses_are_lost_is_applied_once() {
    let (_database, proxy, store) = store_behind_proxy().await;
    let mut commit = registration(unique_mobile());
    for lost in [1, 2, 3, 6, 7, 9] {
        proxy.lose_commit_responses(lost);
        store.commit(commit.clone()).await.unwrap();
        proxy.lose_commit_responses(0);
        assert_applied_once(&store, &commit).await;
        commit = take_over(&commit.user, &format!("lost {lost}"));
    }
}

#[tokio::test]
async fn a_commit_that_did_not_reach_the_server_is_applied_by_the_next_attempt() {
    let (_database, proxy, store) = store_behind_proxy().await;
    let mut commit = registration(unique_mobile());
    for lost in [1, 6, 7] {
        proxy.lose_commits(lost);
        store.commit(commit.clone()).await.unwrap();
        assert_eq!(proxy.losses_left(), 0);
        assert_applied_once(&store, &commit).await;
        commit = take_over(&commit.user, &format!("lost {lost}"));
    }
}

#[tokio::test]
async fn a_deletion_whose_responses_are_lost_returns_true() {
    let (_database, proxy, store) = store_behind_proxy().await;
    let commit = registration(unique_mobile());
    store.commit(commit.clone()).await.unwrap();
    proxy.lose_commit_responses(6);
    assert!(store.delete_user(commit.user.owner.id).await.unwrap());
    assert_eq!(proxy.losses_left(), 0);
    assert!(!store.delete_user(commit.user.owner.id).await.unwrap());
}

#[tokio::test]
async fn a_session_whose_login_has_an_unknown_outcome_is_ended() {
    let database = MongoDatabase::new().await;
    let proxy = TcpProxy::start(&database.address()).await;
    let flag = format!("--database={}", database.uri_via(proxy.address));
    let server = TestServer::with_flags(&[&flag]).await;
    let first = server.create_user(MOBILE).await;
    proxy.block_after_commit();
    let take_over = json!({ "onConflict": "TAKE_OVER" });
    let login = within(DEADLINE * 4, server.login(MOBILE, take_over)).await;
    assert_eq!(login.error_code(), "UNAVAILABLE");

    // The commit was applied, and nobody has the token.
    proxy.unblock();
    let store = database.open_store().await;
    let mobile = Mobile::parse(MOBILE).unwrap();
    let ended = within(DEADLINE * 4, async {
        loop {
            let user = store.user_by_mobile(&mobile).await.unwrap().unwrap();
            if user.active.is_none() {
                break user;
            }
        }
    })
    .await;
    let sessions = store.sessions(ended.owner.id, ALL).await.unwrap().items;
    let reasons = sessions.iter().map(|session| match session.status {
        Status::Ended(ended) => Some(ended.reason),
        _ => None,
    });
    let ended_by_node = EndReason::Invalidated(Some(EndedBy::Service));
    let expected = [Some(ended_by_node), Some(EndReason::Replaced)];
    assert_eq!(reasons.collect::<Vec<_>>(), expected);
    assert_eq!(sessions[1].key.to_string(), first.session);
}

#[tokio::test]
async fn calls_over_a_blocked_network_fail_and_do_not_hang() {
    let (_database, proxy, store) = store_behind_proxy().await;
    let commit = registration(unique_mobile());
    let user = commit.user.owner.id;
    store.commit(commit.clone()).await.unwrap();
    let mut changes = store.changes();

    proxy.block();
    let next = take_over(&commit.user, "second");
    let calls = async { tokio::join!(store.user(user), store.commit(next.clone()), store.ping()) };
    let (read, committed, pinged) = within(DEADLINE * 2, calls).await;
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
    // The first attempt may have been applied. The commit is idempotent, so a retry is safe.
    let retry = async { while store.commit(next.clone()).await.is_err() {} };
    within(DEADLINE * 4, retry).await;
    assert_applied_once(&store, &next).await;
    let last = logout(&next.user);
    store.commit(last.clone()).await.unwrap();
    wait_for_change(&mut changes, change_of(&last)).await;

    // `close` does not wait for the network.
    proxy.block();
    within(DEADLINE, store.close()).await;
}

/// Waits for the notification of the commit or for a resync. Returns true for the notification of
/// the commit. Notifications of earlier commits are skipped.
async fn is_announced(changes: &mut Changes, commit: &Commit) -> bool {
    let (id, latest) = (commit.user.owner.id, commit.user.last_alert);
    loop {
        match next_change(changes).await {
            ChangeNotification::Resync => return false,
            ChangeNotification::Changed { user, sequence } if user == id && sequence < latest => {}
            change @ ChangeNotification::Changed { .. } => {
                assert_eq!(change, change_of(commit));
                return true;
            }
        }
    }
}

#[tokio::test]
async fn a_change_stream_that_is_cut_continues_without_a_gap() {
    let (database, proxy, cut) = store_behind_proxy().await;
    let other = database.open_store().await;
    let mut changes = cut.changes();
    let mut commit = registration(unique_mobile());
    other.commit(commit.clone()).await.unwrap();
    for round in 0..20 {
        is_announced(&mut changes, &commit).await;
        commit = take_over(&commit.user, &format!("round {round}"));
        proxy.cut();
        other.commit(commit.clone()).await.unwrap();
    }
    // After the last cut, a later commit must be announced without a resync.
    while !is_announced(&mut changes, &commit).await {
        commit = take_over(&commit.user, "another");
        other.commit(commit.clone()).await.unwrap();
    }
}

#[tokio::test]
async fn a_change_stream_restarts_with_a_resync_after_a_history_lost_error() {
    let Some(server) = MongoServer::start_own(&["--enable-test-commands"]).await else {
        return;
    };
    let (proxy, store) = open_behind_proxy(&server, "history").await;
    let mut changes = store.changes();
    let admin = server.database("admin").await;
    admin
        .run_command(doc! {
            "configureFailPoint": "failCommand",
            "mode": { "times": 1 },
            "data": { "failCommands": ["aggregate"], "errorCode": CHANGE_STREAM_HISTORY_LOST },
        })
        .await
        .unwrap();
    proxy.cut();
    assert_eq!(next_change(&mut changes).await, ChangeNotification::Resync);
    let commit = registration(unique_mobile());
    store.commit(commit.clone()).await.unwrap();
    assert_eq!(next_change(&mut changes).await, change_of(&commit));
}

/// MongoDB's error code for a resume token that is no longer in the oplog.
const CHANGE_STREAM_HISTORY_LOST: i32 = 286;

/// The resume token of a change stream that has received this commit.
async fn resume_token_after(
    users: &mongodb::Collection<bson::Document>,
    commit: impl Future<Output = ()>,
) -> mongodb::change_stream::event::ResumeToken {
    let mut stream = users.watch().await.unwrap();
    commit.await;
    stream.next().await.unwrap().unwrap();
    stream.resume_token().unwrap()
}

#[tokio::test]
async fn a_change_stream_whose_position_has_left_the_oplog_sends_a_resync() {
    let Some(server) = MongoServer::start_own(&["--oplog-max-entries", "20"]).await else {
        return;
    };
    let (proxy, cut) = open_behind_proxy(&server, "history").await;
    let other = server.open_store("history").await;
    let users = server.database("history").await.collection("users");
    let mut changes = cut.changes();
    let mut commit = registration(unique_mobile());
    let token = resume_token_after(&users, async {
        other.commit(commit.clone()).await.unwrap();
    })
    .await;
    assert_eq!(next_change(&mut changes).await, change_of(&commit));

    // The proxy cuts the change stream of the store, and blocks a new one until the oplog no longer
    // contains the position of the stream.
    proxy.block();
    proxy.cut();
    let lost_history = async {
        loop {
            commit = take_over(&commit.user, "another");
            other.commit(commit.clone()).await.unwrap();
            if let Err(error) = users.watch().resume_after(token.clone()).await {
                break error;
            }
        }
    };
    let error = within(DEADLINE * 20, lost_history).await;
    let mongodb::error::ErrorKind::Command(error) = *error.kind else {
        panic!("{error:?}")
    };
    assert_eq!(error.code, CHANGE_STREAM_HISTORY_LOST);

    proxy.unblock();
    assert_eq!(next_change(&mut changes).await, ChangeNotification::Resync);
    commit = take_over(&commit.user, "the last");
    other.commit(commit.clone()).await.unwrap();
    wait_for_change(&mut changes, change_of(&commit)).await;
}
