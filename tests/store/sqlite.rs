//! The contract over `SQLite`, and what is special to a file.

use std::{env, path::Path, process::Command, sync::Arc};

use async_trait::async_trait;
use futures_util::{StreamExt, future::join_all};
use rusqlite::Connection;
use sessiond::store::{
    ChangeNotification, CommitError, Page, Store, StoreError, sqlite::SqliteStore,
};
use tempfile::TempDir;

use crate::{
    contract::{Place, hold_to_contract},
    fixtures::{Person, START, soon},
};

struct SqliteFile(TempDir);

#[async_trait]
impl Place for SqliteFile {
    async fn new_ids() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(SqliteStore::open(&self.path()).unwrap())
    }
}

impl SqliteFile {
    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("sessiond.db")
    }

    /// Does something to the file behind the store's back.
    fn edit(&self, sql: &str) {
        Connection::open(self.path())
            .unwrap()
            .execute_batch(sql)
            .unwrap();
    }

    /// Files beside it.
    fn neighbours(&self) -> usize {
        std::fs::read_dir(self.0.path()).unwrap().count() - 1
    }

    fn refusal(&self) -> String {
        SqliteStore::open(&self.path())
            .expect_err("the file is refused")
            .to_string()
    }
}

hold_to_contract!(SqliteFile);

#[tokio::test]
async fn a_file_in_use_is_refused_until_it_is_closed() {
    let file = SqliteFile::new_ids().await;
    let first = file.open().await;
    let refusal = file.refusal();
    assert!(
        refusal.contains("in use by another sessiond") && refusal.contains("sessiond.db"),
        "{refusal}"
    );
    let ada = Person::registered(&first, 1).await;

    first.close().await;
    // The first handle is still there: closing it is what lets go of the file.
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
async fn a_file_in_use_is_refused_under_another_name() {
    let file = SqliteFile::new_ids().await;
    let store = file.open().await;
    let link = file.0.path().join("link.db");
    std::os::unix::fs::symlink(file.path(), &link).unwrap();
    let refusal = SqliteStore::open(&link)
        .expect_err("the file is refused")
        .to_string();
    assert!(refusal.contains("in use by another sessiond"), "{refusal}");
    store.close().await;
    SqliteStore::open(&link).unwrap().close().await;
}

/// The file that [`a_process_of_its_own_opens_the_file`] is to open.
const FILE: &str = "SESSIOND_TEST_FILE";

#[test]
#[ignore = "another test runs it, in a process of its own"]
fn a_process_of_its_own_opens_the_file() {
    let path = env::var_os(FILE).expect("the other test names the file");
    if let Err(error) = SqliteStore::open(Path::new(&path)) {
        panic!("{error}");
    }
}

#[tokio::test]
async fn a_file_in_use_is_refused_to_another_process() {
    let file = SqliteFile::new_ids().await;
    let store = file.open().await;
    let open_elsewhere = || {
        Command::new(env::current_exe().unwrap())
            .args([
                "--ignored",
                "--exact",
                "sqlite::a_process_of_its_own_opens_the_file",
                "--nocapture",
            ])
            .env(FILE, file.path())
            .output()
            .unwrap()
    };
    let refused = open_elsewhere();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(
        !refused.status.success() && said.contains("in use by another sessiond"),
        "{said}"
    );
    store.close().await;
    let opened = open_elsewhere();
    assert!(
        opened.status.success(),
        "{}",
        String::from_utf8_lossy(&opened.stderr)
    );
    // It did run: a filter that matches nothing succeeds too.
    assert!(String::from_utf8_lossy(&opened.stdout).contains("1 passed"));
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused_and_left_alone() {
    let file = SqliteFile::new_ids().await;
    file.open().await.close().await;
    file.edit("PRAGMA user_version = 999");
    let refusal = file.refusal();
    assert!(refusal.contains("newer version"), "{refusal}");
    let version = Connection::open(file.path())
        .unwrap()
        .query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))
        .unwrap();
    assert_eq!(version, 999);
}

#[tokio::test]
async fn another_programs_file_is_refused_and_left_alone() {
    let file = SqliteFile::new_ids().await;
    file.edit("CREATE TABLE notes (text TEXT)");
    let before = std::fs::read(file.path()).unwrap();
    let refusal = file.refusal();
    assert!(refusal.contains("not a sessiond database"), "{refusal}");
    assert_eq!(std::fs::read(file.path()).unwrap(), before);
    assert_eq!(file.neighbours(), 0);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let file = SqliteFile::new_ids().await;
    let text = "not a database at all, but long enough to be taken for one by its length alone\n"
        .repeat(100);
    std::fs::write(file.path(), &text).unwrap();
    let refusal = file.refusal();
    assert!(
        refusal.contains("cannot open") && refusal.contains("sessiond.db"),
        "{refusal}"
    );
    assert_eq!(std::fs::read_to_string(file.path()).unwrap(), text);
    assert_eq!(file.neighbours(), 0);
    // Not ours to remove.
    std::fs::write(file.0.path().join("sessiond.db.lock"), "").unwrap();
    file.refusal();
    assert_eq!(file.neighbours(), 1);
}

#[tokio::test]
async fn a_file_that_another_program_holds_is_said_to_be_and_written_once_it_is_let_go() {
    let file = SqliteFile::new_ids().await;
    let store = file.open().await;
    let other = Connection::open(file.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (_, commit) = Person::about_to_register(&store, 1, START);
    let refused = soon(store.commit(commit)).await.unwrap_err();
    let StoreError::Unavailable(cause) = (match refused {
        CommitError::Store(error) => error,
        other => panic!("{other}"),
    }) else {
        panic!("the file is whole")
    };
    assert!(
        cause
            .to_string()
            .contains("another program holds the file locked"),
        "{cause}"
    );
    other.execute_batch("ROLLBACK").unwrap();
    Person::registered(&store, 2).await;
    store.close().await;
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let file = SqliteFile::new_ids().await;
    let store = file.open().await;
    Person::registered(&store, 1).await;
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
async fn a_damaged_row_fails_its_own_user_and_nobody_else() {
    // As text that is no mobile number, as bytes that are no text, as a number below zero, and cut off.
    let damages = [
        "UPDATE users SET mobile = 'x' WHERE mobile = '+491510000001'",
        "UPDATE users SET username = CAST(x'ff' AS TEXT) WHERE mobile = '+491510000001'",
        "UPDATE users SET version = -1 WHERE mobile = '+491510000001'",
        "UPDATE users SET recent_conflicts = x'00' WHERE mobile = '+491510000001'",
        "UPDATE sessions SET key = x'00' WHERE mobile = '+491510000001'",
        "UPDATE sessions SET address = 'nowhere' WHERE mobile = '+491510000001'",
        "UPDATE sessions SET user_agent = CAST(x'ff' AS TEXT) WHERE mobile = '+491510000001'",
        "UPDATE sessions SET status = 'pending' WHERE mobile = '+491510000001'",
        // The user's active session is nowhere: taking it for none would let a second one in.
        "DELETE FROM sessions WHERE mobile = '+491510000001'",
    ];
    for damage in damages {
        let file = SqliteFile::new_ids().await;
        let store = file.open().await;
        let ada = Person::registered(&store, 1).await;
        let mut bob = Person::registered(&store, 2).await;
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
async fn a_listener_that_falls_far_behind_is_told_to_look_at_everything() {
    let file = SqliteFile::new_ids().await;
    let store = file.open().await;
    let mut hints = store.changes();
    // More than are kept for a slow listener.
    let people = join_all((1..=1500).map(|number| Person::registered(&store, number))).await;
    assert_eq!(soon(hints.next()).await, Some(ChangeNotification::Resync));
    let last = people.last().expect("there are some").id();
    while soon(hints.next()).await
        != Some(ChangeNotification::Changed {
            user: last,
            sequence: 0,
        })
    {}
    store.close().await;
}

#[tokio::test]
async fn commits_that_were_queued_are_finished_before_the_store_closes() {
    let file = SqliteFile::new_ids().await;
    let store = file.open().await;
    let (people, commits): (Vec<_>, Vec<_>) = (1..=100)
        .map(|number| Person::about_to_register(&store, number, START))
        .unzip();
    let tasks: Vec<_> = commits
        .into_iter()
        .map(|commit| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.commit(commit).await })
        })
        .collect();
    // Lets the tasks queue what they have; whichever comes too late is refused, and says so.
    tokio::task::yield_now().await;
    store.close().await;
    let outcomes = join_all(tasks).await;
    let store = file.open().await;
    for (person, outcome) in people.iter().zip(outcomes) {
        let is_there = store.user(person.id()).await.unwrap().is_some();
        assert_eq!(
            is_there,
            outcome.expect("no task panics").is_ok(),
            "what was answered is what is kept"
        );
    }
    store.close().await;
}
