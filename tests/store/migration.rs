//! Files of earlier versions.

use std::{path::Path, sync::Arc};

use rusqlite::Connection;
use sessiond::{
    domain::{DeviceId, LoginHistory, Mobile, Session, Status, UserState},
    store::{Page, Store, sqlite::SqliteStore},
};
use sessiond_test_support::fixtures::{POLICY, START, StoredUser};

use crate::sqlite_store;

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

/// Gives a file of the present version the layout of the second version.
fn return_to_second_version(path: &Path) {
    Connection::open(path)
        .unwrap()
        .execute_batch(
            "DROP TABLE feed;
             ALTER TABLE users DROP COLUMN login_history;
             ALTER TABLE users DROP COLUMN freeze;
             ALTER TABLE sessions DROP COLUMN matching;
             ALTER TABLE alerts DROP COLUMN is_new_device;
             ALTER TABLE alerts DROP COLUMN is_new_place;
             DROP TABLE failed_logins;
             DROP INDEX users_expiry_check;
             ALTER TABLE users DROP COLUMN expiry_check_at;
             CREATE INDEX sessions_open ON sessions (expires_at, user) WHERE ended_at IS NULL;
             PRAGMA user_version = 2;",
        )
        .unwrap();
}

#[tokio::test]
async fn expired_sessions_of_a_file_of_the_second_version_are_found() {
    let (store, folder) = sqlite_store();
    let mut waiting = StoredUser::register(&store, 1).await;
    waiting.log_in_pending(1).await;
    let idle = StoredUser::register(&store, 2).await;
    let mut gone = StoredUser::register(&store, 3).await;
    gone.invalidate_session(gone.active()).await;
    store.close().await;
    let path = folder.path().join("sessiond.db");
    return_to_second_version(&path);

    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path).unwrap());
    for user in [&waiting, &idle, &gone] {
        let stored = store.user(user.id()).await.unwrap();
        assert_eq!(stored, Some(without_history(&user.state)));
    }
    assert_eq!(store.overdue(START, 9).await.unwrap(), []);
    let approval_ends = START.plus(POLICY.approval_timeout);
    let overdue = store.overdue(approval_ends, 9).await.unwrap();
    assert_eq!(overdue, [waiting.id()]);
    let idle_ends = START.plus(POLICY.idle_timeout);
    let overdue = store.overdue(idle_ends, 9).await.unwrap();
    assert_eq!(overdue, [waiting.id(), idle.id()]);
    store.close().await;
}

/// The user without what the second version did not store.
fn without_history(user: &UserState) -> UserState {
    let mut user = user.clone();
    user.history = LoginHistory::default();
    if let Some(Session {
        status: Status::Pending { matching, .. },
        ..
    }) = &mut user.pending
    {
        *matching = None;
    }
    user
}

#[tokio::test]
async fn the_file_says_that_older_programs_must_not_open_it() {
    let (store, folder) = sqlite_store();
    store.close().await;
    let file = Connection::open(folder.path().join("sessiond.db")).unwrap();
    let version: i64 = file
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .unwrap();
    // A program that knows fewer versions rejects the file, as every program rejects a file of a
    // version that it does not know.
    assert_eq!(version, 8);
}
