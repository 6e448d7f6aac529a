//! Files of earlier versions.

use rusqlite::Connection;
use sessiond::{
    domain::{DeviceId, Mobile},
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

#[tokio::test]
async fn device_ids_of_earlier_versions_are_hashed_and_still_match() {
    const ID: &str = "4f9d5d5e-6b8a-4f0c-9a55-1f6d2f4d8c11";
    const SESSIONS: u32 = 2500;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessiond.db");
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch(FIRST_VERSION).unwrap();
    let active = "UPDATE users SET active = randomblob(16)";
    connection.execute_batch(active).unwrap();
    let sessions = format!(
        "INSERT INTO sessions
         WITH RECURSIVE numbers(number) AS
             (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < {SESSIONS})
         SELECT id, randomblob(32), mobile, username, iif(number = 1, active, randomblob(16)),
             number, iif(number % 10 = 0, NULL, '{ID}'), 'phone', '192.0.2.1', 1, 1, 9000, 9000,
             'active', NULL, NULL, NULL, NULL, NULL, 9000 FROM users, numbers"
    );
    connection.execute_batch(&sessions).unwrap();
    drop(connection);

    let store = SqliteStore::open(&path).unwrap();
    let mobile = Mobile::parse("+491510000001").unwrap();
    let user = store.user_by_mobile(&mobile).await.unwrap().unwrap();
    let active = user.active.unwrap();
    assert_eq!(active.device.id, Some(DeviceId::parse(ID).unwrap()));
    store.close().await;

    let connection = Connection::open(&path).unwrap();
    let hashed = "SELECT count(*) FROM sessions WHERE device_id LIKE 'sha256:%'";
    let hashed: u32 = connection.query_row(hashed, [], |row| row.get(0)).unwrap();
    assert_eq!(hashed, SESSIONS - SESSIONS / 10);
}
