//! The contract of `Store` for the SQLite store, and properties of its file.

use std::{env, path::Path, process::Command, sync::Arc};

use futures_util::{StreamExt, future::join_all};
use rusqlite::Connection;
use sessiond::store::{
    ChangeNotification, CommitError, Page, Store, StoreError, sqlite::SqliteStore,
};
use sessiond_test_support::{
    StoreLists,
    contract::StoreFactory,
    fixtures::{START, StoredUser},
    store_contract_tests, within_deadline,
};

use crate::sqlite_file::SqliteFile;

store_contract_tests!(SqliteFile);

#[tokio::test]
async fn a_file_in_use_is_rejected_until_it_is_closed() {
    let file = SqliteFile::create().await;
    let first = file.open().await;
    let error = file.open_error();
    assert!(
        error.contains("in use by another sessiond") && error.contains("sessiond.db"),
        "{error}"
    );
    let ada = StoredUser::register(&first, 1).await;

    first.close().await;
    // The first store still exists, but `close` has released the file.
    let second = file.open().await;
    assert_eq!(second.user(ada.id()).await.unwrap(), Some(ada.state));
    assert!(matches!(
        first.ping().await,
        Err(StoreError::Unavailable(_))
    ));
    second.close().await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_in_use_is_rejected_under_another_name() {
    let file = SqliteFile::create().await;
    let store = file.open().await;
    let link = file.0.path().join("link.db");
    std::os::unix::fs::symlink(file.path(), &link).unwrap();
    let error = SqliteStore::open(&link)
        .expect_err("the file is rejected")
        .to_string();
    assert!(error.contains("in use by another sessiond"), "{error}");
    store.close().await;
    SqliteStore::open(&link).unwrap().close().await;
}

/// The variable that names the file for [`the_file_opens_in_this_process`].
const FILE: &str = "SESSIOND_TEST_FILE";

#[test]
#[ignore = "another test runs this one in a separate process"]
fn the_file_opens_in_this_process() {
    let path = env::var_os(FILE).expect("the other test sets the variable");
    if let Err(error) = SqliteStore::open(Path::new(&path)) {
        panic!("{error}");
    }
}

#[tokio::test]
async fn a_file_in_use_is_rejected_in_another_process() {
    let file = SqliteFile::create().await;
    let store = file.open().await;
    let open_elsewhere = || {
        Command::new(env::current_exe().unwrap())
            .args([
                "--ignored",
                "--exact",
                "sqlite::the_file_opens_in_this_process",
                "--nocapture",
            ])
            .env(FILE, file.path())
            .output()
            .unwrap()
    };
    let rejected = open_elsewhere();
    let errors = String::from_utf8_lossy(&rejected.stderr);
    assert!(
        !rejected.status.success() && errors.contains("in use by another sessiond"),
        "{errors}"
    );
    store.close().await;
    let opened = open_elsewhere();
    assert!(
        opened.status.success(),
        "{}",
        String::from_utf8_lossy(&opened.stderr)
    );
    // The process also succeeds if its filter matches no test, so check that the test ran.
    assert!(String::from_utf8_lossy(&opened.stdout).contains("1 passed"));
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_rejected_and_not_changed() {
    let file = SqliteFile::create().await;
    file.open().await.close().await;
    file.edit("PRAGMA user_version = 999");
    let error = file.open_error();
    assert!(error.contains("newer version"), "{error}");
    let version = Connection::open(file.path())
        .unwrap()
        .query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))
        .unwrap();
    assert_eq!(version, 999);
}

#[tokio::test]
async fn a_file_that_another_program_locks_is_unavailable_until_the_lock_is_released() {
    let file = SqliteFile::create().await;
    let store = file.open().await;
    let other = Connection::open(file.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (_, commit) = StoredUser::unregistered(&store, 1, START);
    let rejected = within_deadline(store.commit(commit)).await.unwrap_err();
    let StoreError::Unavailable(cause) = (match rejected {
        CommitError::Store(error) => error,
        other => panic!("{other}"),
    }) else {
        panic!("the error is not that of a locked file")
    };
    assert!(
        cause
            .to_string()
            .contains("another program holds the file locked"),
        "{cause}"
    );
    other.execute_batch("ROLLBACK").unwrap();
    StoredUser::register(&store, 2).await;
    store.close().await;
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let file = SqliteFile::create().await;
    let store = file.open().await;
    StoredUser::register(&store, 1).await;
    let entries: Vec<_> = std::fs::read_dir(file.0.path())
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert!(entries.len() >= 3, "the database, its log and its lock");
    for entry in entries {
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode & 0o077, 0, "{:?} has mode {mode:o}", entry.file_name());
    }
    store.close().await;
}

#[tokio::test]
async fn a_damaged_row_is_an_error_of_its_own_user_only() {
    // Invalid mobile numbers, bytes that are not UTF-8, negative numbers, and truncated values.
    let damages = [
        "UPDATE records SET mobile = 'x' WHERE part = 0 AND mobile = '+491510000001'",
        "UPDATE records SET username = CAST(x'ff' AS TEXT) WHERE part = 0 AND mobile = '+491510000001'",
        "UPDATE records SET version = -1 WHERE part = 0 AND mobile = '+491510000001'",
        "UPDATE records SET recent_conflicts = x'00' WHERE part = 0 AND mobile = '+491510000001'",
        "UPDATE records SET alert_window_started_at = 1 WHERE part = 0 AND mobile = '+491510000001'",
        "UPDATE records SET key = x'00' WHERE part = 1 AND mobile = '+491510000001'",
        "UPDATE records SET address = 'nowhere' WHERE part = 1 AND mobile = '+491510000001'",
        "UPDATE records SET user_agent = CAST(x'ff' AS TEXT) WHERE part = 1 AND mobile = '+491510000001'",
        "UPDATE records SET status = 'pending' WHERE part = 1 AND mobile = '+491510000001'",
        // The active session is missing. If the store ignored that, it could store a second one.
        "DELETE FROM records WHERE part = 1 AND mobile = '+491510000001'",
    ];
    for damage in damages {
        let file = SqliteFile::create().await;
        // With a cache, the store notices the edit later.
        let store = file.open_with_cache(0);
        let ada = StoredUser::register(&store, 1).await;
        let mut bob = StoredUser::register(&store, 2).await;
        file.edit(damage);

        let all = Page {
            before: None,
            limit: 10,
        };
        let user = store.user(ada.id()).await.map(drop);
        let sessions = store.sessions(ada.id(), all).await.map(drop);
        let is_damaged =
            |read: &Result<(), StoreError>| matches!(read, Err(StoreError::Damaged { .. }));
        assert!(is_damaged(&user), "{damage}: {user:?}");
        assert!(
            sessions.is_ok() || is_damaged(&sessions),
            "{damage}: {sessions:?}"
        );

        bob.take_over(1).await;
        assert_eq!(
            store.user(bob.id()).await.unwrap().as_ref(),
            Some(&bob.state),
            "{damage}"
        );
        assert_eq!(store.sessions(bob.id(), all).await.unwrap().items.len(), 2);
        store.close().await;
    }
}

#[tokio::test]
async fn a_listener_that_lags_behind_gets_a_resync() {
    let file = SqliteFile::create().await;
    let store = file.open().await;
    let mut changes = store.changes();
    // More notifications than the capacity of a listener.
    let users = join_all((1..=1500).map(|number| StoredUser::register(&store, number))).await;
    assert_eq!(
        within_deadline(changes.next()).await,
        Some(ChangeNotification::Resync)
    );
    let last = users.last().unwrap().id();
    while within_deadline(changes.next()).await
        != Some(ChangeNotification::Changed {
            user: last,
            sequence: 0,
        })
    {}
    store.close().await;
}

#[tokio::test]
async fn queued_commits_are_finished_before_the_store_closes() {
    let file = SqliteFile::create().await;
    let store = file.open().await;
    let (users, commits): (Vec<_>, Vec<_>) = (1..=100)
        .map(|number| StoredUser::unregistered(&store, number, START))
        .unzip();
    let tasks: Vec<_> = commits
        .into_iter()
        .map(|commit| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.commit(commit).await })
        })
        .collect();
    // Let the tasks queue their commits. A commit that is queued after the store has closed returns
    // an error.
    tokio::task::yield_now().await;
    store.close().await;
    let outcomes = join_all(tasks).await;
    let store = file.open().await;
    for (user, outcome) in users.iter().zip(outcomes) {
        let is_stored = store.user(user.id()).await.unwrap().is_some();
        assert_eq!(
            is_stored,
            outcome.expect("no task panics").is_ok(),
            "a commit is stored if and only if it succeeded"
        );
    }
    store.close().await;
}
