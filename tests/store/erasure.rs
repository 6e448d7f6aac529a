//! What is left of a user in the bytes of the files after a deletion.

use std::{path::Path, sync::Arc, time::Duration};

use sessiond::store::{Store, sqlite::SqliteStore};
use sessiond_test_support::fixtures::{START, StoredUser, active};

use crate::routed_store::raise_alerts;

/// The files of the folder that contain one of the texts, and where.
fn files_with(folder: &Path, texts: &[Vec<u8>]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let content = std::fs::read(entry.path()).unwrap();
        for text in texts {
            let place = content.windows(text.len()).position(|part| part == text);
            found.extend(place.map(|place| format!("{:?} at {place}", entry.file_name())));
        }
    }
    found
}

#[tokio::test]
async fn a_deleted_user_leaves_no_trace_in_the_log_and_none_in_the_file_after_a_vacuum() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessiond.db");
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path).unwrap());
    let mut ada = StoredUser::register(&store, 1).await;
    let mut eve = StoredUser::register(&store, 2).await;
    let mut traces = vec![ada.state.owner.mobile.as_str().as_bytes().to_vec()];
    for _ in 0..30 {
        for user in [&mut ada, &mut eve] {
            raise_alerts(user, 3).await;
            user.take_over(2).await;
        }
        traces.push(active(&ada.state).token_hash.as_bytes().to_vec());
    }
    assert!(files_with(folder.path(), &traces).len() >= traces.len());

    assert!(store.delete_user(ada.id()).await.unwrap());
    // Maintenance truncates the log, which is done when the next command is answered.
    let before = START.minus(Duration::from_hours(1));
    for _ in 0..2 {
        store.purge(before, 1).await.unwrap();
    }
    let log = std::fs::metadata(folder.path().join("sessiond.db-wal")).unwrap();
    assert_eq!(log.len(), 0);
    // A page that was split may still have copies of some records.
    let left = files_with(folder.path(), &traces);
    assert!(left.len() < traces.len(), "{left:#?}");
    eve.assert_stored().await;
    drop((ada, eve));
    store.close().await;
    let file = rusqlite::Connection::open(&path).unwrap();
    file.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    drop(file);
    let left = files_with(folder.path(), &traces);
    assert!(left.is_empty(), "{left:#?}");
}
