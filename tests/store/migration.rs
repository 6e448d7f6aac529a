//! Files of earlier versions.

use rusqlite::Connection;
use sessiond::{
    domain::Mobile,
    store::{Page, Store, sqlite::SqliteStore},
};

/// A file of the first version, with one user and one alert.
const FIRST_VERSION: &str = concat!(
    include_str!("../../src/store/sqlite/schema.sql"),
    "PRAGMA application_id = 0x73645001;
     PRAGMA user_version = 1;
     INSERT INTO users VALUES (randomblob(16), '+491510000001', 'Ada', NULL, 1, 2, randomblob(16),
         NULL, NULL, 1, 0, x'');
     INSERT INTO alerts SELECT id, 1, 'session_expired', 2, randomblob(16), NULL, NULL, NULL, NULL,
         NULL FROM users;"
);

#[tokio::test]
async fn a_file_of_the_first_version_is_migrated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessiond.db");
    Connection::open(&path)
        .unwrap()
        .execute_batch(FIRST_VERSION)
        .unwrap();
    let store = SqliteStore::open(&path).unwrap();
    let mobile = Mobile::parse("+491510000001").unwrap();
    let user = store.user_by_mobile(&mobile).await.unwrap().unwrap();
    assert_eq!((user.version, user.alert_window), (2, None));
    let page = Page {
        before: None,
        limit: 9,
    };
    let alerts = store.alerts(user.owner.id, page).await.unwrap().items;
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0].folded_count, 0);
    store.close().await;
}
