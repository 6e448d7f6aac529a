//! Files that the SQLite store rejects.

use std::path::Path;

use sessiond::store::sqlite::SqliteStore;
use sessiond_test_support::contract::StoreFactory;

use crate::sqlite_file::SqliteFile;

#[tokio::test]
async fn no_lock_file_remains_beside_a_rejected_file() {
    let damages = [
        "PRAGMA user_version = 999",
        "PRAGMA application_id = 1",
        // A migration of this version fails.
        "PRAGMA user_version = 0",
    ];
    for damage in damages {
        let file = SqliteFile::create().await;
        file.open().await.close().await;
        let lock = file.0.path().join("sessiond.db.lock");
        std::fs::remove_file(&lock).unwrap();
        file.edit(damage);
        file.open_error();
        assert_eq!(file.other_files(), 0, "{damage}");
        // A lock file that existed before remains, because another process may use it.
        std::fs::write(&lock, "").unwrap();
        file.open_error();
        assert_eq!(file.other_files(), 1, "{damage}");
    }
}

#[tokio::test]
async fn a_folder_is_rejected_and_no_lock_file_remains_beside_it() {
    let file = SqliteFile::create().await;
    std::fs::create_dir(file.path()).unwrap();
    let error = file.open_error();
    assert!(
        error.contains("sessiond.db is a folder; add a file name"),
        "{error}"
    );
    assert_eq!(file.other_files(), 0);
}

#[cfg(unix)]
#[test]
fn a_device_is_rejected() {
    let error = SqliteStore::open(Path::new("/dev/null")).expect_err("the device is rejected");
    assert_eq!(error.to_string(), "/dev/null is not a file");
    assert!(!Path::new("/dev/null.lock").exists());
}

#[tokio::test]
async fn a_file_of_another_program_is_rejected_and_not_changed() {
    let file = SqliteFile::create().await;
    file.edit("CREATE TABLE notes (text TEXT)");
    let before = std::fs::read(file.path()).unwrap();
    let error = file.open_error();
    assert!(error.contains("not a sessiond database"), "{error}");
    assert_eq!(std::fs::read(file.path()).unwrap(), before);
    assert_eq!(file.other_files(), 0);
}

#[tokio::test]
async fn a_file_that_is_not_a_database_is_rejected_and_not_changed() {
    let file = SqliteFile::create().await;
    let text = "not a database at all, but long enough to be taken for one by its length alone\n"
        .repeat(100);
    std::fs::write(file.path(), &text).unwrap();
    let error = file.open_error();
    assert!(
        error.contains("cannot open") && error.contains("sessiond.db"),
        "{error}"
    );
    assert_eq!(std::fs::read_to_string(file.path()).unwrap(), text);
    assert_eq!(file.other_files(), 0);
    // A lock file that existed before is not removed.
    std::fs::write(file.0.path().join("sessiond.db.lock"), "").unwrap();
    file.open_error();
    assert_eq!(file.other_files(), 1);
}
