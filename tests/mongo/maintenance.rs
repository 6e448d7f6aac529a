//! Maintenance tasks that several nodes run at the same time on one database.

use std::{collections::BTreeSet, time::Duration};

use bson::{DateTime, Document, doc};
use futures_util::future::join_all;
use serde_json::{Value, json};
use sessiond::store::Store;
use sessiond_test_support::{
    AlertSubscription, DEADLINE, MongoDatabase, StoreLists,
    fixtures::{START, registration, take_over, unique_mobile},
    within,
};
use tokio::time::sleep;

use crate::{start_node, token_hash};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_three_nodes_find_expired_is_alerted_once() {
    const USERS: usize = 16;
    const ROUNDS: usize = 3;
    let database = MongoDatabase::new().await;
    // The test reads the subscribers one after the other. A subscriber sends no pong until the test
    // reads it.
    let flags = ["--idle-timeout=1s", "--keep-alive=10min"];
    let nodes = join_all((0..3).map(|_| start_node(&database.uri, &flags))).await;
    let mut subscriptions = Vec::new();
    for user in 0..USERS {
        let mobile = format!("90123450{user:02}");
        nodes[user % 3].create_user(&mobile).await;
        subscriptions.push((
            AlertSubscription::start(nodes[(user + 1) % 3].service_socket().await, &mobile).await,
            mobile,
        ));
    }
    for _ in 0..ROUNDS {
        let input = json!({ "onConflict": "TAKE_OVER" });
        let logins = join_all(
            subscriptions
                .iter()
                .map(|(_, mobile)| nodes[0].login(mobile, input.clone())),
        )
        .await;
        for ((alerts, _), login) in subscriptions.iter_mut().zip(&logins) {
            // The alert of the previous session may come first.
            let opened = login.data("/login/session/sessionKey");
            loop {
                let alert = alerts.next_alert().await;
                if alert["kind"] == "SESSION_EXPIRED" && alert["session"]["sessionKey"] == *opened {
                    break;
                }
            }
        }
    }
    // Every node has run its maintenance task in each round. A repeated expiry would be a second
    // alert.
    let fields = "sessions(first: 100) { nodes { sessionKey endReason } }
        alerts(first: 100) { nodes { kind session { sessionKey } } }";
    for (_, mobile) in &subscriptions {
        let user = nodes[2].user(mobile, fields).await;
        let alerted = keys(
            &user["alerts"],
            "kind",
            "SESSION_EXPIRED",
            "/session/sessionKey",
        );
        let expired = keys(&user["sessions"], "endReason", "EXPIRED", "/sessionKey");
        assert!(expired.len() >= ROUNDS, "{user}");
        assert_eq!(alerted.len(), expired.len(), "{user}");
        assert_eq!(BTreeSet::from_iter(alerted), BTreeSet::from_iter(expired));
    }
}

/// The session keys, at `key`, of the nodes whose `field` has this value.
fn keys(connection: &Value, field: &str, value: &str, key: &str) -> Vec<String> {
    let nodes = connection["nodes"].as_array().unwrap().iter();
    nodes
        .filter(|node| node[field] == value)
        .map(|node| node.pointer(key).unwrap().to_string())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_that_purge_at_the_same_time_delete_only_old_data() {
    // More documents than one command of a purge deletes.
    const OLD: i64 = 1100;
    let database = MongoDatabase::new().await;
    let (store, raw) = (database.open_store().await, database.raw().await);
    let first = registration(unique_mobile());
    store.commit(first.clone()).await.unwrap();
    let second = take_over(&first.user, "second");
    store.commit(second.clone()).await.unwrap();
    store
        .maintain(START.plus(Duration::from_hours(1)), 10)
        .await
        .unwrap();
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
    let session_fields = |number: i64| {
        let hash = token_hash(number);
        doc! { "_id": bson::Uuid::new(), "number": number + 100, "token_hash": hash }
    };
    let alert_fields =
        |number: i64| doc! { "_id": bson::oid::ObjectId::new(), "sequence": number + 100 };
    sessions
        .insert_many(copies(&ended, session_fields, "ended_at"))
        .await
        .unwrap();
    alerts
        .insert_many(copies(&alert, alert_fields, "created_at"))
        .await
        .unwrap();

    // A node purges when it starts. The data that was committed above is not old.
    let nodes = join_all((0..3).map(|_| start_node(&database.uri, &["--retention=30d"]))).await;
    // If the database is busy, a node retries a minute later.
    within(DEADLINE * 6, async {
        while sessions.count_documents(doc! {}).await.unwrap() > 1
            || alerts.count_documents(doc! {}).await.unwrap() > 1
        {
            sleep(DEADLINE / 1000).await;
        }
    })
    .await;
    let user = first.user.owner.id;
    let stored = store.user(user).await.unwrap().unwrap();
    // The nodes have set back the active session, because the fixtures are of the year 2100.
    assert_eq!(
        stored.active.map(|session| session.key),
        second.user.active.map(|session| session.key)
    );
    assert_eq!(store.count_sessions(user).await.unwrap(), 2);
    assert_eq!(
        store.alerts_after(user, 0, 100).await.unwrap(),
        second.alerts
    );
    for node in &nodes {
        assert_eq!(node.get_status("/readyz").await, 200);
    }
}
