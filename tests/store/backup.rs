//! Copies of an SQLite file: what they hold, and what is refused.

use std::{os::unix::fs::PermissionsExt, path::PathBuf};

use rusqlite::Connection;
use sessiond::store::sqlite::{CopyError, back_up, restore};
use sessiond_test_support::{contract::StoreFactory, fixtures::StoredUser};

use crate::sqlite_file::SqliteFile;

impl SqliteFile {
    fn beside(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn back_up(&self, name: &str) -> Result<PathBuf, CopyError> {
        let target = self.beside(name);
        back_up(&self.path(), &target).map(|_| target)
    }
}

/// A closed file with one user.
async fn file_with_a_user() -> SqliteFile {
    let file = SqliteFile::create().await;
    let store = file.open().await;
    StoredUser::register(&store, 1).await;
    store.close().await;
    file
}

#[tokio::test]
async fn a_backup_is_one_private_file_with_all_records() {
    let file = file_with_a_user().await;
    let target = file.beside("copy.db");
    let copied = back_up(&file.path(), &target).unwrap();
    let size = target.metadata().unwrap().len();
    assert_eq!((copied.users, copied.sessions), (1, 1));
    assert_eq!(copied.bytes, size);
    let mode = target.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(!file.beside("copy.db.partial").exists());
}

#[tokio::test]
async fn a_file_of_the_name_of_the_backup_is_not_overwritten() {
    let file = file_with_a_user().await;
    let target = file.beside("copy.db");
    std::fs::write(&target, "the backup of yesterday").unwrap();
    let error = file.back_up("copy.db").unwrap_err();
    assert!(matches!(error, CopyError::Exists(_)), "{error}");
    let content = std::fs::read_to_string(&target).unwrap();
    assert_eq!(content, "the backup of yesterday");
    // The database itself is not overwritten either.
    let error = file.back_up("sessiond.db").unwrap_err();
    assert!(matches!(error, CopyError::Exists(_)), "{error}");
}

#[tokio::test]
async fn two_backups_to_one_file_at_once_are_refused() {
    let file = file_with_a_user().await;
    let partial = std::fs::File::create(file.beside("copy.db.partial")).unwrap();
    partial.lock().unwrap();
    let error = file.back_up("copy.db").unwrap_err();
    assert!(matches!(error, CopyError::InProgress(_)), "{error}");
    drop(partial);
    // A partial file that nobody holds was left by a killed process.
    std::fs::write(file.beside("copy.db.partial"), "half a copy").unwrap();
    file.back_up("copy.db").unwrap();
    assert!(!file.beside("copy.db.partial").exists());
}

#[tokio::test]
async fn a_damaged_database_gives_no_backup() {
    let file = file_with_a_user().await;
    // A row that breaks a constraint is copied as it is, and only the check of the copy finds it.
    let name = "created_at              INTEGER";
    let (required, optional) = (&*format!("{name} NOT NULL"), name);
    let redefine = |from: &str, to: &str| {
        format!(
            "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, '{from},', \
             '{to},') WHERE name = 'records'"
        )
    };
    file.edit(&redefine(required, optional));
    file.edit("UPDATE records SET created_at = NULL");
    file.edit(&redefine(optional, required));
    let error = file.back_up("copy.db").unwrap_err();
    assert!(matches!(error, CopyError::Damaged { .. }), "{error}");
    assert!(!file.beside("copy.db").exists());
    assert!(!file.beside("copy.db.partial").exists());
}

#[tokio::test]
async fn only_a_database_of_sessiond_is_copied() {
    let file = file_with_a_user().await;
    let other = file.beside("other.db");
    let connection = Connection::open(&other).unwrap();
    connection
        .execute_batch("CREATE TABLE notes (text)")
        .unwrap();
    let error = back_up(&other, &file.beside("copy.db")).unwrap_err();
    assert!(matches!(error, CopyError::NotSessiond(_)), "{error}");
    std::fs::write(&other, "not a database ".repeat(100)).unwrap();
    let error = restore(&other, &file.beside("new.db")).unwrap_err();
    assert!(matches!(error, CopyError::Read { .. }), "{error}");
    let error = back_up(&file.beside("missing.db"), &file.beside("copy.db")).unwrap_err();
    assert!(matches!(error, CopyError::Read { .. }), "{error}");
    assert!(!file.beside("missing.db").exists());
}

#[tokio::test]
async fn a_restored_database_has_the_users_of_the_backup() {
    let file = SqliteFile::create().await;
    let store = file.open().await;
    let user = StoredUser::register(&store, 1).await;
    let backup = file.back_up("copy.db").unwrap();
    StoredUser::register(&store, 2).await;
    store.close().await;

    let restored = SqliteFile::create().await;
    assert_eq!(restore(&backup, &restored.path()).unwrap().users, 1);

    let store = restored.open().await;
    let stored = store.user(user.id()).await.unwrap();
    assert_eq!(stored.as_ref(), Some(&user.state));
    store.close().await;
    let mode = restored.path().metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_database_that_exists_or_is_in_use_is_not_restored_over() {
    let file = file_with_a_user().await;
    let backup = file.back_up("copy.db").unwrap();
    let before = std::fs::read(file.path()).unwrap();
    let error = restore(&backup, &file.path()).unwrap_err();
    assert!(matches!(error, CopyError::Exists(_)), "{error}");
    assert_eq!(std::fs::read(file.path()).unwrap(), before);
    for ending in ["-wal", "-shm", "-journal"] {
        let new = SqliteFile::create().await;
        let log = new.beside(&format!("sessiond.db{ending}"));
        std::fs::write(&log, "of a database that was removed").unwrap();
        let error = restore(&backup, &new.path()).unwrap_err();
        assert!(matches!(error, CopyError::Exists(_)), "{error}");
        assert!(!new.path().exists());
    }
    // A server runs. The message must not tell anybody to move its files away.
    let store = file.open().await;
    let error = restore(&backup, &file.path()).unwrap_err();
    assert!(matches!(error, CopyError::Open(_)), "{error}");
    // Somebody has removed them.
    for name in ["sessiond.db", "sessiond.db-wal", "sessiond.db-shm"] {
        std::fs::remove_file(file.beside(name)).unwrap();
    }
    let error = restore(&backup, &file.path()).unwrap_err();
    assert!(matches!(error, CopyError::Open(_)), "{error}");
    store.close().await;
}

#[tokio::test]
async fn a_backup_of_a_newer_version_is_not_restored() {
    let file = file_with_a_user().await;
    file.edit("PRAGMA user_version = 999");
    let backup = file.back_up("copy.db").unwrap();
    let new = SqliteFile::create().await;
    let error = restore(&backup, &new.path()).unwrap_err();
    assert!(matches!(error, CopyError::Newer(_)), "{error}");
    assert!(!new.path().exists());
    // Nothing is left beside it.
    assert_eq!(std::fs::read_dir(new.0.path()).unwrap().count(), 0);
}
