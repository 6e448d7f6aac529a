//! A write-ahead log whose file was removed while the store has it open.

use rusqlite::Connection;
use sessiond::store::CommitError;
use sessiond_test_support::{contract::StoreFactory, fixtures::StoredUser};

use crate::sqlite_file::SqliteFile;

/// Returns whether the database has both users without its log. An error if only a part of the log
/// was copied.
fn has_all(file: &SqliteFile) -> rusqlite::Result<bool> {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.db");
    std::fs::copy(file.path(), &copy).unwrap();
    let copy = Connection::open(copy)?;
    copy.query_row("SELECT count(*) = 2 FROM users", [], |row| row.get(0))
}

#[tokio::test]
async fn a_program_that_reads_delays_the_copy_of_a_removed_log_and_does_not_prevent_it() {
    let file = SqliteFile::create().await;
    let store = file.open().await;
    let mut ada = StoredUser::register(&store, 1).await;
    let reader = Connection::open(file.path()).unwrap();
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM users")
        .unwrap();
    ada.take_over(1).await;
    StoredUser::register(&store, 2).await;

    std::fs::remove_file(file.0.path().join("sessiond.db-wal")).unwrap();
    for is_reading in [true, false] {
        let late = ada.decide_take_over(2);
        let outcome = store.commit(late).await;
        assert!(matches!(outcome, Err(CommitError::Store(_))), "{outcome:?}");
        assert!(store.ping().await.is_err());
        assert_eq!(has_all(&file).unwrap_or(false), !is_reading);
        if is_reading {
            reader.execute_batch("COMMIT").unwrap();
        }
    }
    drop(reader);
    store.close().await;

    let store = file.open().await;
    let stored = store.user(ada.id()).await.unwrap();
    assert_eq!(stored, Some(ada.state));
    store.close().await;
}
