//! The failed logins of mobile numbers, in the SQLite store.

use std::time::Duration;

use sessiond::{
    domain::Mobile,
    store::{FailedLogins, Store, sqlite::SqliteStore},
};
use sessiond_test_support::fixtures::{START, StoredUser};

fn failures(mobile: &str, seconds: u64) -> FailedLogins {
    FailedLogins {
        mobile: Mobile::parse(mobile).unwrap(),
        count_until: START.plus(Duration::from_secs(seconds)),
    }
}

#[tokio::test]
async fn failed_logins_are_kept_until_they_no_longer_count() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessiond.db");
    let store = SqliteStore::open(&path).unwrap();
    for failures in [
        failures("+491510000001", 30),
        failures("+491510000002", 90),
        failures("+491510000001", 60),
    ] {
        store.save_failed_logins(&failures, START).await.unwrap();
    }
    store.close().await;
    drop(store);

    let store = SqliteStore::open(&path).unwrap();
    let kept = [failures("+491510000002", 90), failures("+491510000001", 60)];
    assert_eq!(store.failed_logins(START, 9).await.unwrap(), kept);
    assert_eq!(store.failed_logins(START, 1).await.unwrap(), kept[..1]);
    let later = START.plus(Duration::from_mins(1));
    assert_eq!(store.failed_logins(later, 9).await.unwrap(), kept[..1]);
    // The next failure removes what no longer counts.
    let next = failures("+491510000003", 120);
    store.save_failed_logins(&next, later).await.unwrap();
    let all = store.failed_logins(START, 9).await.unwrap();
    assert_eq!(all, [next, kept[0].clone()]);
    store.close().await;
}

#[tokio::test]
async fn a_deletion_removes_the_failed_logins_of_the_number() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessiond.db");
    let store: std::sync::Arc<dyn Store> = std::sync::Arc::new(SqliteStore::open(&path).unwrap());
    let ada = StoredUser::register(&store, 1).await;
    let failures = FailedLogins {
        mobile: ada.state.owner.mobile.clone(),
        count_until: START.plus(Duration::from_mins(1)),
    };
    store.save_failed_logins(&failures, START).await.unwrap();
    store.delete_user(ada.id()).await.unwrap();
    assert_eq!(store.failed_logins(START, 9).await.unwrap(), []);
    store.close().await;
}

#[tokio::test]
async fn a_damaged_record_is_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessiond.db");
    let store = SqliteStore::open(&path).unwrap();
    let kept = failures("+491510000001", 30);
    store.save_failed_logins(&kept, START).await.unwrap();
    store.close().await;
    drop(store);
    let connection = rusqlite::Connection::open(&path).unwrap();
    for damaged in [
        "('not a number', 9223372036854775807)",
        "('', 9223372036854775806)",
    ] {
        let insert = format!("INSERT INTO failed_logins (mobile, count_until) VALUES {damaged}");
        connection.execute(&insert, []).unwrap();
    }
    connection.close().unwrap();
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.failed_logins(START, 9).await.unwrap(), [kept]);
    store.close().await;
}
