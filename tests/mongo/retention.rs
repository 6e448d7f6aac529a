//! The TTL indexes, with which the database deletes old data, and the data that the database must
//! keep.

use std::time::Duration;

use bson::{DateTime, Document, doc};
use futures_util::future::join_all;
use sessiond::store::{
    Store,
    mongo::{IndexReport, MongoStore, Report},
};
use tokio::time::sleep;

use sessiond_test_support::{
    MAX_RETENTION, MongoDatabase,
    fixtures::{START, registration, take_over, unique_mobile},
    within,
};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

async fn open(database: &MongoDatabase, retention: Duration) -> MongoStore {
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

/// The age at which the database deletes sessions and alerts.
async fn retention(store: &MongoStore) -> [Option<Duration>; 2] {
    let report = store.report().await.unwrap();
    [("sessions", "ended_by_age"), ("alerts", "by_age")]
        .map(|(collection, name)| index(&report, collection, name).expires_after)
}

#[tokio::test]
async fn every_index_is_created_with_its_options() {
    let database = MongoDatabase::new().await;
    let report = open(&database, DAY).await.report().await.unwrap();
    for (collection, name, keys, is_unique, expires_after) in [
        (
            "sessions",
            "by_token",
            &["user", "token_hash"] as &[_],
            true,
            None,
        ),
        (
            "users",
            "summary_due",
            &["alert_window.folded.due_at"],
            false,
            None,
        ),
        ("users", "by_due", &["due"], false, None),
        ("users", "by_tail_since", &["tail_since"], false, None),
        ("users", "by_deletion", &["deleted_at"], false, None),
        ("users", "by_erasing", &["erasing"], false, None),
        (
            "keys",
            "by_expiry",
            &["expires_at"],
            false,
            Some(Duration::ZERO),
        ),
        (
            "failed_logins",
            "by_expiry",
            &["count_until"],
            false,
            Some(Duration::ZERO),
        ),
        ("sessions", "by_number", &["user", "number"], true, None),
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
async fn the_last_node_to_start_sets_the_retention() {
    let database = MongoDatabase::new().await;
    let first = open(&database, DAY).await;
    assert_eq!(retention(&first).await, [Some(DAY); 2]);
    open(&database, DAY).await;
    let second = open(&database, HOUR).await;
    assert_eq!(retention(&first).await, [Some(HOUR); 2]);
    // Longer than the maximum of a TTL index.
    open(&database, MAX_RETENTION * 2).await;
    assert_eq!(retention(&second).await, [Some(MAX_RETENTION); 2]);
}

#[tokio::test]
async fn nodes_may_open_one_database_at_the_same_time_with_different_retention() {
    let database = MongoDatabase::new().await;
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

/// The database deletes expired documents about once a minute.
#[tokio::test]
async fn the_database_deletes_old_archived_data_and_nothing_of_a_user() {
    const DELETION_TIMEOUT: Duration = Duration::from_mins(5);
    let database = MongoDatabase::new().await;
    let (store, raw) = (open(&database, HOUR).await, database.raw().await);
    // Three users, each with one active and two ended sessions. All dates are in the future.
    let mut states = Vec::new();
    for _ in 0..3 {
        let first = registration(unique_mobile());
        let second = take_over(&first.user, "second");
        let third = take_over(&second.user, "third");
        for commit in [&first, &second, &third] {
            store.commit(commit.clone()).await.unwrap();
        }
        states.push(third.user);
    }
    let [sessions, alerts] = ["sessions", "alerts"].map(|name| raw.collection::<Document>(name));
    let count = async |filter: Document| {
        (
            sessions.count_documents(filter.clone()).await.unwrap(),
            alerts.count_documents(doc! {}).await.unwrap(),
        )
    };
    assert_eq!(count(doc! {}).await, (0, 0), "nothing is archived yet");
    store.maintain(START.plus(DAY), 10).await.unwrap();
    assert_eq!(count(doc! {}).await, (6, 6));
    // One ended session and the first alert of each user become old.
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
    within(DELETION_TIMEOUT, async {
        while count(doc! { "number": 1 }).await != (0, 3) {
            sleep(DELETION_TIMEOUT / 1000).await;
        }
    })
    .await;
    assert_eq!(count(doc! {}).await, (3, 3));
    for state in states {
        let user = store.user(state.owner.id).await.unwrap();
        assert_eq!(user, Some(state));
    }
}
