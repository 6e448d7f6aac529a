//! A running server, one of whose files is moved, removed or replaced, or has a second name.

use std::{
    fs::{self, File},
    path::PathBuf,
    time::Duration,
};

use sessiond_test_support::{MOBILE, ServerProcess, run_to_exit, within_deadline};
use tempfile::TempDir;

use crate::{
    SESSIOND,
    broken_files::{start, start_error, status, take_over},
};

/// A server with one user, and its files.
struct Running {
    server: ServerProcess,
    session: String,
    folder: TempDir,
}

impl Running {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        let log = folder.path().join("log");
        let server = SESSIOND.server().database_file(&path).log_to(&log);
        let server = server.start().await;
        let session = server.create_user(MOBILE).await.session;
        Self {
            server,
            session,
            folder,
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("test.db")
    }

    fn beside(&self, ending: &str) -> PathBuf {
        self.folder.path().join(format!("test.db{ending}"))
    }

    async fn assert_refuses_changes(&self) {
        assert_eq!(take_over(&self.server).await, None);
        assert_eq!(status(&self.server, "/readyz").await, 503);
        assert_eq!(status(&self.server, "/healthz").await, 200);
    }

    async fn assert_accepts_changes(&mut self) {
        assert_eq!(status(&self.server, "/readyz").await, 200);
        self.session = take_over(&self.server).await.expect("it can be written");
    }

    async fn wait_for_log(&self, line: &str) {
        let log = self.folder.path().join("log");
        within_deadline(async {
            while !fs::read_to_string(&log).unwrap().contains(line) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
    }

    /// Kills the server. The next one has the last acknowledged session.
    async fn assert_nothing_is_lost_by_a_kill(self) {
        self.server.kill();
        let server = start(&self.path()).await;
        assert_eq!(server.valid_sessions_of(MOBILE).await, [self.session]);
        server.assert_gapless_log(MOBILE).await;
        assert!(take_over(&server).await.is_some());
        drop(server);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_removed_gets_no_change_and_its_changes_are_not_lost() {
    let mut running = Running::start().await;
    running.assert_accepts_changes().await;
    fs::remove_file(running.beside("-wal")).unwrap();
    running.assert_refuses_changes().await;
    // Reading the users does not create a new log.
    let read = "{ users(first: 1) { nodes { id } } }";
    running
        .server
        .run_as_service(read, serde_json::json!({}))
        .await;
    assert!(!running.beside("-wal").exists());
    running.wait_for_log("test.db-wal is no longer there").await;
    running.assert_nothing_is_lost_by_a_kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_replaced_gets_no_change_and_its_changes_are_not_lost() {
    let running = Running::start().await;
    let log = running.beside("-wal");
    fs::remove_file(&log).unwrap();
    fs::write(&log, "").unwrap();
    running.assert_refuses_changes().await;
    running
        .wait_for_log("test.db-wal was replaced by another file")
        .await;
    running.assert_nothing_is_lost_by_a_kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_changes_of_a_removed_log_are_saved_although_nobody_writes() {
    let running = Running::start().await;
    fs::remove_file(running.beside("-wal")).unwrap();
    running
        .wait_for_log("the database has all changes of the write-ahead log that was moved")
        .await;
    running.assert_nothing_is_lost_by_a_kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_changes_of_a_removed_log_outlast_a_shutdown() {
    let running = Running::start().await;
    fs::remove_file(running.beside("-wal")).unwrap();
    running.server.signal("TERM");
    running.server.exit().await;
    running.assert_nothing_is_lost_by_a_kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_changes_of_a_removed_log_outlast_a_shutdown_while_another_program_has_the_file_open() {
    let running = Running::start().await;
    let reader = rusqlite::Connection::open(running.path()).unwrap();
    let count = "SELECT count(*) FROM users";
    let users: u64 = reader.query_row(count, [], |row| row.get(0)).unwrap();
    assert_eq!(users, 1);
    fs::remove_file(running.beside("-wal")).unwrap();
    running.server.signal("TERM");
    running.server.exit().await;

    // SQLite would copy the log when the last connection is closed, which is that of the reader.
    let copy = running.folder.path().join("copy.db");
    fs::copy(running.path(), &copy).unwrap();
    let server = start(&copy).await;
    let sessions = server.valid_sessions_of(MOBILE).await;
    assert_eq!(sessions, std::slice::from_ref(&running.session));
    drop(reader);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_of_the_log_may_be_put_back() {
    let mut running = Running::start().await;
    for ending in ["-wal", "-shm"] {
        let (file, elsewhere) = (running.beside(ending), running.beside(".elsewhere"));
        fs::rename(&file, &elsewhere).unwrap();
        running.assert_refuses_changes().await;
        fs::rename(&elsewhere, &file).unwrap();
        running.assert_accepts_changes().await;
    }
    running.assert_nothing_is_lost_by_a_kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_index_of_the_log_nothing_is_written_until_a_restart() {
    let running = Running::start().await;
    fs::remove_file(running.beside("-shm")).unwrap();
    running.assert_refuses_changes().await;
    running.wait_for_log("test.db-shm is no longer there").await;
    running.assert_nothing_is_lost_by_a_kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_file_that_is_removed_is_created_again_and_excludes_a_second_server() {
    let mut running = Running::start().await;
    fs::remove_file(running.beside(".lock")).unwrap();
    running.assert_accepts_changes().await;
    let error = start_error(&running.path());
    assert!(error.contains("in use by another sessiond"), "{error}");
    running.assert_accepts_changes().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_lock_another_process_has_taken_writes_nothing() {
    let mut running = Running::start().await;
    // Its name is that of the lock file from one instant to the next.
    let other = running.beside(".other");
    let file = File::create(&other).unwrap();
    file.lock().unwrap();
    fs::rename(&other, running.beside(".lock")).unwrap();
    running.assert_refuses_changes().await;
    running
        .wait_for_log("the lock file was removed or replaced")
        .await;
    drop(file);
    running.assert_accepts_changes().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_a_second_name_is_rejected_by_both_names() {
    let mut running = Running::start().await;
    let second = running.folder.path().join("second.db");
    fs::hard_link(running.path(), &second).unwrap();
    for path in [&second, &running.path()] {
        let error = start_error(path);
        assert!(error.contains("has 2 names (hard links)"), "{error}");
    }
    assert!(!running.folder.path().join("second.db.lock").exists());
    // The latest changes are beside the first name.
    let copy = running.folder.path().join("copy.db");
    let back_up = |database: &PathBuf| {
        let database = format!("sqlite:{}", database.display());
        let mut command = SESSIOND.command(&["backup", "--database", &database]);
        run_to_exit(command.arg(&copy))
    };
    let (succeeded, output) = back_up(&second);
    assert!(
        !succeeded && output.contains("has several names"),
        "{output}"
    );
    let (succeeded, output) = back_up(&running.path());
    assert!(succeeded && output.contains("1 user"), "{output}");
    running.assert_accepts_changes().await;
    fs::remove_file(&second).unwrap();
    running.assert_nothing_is_lost_by_a_kill().await;
}
