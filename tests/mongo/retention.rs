//! What is old is forgotten by the server too: the TTL indexes, and what they may never remove.

use std::time::Duration;

use bson::{DateTime, Document, doc};
use futures_util::future::join_all;
use sessiond::{
    domain::rules::OnConflict,
    store::{
        Store,
        mongo::{IndexReport, MongoStore, Report},
    },
};
use tokio::time::{sleep, timeout};

use crate::{
    samples::{login, mobile, registration},
    server::{Database, FOREVER},
};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

async fn open(database: &Database, retention: Duration) -> MongoStore {
    MongoStore::open(&database.uri, retention).await.unwrap()
}

fn index<'a>(report: &'a Report, collection: &str, name: &str) -> &'a IndexReport {
    let collection = report
        .collections
        .iter()
        .find(|found| found.name == collection)
        .unwrap();
    collection
        .indexes
        .iter()
        .find(|index| index.name == name)
        .unwrap_or_else(|| panic!("{name} in {report:#?}"))
}

/// After how long sessions and alerts are forgotten.
async fn retention(store: &MongoStore) -> [Option<Duration>; 2] {
    let report = store.report().await.unwrap();
    [("sessions", "ended_by_age"), ("alerts", "by_age")]
        .map(|(collection, name)| index(&report, collection, name).expires_after)
}

#[tokio::test]
async fn every_index_is_made_with_its_options() {
    let database = Database::new().await;
    let report = open(&database, DAY).await.report().await.unwrap();
    for (collection, name, keys, is_unique, expires_after) in [
        (
            "sessions",
            "by_token",
            &["user", "token_hash"] as &[_],
            true,
            None,
        ),
        ("sessions", "by_number", &["user", "number"], true, None),
        ("sessions", "open_by_user", &["user"], false, None),
        ("sessions", "open_by_expiry", &["expires_at"], false, None),
        ("sessions", "ended_by_age", &["ended_at"], false, Some(DAY)),
        ("alerts", "by_sequence", &["user", "sequence"], true, None),
        ("alerts", "by_age", &["created_at"], false, Some(DAY)),
    ] {
        let keys = keys.iter().map(ToString::to_string).collect();
        let expected = IndexReport {
            name: name.to_owned(),
            keys,
            is_unique,
            expires_after,
        };
        assert_eq!(index(&report, collection, name), &expected);
    }
}

#[tokio::test]
async fn of_nodes_with_different_retention_the_last_to_start_wins() {
    let database = Database::new().await;
    let first = open(&database, DAY).await;
    assert_eq!(retention(&first).await, [Some(DAY); 2]);
    open(&database, DAY).await;
    let second = open(&database, HOUR).await;
    assert_eq!(retention(&first).await, [Some(HOUR); 2]);
    // Longer than the server can count to.
    open(&database, FOREVER * 2).await;
    assert_eq!(retention(&second).await, [Some(FOREVER); 2]);
}

#[tokio::test]
async fn nodes_may_open_one_database_at_one_instant_with_different_retention() {
    let database = Database::new().await;
    let stores = join_all(
        [HOUR, DAY]
            .into_iter()
            .cycle()
            .take(8)
            .map(|retention| open(&database, retention)),
    )
    .await;
    for expires_after in retention(&stores[0]).await {
        assert!(
            [Some(HOUR), Some(DAY)].contains(&expires_after),
            "{expires_after:?}"
        );
    }
    open(&database, HOUR).await;
    assert_eq!(retention(&stores[1]).await, [Some(HOUR); 2]);
}

/// The server looks about once a minute.
#[tokio::test]
async fn the_server_forgets_what_is_old_and_never_a_session_that_has_not_ended() {
    const PATIENCE: Duration = Duration::from_mins(5);
    let database = Database::new().await;
    let (store, raw) = (open(&database, HOUR).await, database.raw().await);
    // Of three users with an active session and two that have ended, of a year to come.
    let mut states = Vec::new();
    for _ in 0..3 {
        let first = registration(mobile());
        let second = login(&first.user, "second", OnConflict::TakeOver);
        let third = login(&second.user, "third", OnConflict::TakeOver);
        for commit in [&first, &second, &third] {
            store.commit(commit.clone()).await.unwrap();
        }
        states.push(third.user);
    }
    let [sessions, alerts] = ["sessions", "alerts"].map(|name| raw.collection::<Document>(name));
    let count = async |of: Document| {
        (
            sessions.count_documents(of.clone()).await.unwrap(),
            alerts.count_documents(doc! {}).await.unwrap(),
        )
    };
    assert_eq!(count(doc! {}).await, (9, 6));
    // One of each user's, and the first alert of each, become old. So does every open session in every date that it
    // might have, which nothing writes.
    let old = DateTime::from_millis(1_600_000_000_000);
    sessions
        .update_many(doc! { "number": 1 }, doc! { "$set": { "ended_at": old } })
        .await
        .unwrap();
    alerts
        .update_many(
            doc! { "sequence": 1 },
            doc! { "$set": { "created_at": old } },
        )
        .await
        .unwrap();
    let open = sessions
        .update_many(
            doc! { "open": true },
            doc! { "$set": { "ended_at": old, "created_at": old, "expires_at": old } },
        )
        .await
        .unwrap();
    assert_eq!(open.modified_count, 3);
    let forgotten = async {
        while count(doc! { "number": 1 }).await != (0, 3) {
            sleep(PATIENCE / 1000).await;
        }
    };
    timeout(PATIENCE, forgotten)
        .await
        .expect("the server forgets");
    assert_eq!(count(doc! {}).await, (6, 3));
    assert_eq!(count(doc! { "open": true }).await.0, 3);
}
