//! Files of earlier versions.

use std::{path::Path, sync::Arc, time::Duration};

use rusqlite::Connection;
use sessiond::{
    domain::{DeviceId, LoginHistory, Mobile, Session, Status, TokenHash, UserState},
    store::{Page, Store, sqlite::SqliteStore},
};
use sessiond_test_support::{
    StoreLists,
    fixtures::{POLICY, START, StoredUser, active},
};

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

/// The tables of the tenth version.
const FORMER_TABLES: &str = concat!(
    "PRAGMA secure_delete = ON;
     CREATE TABLE kept_users AS SELECT * FROM users;
     CREATE TABLE kept_sessions AS SELECT * FROM sessions;
     CREATE TABLE kept_alerts AS SELECT * FROM alerts;
     DROP VIEW users;
     DROP VIEW sessions;
     DROP VIEW alerts;
     DROP TABLE records;
     DROP TABLE clock;",
    include_str!("../../src/store/sqlite/schema.sql"),
    include_str!("../../src/store/sqlite/schema_2_alert_windows.sql"),
    include_str!("../../src/store/sqlite/schema_5_expiry_checks.sql"),
    "ALTER TABLE users ADD COLUMN login_history TEXT;
     ALTER TABLE users ADD COLUMN freeze TEXT;
     ALTER TABLE sessions ADD COLUMN matching BLOB;
     ALTER TABLE alerts ADD COLUMN is_new_device INTEGER;
     ALTER TABLE alerts ADD COLUMN is_new_place INTEGER;",
    include_str!("../../src/store/sqlite/schema_10_sessions_in_order.sql"),
    "PRAGMA secure_delete = ON;
     INSERT INTO users (id, mobile, username, password, created_at, version, commit_id, active,
         pending, last_alert, sessions_opened, recent_conflicts, alert_window_started_at,
         alert_window_count, folded_count, folded_attempt, folded_user_agent, folded_address,
         folded_at, summary_due_at, login_history, freeze, expiry_check_at)
     SELECT id, mobile, username, password, created_at, version, commit_id, active,
         pending, last_alert, sessions_opened, recent_conflicts, alert_window_started_at,
         alert_window_count, folded_count, folded_attempt, folded_user_agent, folded_address,
         folded_at, summary_due_at, login_history, freeze, expiry_check_at FROM kept_users;
     INSERT INTO sessions SELECT user, number, token_hash, key, is_numbered, mobile, username,
         device_id, user_agent, address, created_at, last_seen_at, idle_timeout, lifetime_ends_at,
         status, attempt, approve_by, matching, ended_at, end_reason, replaced_by, expires_at
         FROM kept_sessions;
     INSERT INTO alerts (user, sequence, kind, created_at, session, attempt, attempt_session,
         user_agent, address, attempted_at, is_new_device, is_new_place, folded_count)
     SELECT user, sequence, kind, created_at, session, attempt, attempt_session,
         user_agent, address, attempted_at, is_new_device, is_new_place, folded_count
         FROM kept_alerts;
     DROP TABLE kept_users;
     DROP TABLE kept_sessions;
     DROP TABLE kept_alerts;
     PRAGMA user_version = 10;",
);

/// Gives a file of the present version the layout of the tenth version.
fn return_to_former_tables(path: &Path) {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(FORMER_TABLES).unwrap();
}

/// The sessions as the versions before the tenth stored them.
const FORMER_SESSIONS: &str = "
    PRAGMA secure_delete = ON;
    DROP INDEX sessions_ended;
    DROP INDEX sessions_by_key;
    DROP INDEX sessions_by_token;
    ALTER TABLE sessions RENAME TO new_sessions;
    CREATE TABLE sessions (
        user BLOB NOT NULL, token_hash BLOB NOT NULL, mobile TEXT NOT NULL, username TEXT NOT NULL,
        key BLOB NOT NULL UNIQUE, number INTEGER NOT NULL, device_id TEXT, user_agent TEXT NOT NULL,
        address TEXT NOT NULL, created_at INTEGER NOT NULL, last_seen_at INTEGER NOT NULL,
        idle_timeout INTEGER NOT NULL, lifetime_ends_at INTEGER NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('pending', 'active', 'ended')), attempt BLOB,
        approve_by INTEGER, ended_at INTEGER, end_reason TEXT, replaced_by BLOB,
        expires_at INTEGER NOT NULL, matching BLOB, PRIMARY KEY (user, token_hash)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO sessions SELECT user, token_hash, mobile, username, key, number, device_id, user_agent,
        address, created_at, last_seen_at, idle_timeout, lifetime_ends_at, status, attempt, approve_by,
        ended_at, end_reason, replaced_by, expires_at, matching FROM new_sessions;
    DROP TABLE new_sessions;
    CREATE UNIQUE INDEX sessions_by_number ON sessions (user, number);
    CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;
    PRAGMA user_version = 9;
";

/// Gives a file of the present version the layout of the ninth version.
fn return_to_former_sessions(path: &Path) {
    return_to_former_tables(path);
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(FORMER_SESSIONS).unwrap();
}

#[tokio::test]
async fn the_records_of_the_tenth_version_are_found_and_purged() {
    let (store, folder) = sqlite_store();
    let mut waiting = StoredUser::register(&store, 1).await;
    waiting.log_in_pending(1).await;
    let mut busy = StoredUser::register(&store, 2).await;
    for number in 1..=3 {
        busy.advance(Duration::from_mins(1));
        busy.take_over(number).await;
        busy.raise_alert(9).await;
    }
    let quiet = StoredUser::register(&store, 3).await;
    let users = [waiting, busy, quiet];
    let all = Page {
        before: None,
        limit: 100,
    };
    let mut before = Vec::new();
    for user in &users {
        before.push((
            store.sessions(user.id(), all).await.unwrap().items,
            store.alerts(user.id(), all).await.unwrap().items,
        ));
    }
    assert_eq!((before[1].0.len(), before[1].1.len()), (4, 6));
    let listed = store.users(None, 9).await.unwrap().items;
    store.close().await;
    let path = folder.path().join("sessiond.db");
    return_to_former_tables(&path);

    let store: Arc<dyn Store> = Arc::new(SqliteStore::open_with_cache(&path, 0).unwrap());
    for (user, (sessions, alerts)) in users.iter().zip(&before) {
        let id = user.id();
        assert_eq!(store.user(id).await.unwrap().as_ref(), Some(&user.state));
        let by_mobile = store.user_by_mobile(&user.state.owner.mobile).await;
        assert_eq!(by_mobile.unwrap().as_ref(), Some(&user.state));
        assert_eq!(store.sessions(id, all).await.unwrap().items, *sessions);
        assert_eq!(store.alerts(id, all).await.unwrap().items, *alerts);
    }
    assert_eq!(store.users(None, 9).await.unwrap().items, listed);
    let [_, busy, _] = users;
    let second_take_over = START.plus(Duration::from_mins(2));
    let purged = store.purge(second_take_over, 100).await.unwrap();
    assert_eq!((purged.sessions, purged.alerts), (1, 3));
    let later = busy.now.plus(Duration::from_mins(1));
    let purged = store.purge(later, 100).await.unwrap();
    assert_eq!((purged.sessions, purged.alerts), (2, 4));
    assert_eq!(store.count_sessions(busy.id()).await.unwrap(), 1);
    store.close().await;
}

#[tokio::test]
async fn the_sessions_of_the_ninth_version_are_found_in_every_way() {
    let (store, folder) = sqlite_store();
    let mut waiting = StoredUser::register(&store, 1).await;
    waiting.log_in_pending(1).await;
    let mut busy = StoredUser::register(&store, 2).await;
    for number in 1..=80 {
        busy.take_over(number).await;
    }
    let users = [waiting, busy];
    let all = Page {
        before: None,
        limit: 100,
    };
    let before = [
        store.sessions(users[0].id(), all).await.unwrap().items,
        store.sessions(users[1].id(), all).await.unwrap().items,
    ];
    assert_eq!(before.each_ref().map(Vec::len), [2, 81]);
    store.close().await;
    let path = folder.path().join("sessiond.db");
    return_to_former_sessions(&path);

    let store: Arc<dyn Store> = Arc::new(SqliteStore::open_with_cache(&path, 0).unwrap());
    for (user, sessions) in users.iter().zip(&before) {
        let id = user.id();
        assert_eq!(store.user(id).await.unwrap().as_ref(), Some(&user.state));
        assert_eq!(store.sessions(id, all).await.unwrap().items, *sessions);
        assert_eq!(
            store.count_sessions(id).await.unwrap(),
            sessions.len() as u64
        );
        for session in sessions {
            let found = Some(session.clone());
            let by_token = store.session_by_token(id, &session.token_hash).await;
            assert_eq!(by_token.unwrap(), found);
            assert_eq!(store.session(id, session.key).await.unwrap(), found);
            let by_key = store.sessions_by_key(&[session.key]).await;
            assert_eq!(by_key.unwrap(), [found]);
        }
        let nobodys = TokenHash::from_bytes([7; 32]);
        assert_eq!(store.session_by_token(id, &nobodys).await.unwrap(), None);
    }
    // The next login of each is stored in the new form, beside the former ones.
    let [_, mut busy] = users;
    busy.store = Arc::clone(&store);
    busy.take_over(81).await;
    let stored = store.user(busy.id()).await.unwrap();
    assert_eq!(stored.as_ref(), Some(&busy.state));
    store.close().await;
}

#[tokio::test]
async fn a_user_who_is_deleted_after_the_migration_leaves_no_copy_of_the_former_table() {
    let (store, folder) = sqlite_store();
    let mut ada = StoredUser::register(&store, 1).await;
    for number in 1..=40 {
        ada.take_over(number).await;
    }
    let hash = *active(&ada.state).token_hash.as_bytes();
    store.close().await;
    let path = folder.path().join("sessiond.db");
    return_to_former_sessions(&path);
    let has_hash = || {
        let file = std::fs::read(&path).unwrap();
        file.windows(hash.len()).any(|bytes| bytes == hash)
    };
    assert!(has_hash());

    let store = SqliteStore::open(&path).unwrap();
    assert!(store.delete_user(ada.id()).await.unwrap());
    store.close().await;
    assert!(!has_hash());
}

/// Gives a file of the present version the layout of the second version.
fn return_to_second_version(path: &Path) {
    return_to_former_sessions(path);
    Connection::open(path)
        .unwrap()
        .execute_batch(
            "DROP TABLE webhook_receivers;
             DROP TABLE webhook_parked;
             DROP TABLE feed;
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
    assert_eq!(version, 12);
}
