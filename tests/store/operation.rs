//! What an operator does with the file of a running SQLite store: backs it up, and reads it for
//! long.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use futures_util::future::join_all;
use rusqlite::Connection;
use sessiond::store::{
    Store,
    sqlite::{MAX_LOG_SIZE, SqliteStore, back_up},
};
use sessiond_test_support::{
    fixtures::{START, StoredUser},
    within_deadline,
};

use crate::sqlite_store;

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_made_during_logins_ends_and_has_every_earlier_user() {
    let (store, folder) = sqlite_store();
    let (file, copy) = (
        folder.path().join("sessiond.db"),
        folder.path().join("copy.db"),
    );
    let users = join_all((1..=300).map(|number| StoredUser::register(&store, number))).await;
    let (stop, logins) = (AtomicBool::new(false), AtomicUsize::new(0));
    let log_in_repeatedly = async {
        let mut busy = StoredUser::register(&store, 1000).await;
        while !stop.load(Ordering::SeqCst) {
            busy.take_over(1).await;
            logins.fetch_add(1, Ordering::SeqCst);
        }
    };
    let copy_repeatedly = async {
        // A single copy of this small file may end between two logins.
        while logins.load(Ordering::SeqCst) < 50 {
            let (file, copy) = (file.clone(), copy.clone());
            within_deadline(tokio::task::spawn_blocking(move || {
                replace_backup(&file, &copy);
            }))
            .await
            .unwrap();
        }
        stop.store(true, Ordering::SeqCst);
    };
    tokio::join!(log_in_repeatedly, copy_repeatedly);
    store.close().await;

    let restored: Arc<dyn Store> = Arc::new(SqliteStore::open(&copy).unwrap());
    for user in &users {
        let stored = restored.user(user.id()).await.unwrap();
        assert_eq!(stored.as_ref(), Some(&user.state));
    }
    // The copy is a complete database: it can be written, and the busy user is consistent in it.
    StoredUser::register(&restored, 2000).await;
    restored.close().await;
}

fn replace_backup(file: &Path, copy: &Path) {
    let _ = std::fs::remove_file(copy);
    back_up(file, copy).unwrap();
}

/// A store whose write-ahead log is larger than its bound, because another connection still reads
/// an old snapshot.
struct LargeLog {
    store: Arc<dyn Store>,
    reader: Connection,
    log: PathBuf,
    _folder: tempfile::TempDir,
}

impl LargeLog {
    async fn create() -> Self {
        let (store, folder) = sqlite_store();
        let file = folder.path().join("sessiond.db");
        // The store's own readers stay open. They must not keep the log.
        StoredUser::register(&store, 1).await.assert_stored().await;
        let reader = Connection::open(&file).unwrap();
        reader
            .execute_batch("BEGIN; SELECT count(*) FROM users")
            .unwrap();
        let writer = Connection::open(&file).unwrap();
        writer
            .execute_batch("CREATE TABLE filler (content)")
            .unwrap();
        for _ in 0..=MAX_LOG_SIZE / (1 << 20) {
            writer
                .execute("INSERT INTO filler VALUES (zeroblob(1 << 20))", [])
                .unwrap();
        }
        let large = Self {
            store,
            reader,
            log: folder.path().join("sessiond.db-wal"),
            _folder: folder,
        };
        assert!(large.size() > MAX_LOG_SIZE);
        large
    }

    fn size(&self) -> u64 {
        self.log.metadata().unwrap().len()
    }

    async fn maintain(&self) {
        self.store.purge(START, 1).await.unwrap();
    }
}

#[tokio::test]
async fn the_log_shrinks_with_the_next_logins_after_a_reader_has_gone() {
    let large = LargeLog::create().await;
    StoredUser::register(&large.store, 2).await;
    assert!(large.size() > MAX_LOG_SIZE, "the reader needs the log");
    large.reader.execute_batch("COMMIT").unwrap();
    within_deadline(Box::pin(async {
        let mut user = StoredUser::register(&large.store, 3).await;
        while large.size() > MAX_LOG_SIZE {
            user.take_over(1).await;
        }
    }))
    .await;
    large.store.close().await;
}

#[tokio::test]
async fn maintenance_shrinks_the_log_of_an_idle_store_after_a_reader_has_gone() {
    let large = LargeLog::create().await;
    large.maintain().await;
    // A commit is not delayed by the reader.
    let user = StoredUser::register(&large.store, 2).await;
    assert!(large.size() > MAX_LOG_SIZE, "the reader needs the log");
    large.reader.execute_batch("COMMIT").unwrap();
    within_deadline(async {
        while large.size() > MAX_LOG_SIZE {
            large.maintain().await;
        }
    })
    .await;
    user.assert_stored().await;
    large.store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_stays_small_while_users_log_in_without_a_pause() {
    let (store, folder) = sqlite_store();
    let log = folder.path().join("sessiond.db-wal");
    let users = join_all((1..=64).map(|number| StoredUser::register(&store, number))).await;
    let logged_in = join_all(users.into_iter().map(|mut user| async move {
        for number in 0..100 {
            user.take_over(number % 2).await;
        }
        user
    }))
    .await;
    // The pages of all logins are several times as many.
    assert!(log.metadata().unwrap().len() <= 2 * MAX_LOG_SIZE);
    for user in logged_in {
        user.assert_stored().await;
    }
    store.close().await;
    assert!(!log.exists());
}
