//! What several nodes do unasked, each of them all of it.

use std::collections::BTreeSet;

use bson::{DateTime, Document, doc};
use futures_util::future::join_all;
use serde_json::json;
use sessiond::{domain::rules::OnConflict, store::Store};
use tokio::time::{sleep, timeout};

use crate::{
    node::Node,
    samples::{login, mobile, registration},
    server::Database,
    support::{DEADLINE, Subscription},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_three_nodes_find_overdue_expires_once() {
    const USERS: usize = 16;
    const ROUNDS: usize = 3;
    let database = Database::new().await;
    let nodes = join_all((0..3).map(|_| Node::start(&database.uri, &["--idle-timeout=1s"]))).await;
    let mut follows = Vec::new();
    for user in 0..USERS {
        let mobile = format!("90123450{user:02}");
        nodes[user % 3].register(&mobile).await;
        follows.push((
            Subscription::live(nodes[(user + 1) % 3].socket().await, &mobile).await,
            mobile,
        ));
    }
    for _ in 0..ROUNDS {
        let input = json!({ "onConflict": "TAKE_OVER" });
        let logins = join_all(
            follows
                .iter()
                .map(|(_, mobile)| nodes[0].login(mobile, input.clone())),
        )
        .await;
        for ((alerts, _), login) in follows.iter_mut().zip(&logins) {
            // The session before it may have expired first.
            let opened = login.at("/login/session/sessionKey");
            loop {
                let alert = alerts.alert().await;
                if alert["kind"] == "SESSION_EXPIRED" && alert["session"]["sessionKey"] == *opened {
                    break;
                }
            }
        }
    }
    // In each round every node has swept: what one did again would stand in the log again.
    let query = "query($mobile: String!) { user(mobile: $mobile) { sessions(first: 100) { nodes { sessionKey endReason } } \
         alerts(first: 100) { nodes { kind session { sessionKey } } } } }";
    for (_, mobile) in &follows {
        let user = nodes[2].run(query, json!({ "mobile": mobile })).await;
        let keys_of = |pointer, field: &str, wanted: &str, key: &str| {
            let nodes = user.at(pointer).as_array().unwrap().iter();
            nodes
                .filter(|node| node[field] == wanted)
                .map(|node| node.pointer(key).unwrap().to_string())
                .collect()
        };
        let alerted: Vec<_> = keys_of(
            "/user/alerts/nodes",
            "kind",
            "SESSION_EXPIRED",
            "/session/sessionKey",
        );
        let expired: Vec<_> = keys_of(
            "/user/sessions/nodes",
            "endReason",
            "EXPIRED",
            "/sessionKey",
        );
        assert!(expired.len() >= ROUNDS, "{}", user.0);
        assert_eq!(alerted.len(), expired.len(), "{}", user.0);
        assert_eq!(BTreeSet::from_iter(alerted), BTreeSet::from_iter(expired));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_three_nodes_forget_at_once_is_what_is_old_and_nothing_else() {
    // More than a node forgets with one command.
    const OLD: i64 = 1100;
    let database = Database::new().await;
    let (store, raw) = (database.open().await, database.raw().await);
    let first = registration(mobile());
    store.commit(first.clone()).await.unwrap();
    let second = login(&first.user, "second", OnConflict::TakeOver);
    store.commit(second.clone()).await.unwrap();
    let [sessions, alerts] = ["sessions", "alerts"].map(|name| raw.collection::<Document>(name));
    let old = DateTime::from_millis(1_600_000_000_000);
    let ended = sessions
        .find_one(doc! { "status": "ended" })
        .await
        .unwrap()
        .unwrap();
    let alert = alerts.find_one(doc! {}).await.unwrap().unwrap();
    let copies = |original: &Document, fields: fn(i64) -> Document, instant: &str| -> Vec<_> {
        let copy = |number| {
            let mut copy = original.clone();
            copy.extend(fields(number));
            copy.insert(instant, old);
            copy
        };
        (0..OLD).map(copy).collect()
    };
    let session = |number: i64| {
        let hash = [number.to_be_bytes(); 4].concat();
        let hash = bson::Binary {
            subtype: bson::spec::BinarySubtype::Generic,
            bytes: hash,
        };
        doc! { "_id": bson::Uuid::new(), "number": number + 100, "token_hash": hash }
    };
    let numbered =
        |number: i64| doc! { "_id": bson::oid::ObjectId::new(), "sequence": number + 100 };
    sessions
        .insert_many(copies(&ended, session, "ended_at"))
        .await
        .unwrap();
    alerts
        .insert_many(copies(&alert, numbered, "created_at"))
        .await
        .unwrap();

    // A node looks for what is old when it starts. What was committed above is of a later year.
    let nodes = join_all((0..3).map(|_| Node::start(&database.uri, &["--retention=30d"]))).await;
    let forgotten = async {
        while sessions.count_documents(doc! {}).await.unwrap() > 2
            || alerts.count_documents(doc! {}).await.unwrap() > 1
        {
            sleep(DEADLINE / 1000).await;
        }
    };
    // What a busy database puts off comes a minute later.
    timeout(DEADLINE * 6, forgotten)
        .await
        .expect("it is forgotten");
    let user = first.user.owner.id;
    assert_eq!(store.user(user).await.unwrap().unwrap(), second.user);
    assert_eq!(store.count_sessions(user).await.unwrap(), 2);
    assert_eq!(
        store.alerts_after(user, 0, 100).await.unwrap(),
        second.alerts
    );
    for node in &nodes {
        assert_eq!(node.status("/readyz").await, 200);
    }
}
