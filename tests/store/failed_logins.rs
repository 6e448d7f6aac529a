//! The failed logins of mobile numbers, in the SQLite store.

use std::time::Duration;

use sessiond::{
    domain::Mobile,
    store::{FailedLogin, FailedLogins, Store, sqlite::SqliteStore},
};
use sessiond_test_support::fixtures::{START, StoredUser};

/// A failure of this number, after which its failures count for this time.
fn failure(mobile: Mobile, seconds: u64) -> FailedLogin {
    FailedLogin {
        mobile,
        remaining: Duration::from_secs(seconds),
        interval: Duration::from_secs(30),
        longest: Duration::from_mins(10),
    }
}

fn number(digit: u8) -> Mobile {
    Mobile::parse(&format!("+49151000000{digit}")).unwrap()
}

fn failures(mobile: Mobile, seconds: u64) -> FailedLogins {
    FailedLogins {
        mobile,
        remaining: Duration::from_secs(seconds),
    }
}

#[tokio::test]
async fn failed_logins_are_kept_until_they_no_longer_count() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessiond.db");
    let store = SqliteStore::open(&path).unwrap();
    for (digit, seconds) in [(1, 30), (2, 90), (1, 60)] {
        let failure = failure(number(digit), seconds);
        let counted = store.record_failed_login(&failure, START).await.unwrap();
        assert_eq!(counted, failure.remaining);
    }
    store.close().await;
    drop(store);

    let store = SqliteStore::open(&path).unwrap();
    let kept = [failures(number(2), 90), failures(number(1), 60)];
    assert_eq!(store.failed_logins(START, 9).await.unwrap(), kept);
    assert_eq!(store.failed_logins(START, 1).await.unwrap(), kept[..1]);
    let later = START.plus(Duration::from_mins(1));
    let kept_later = store.failed_logins(later, 9).await.unwrap();
    assert_eq!(kept_later, [failures(number(2), 30)]);
    // The next failure removes what no longer counts.
    let next = failure(number(3), 120);
    store.record_failed_login(&next, later).await.unwrap();
    let all = store.failed_logins(START, 9).await.unwrap();
    assert_eq!(all, [failures(number(3), 180), kept[0].clone()]);
    store.close().await;
}

#[tokio::test]
async fn a_deletion_removes_the_failed_logins_of_the_number() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessiond.db");
    let store: std::sync::Arc<dyn Store> = std::sync::Arc::new(SqliteStore::open(&path).unwrap());
    let ada = StoredUser::register(&store, 1).await;
    let failure = failure(ada.state.owner.mobile.clone(), 60);
    store.record_failed_login(&failure, START).await.unwrap();
    store.delete_user(ada.id()).await.unwrap();
    assert_eq!(store.failed_logins(START, 9).await.unwrap(), []);
    store.close().await;
}

#[tokio::test]
async fn a_damaged_record_is_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessiond.db");
    let store = SqliteStore::open(&path).unwrap();
    let kept = failures(number(1), 30);
    let counted = failure(number(1), 30);
    store.record_failed_login(&counted, START).await.unwrap();
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
