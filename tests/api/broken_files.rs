//! What happens to a running server, and to the next one, if its SQLite file or its disk breaks.

use std::{
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    process::Command,
};

use rusqlite::Connection;
use serde_json::json;
use sessiond_test_support::{MOBILE, ServerProcess, run_to_exit, within_deadline};
use tempfile::TempDir;

use crate::SESSIOND;

/// A file system of its own in memory. It is unmounted when it is dropped.
struct Disk(TempDir);

impl Disk {
    /// Mounts a file system of this many mebibytes. `None` if this user may not.
    fn mount(mebibytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={mebibytes}m");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "sessiond-test"])
            .arg(folder.path())
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(folder));
        }
        eprintln!("not tested: this user may not mount a file system");
        None
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn make_read_only(&self) {
        let options = ["-o", "remount,ro"];
        let mut command = Command::new("mount");
        assert!(run_to_exit(command.args(options).arg(self.0.path())).0);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

async fn start(path: &Path) -> ServerProcess {
    SESSIOND.server().database_file(path).start().await
}

async fn take_over(server: &ServerProcess) -> Option<String> {
    let login = server.login(MOBILE, json!({ "onConflict": "TAKE_OVER" }));
    let login = login.await;
    if login.is_unavailable() {
        return None;
    }
    Some(login.data_str("/login/session/sessionKey"))
}

async fn status(server: &ServerProcess, path: &str) -> u16 {
    server.get(path).send().await.unwrap().status().as_u16()
}

/// The error of a server that cannot start on this file.
fn start_error(path: &Path) -> String {
    let database = format!("--database=sqlite:{}", path.display());
    let mut command = SESSIOND.command(&["--listen=127.0.0.1:0", &database]);
    let (succeeded, output) = run_to_exit(&mut command);
    assert!(!succeeded, "{output}");
    output
}

fn assert_intact(path: &Path) {
    let file = Connection::open(path).unwrap();
    let check = "PRAGMA integrity_check";
    let result: String = file.query_row(check, [], |row| row.get(0)).unwrap();
    assert_eq!(result, "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_changes_serves_checks_and_recovers_without_a_restart() {
    let Some(disk) = Disk::mount(4) else { return };
    let (path, filler) = (disk.path("test.db"), disk.path("filler"));
    let server = start(&path).await;
    let user = server.create_user(MOBILE).await;
    let mut sessions = vec![user.session];
    sessions.extend(take_over(&server).await);

    // Writing fails when the disk is full.
    let mut file = std::fs::File::create(&filler).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
    within_deadline(async {
        while let Some(session) = take_over(&server).await {
            sessions.push(session);
        }
    })
    .await;
    assert_eq!(status(&server, "/healthz").await, 200);
    let valid = server.valid_sessions_of(MOBILE).await;
    assert_eq!(valid, sessions[sessions.len() - 1..]);

    drop(file);
    std::fs::remove_file(&filler).unwrap();
    sessions.push(take_over(&server).await.expect("there is space again"));
    let valid = server.valid_sessions(&sessions).await;
    assert_eq!(valid, sessions[sessions.len() - 1..]);
    server.assert_gapless_log(MOBILE).await;
    server.kill();
    assert_intact(&path);
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_a_read_only_disk_does_not_start_and_says_so() {
    let Some(disk) = Disk::mount(4) else { return };
    let path = disk.path("test.db");
    let server = start(&path).await;
    server.create_user(MOBILE).await;
    server.signal("TERM");
    assert!(server.exit().await.success());
    disk.make_read_only();
    let error = start_error(&path);
    assert!(error.contains("test.db"), "{error}");
    assert!(error.contains("ead-only"), "{error}");
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_vanishes_loses_no_acknowledged_change_and_may_come_back() {
    let outer = tempfile::tempdir().unwrap();
    let (folder, elsewhere) = (outer.path().join("data"), outer.path().join("elsewhere"));
    std::fs::create_dir(&folder).unwrap();
    let path = folder.join("test.db");
    let server = start(&path).await;
    let user = server.create_user(MOBILE).await;
    assert_eq!(status(&server, "/readyz").await, 200);

    std::fs::rename(&folder, &elsewhere).unwrap();
    assert_eq!(take_over(&server).await, None);
    assert_eq!(status(&server, "/readyz").await, 503);
    assert_eq!(status(&server, "/healthz").await, 200);
    assert!(!folder.exists());
    // A new folder of that name gets no new database.
    std::fs::create_dir(&folder).unwrap();
    assert_eq!(take_over(&server).await, None);
    assert_eq!(status(&server, "/readyz").await, 503);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);

    std::fs::remove_dir(&folder).unwrap();
    std::fs::rename(&elsewhere, &folder).unwrap();
    assert_eq!(status(&server, "/readyz").await, 200);
    let session = take_over(&server).await.expect("the file is back");
    assert_eq!(server.valid_sessions_of(MOBILE).await, [session]);
    assert_eq!(server.session_status(&user.token).await, "ENDED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_page_fails_the_requests_that_need_it_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let server = start(&path).await;
    let other = "9012345671";
    for mobile in [MOBILE, other] {
        server.create_user(mobile).await;
    }
    server.raise_alerts(MOBILE, 5).await;
    server.signal("TERM");
    assert!(server.exit().await.success());
    drop(server);
    damage_table(&path, "alerts");

    let server = start(&path).await;
    let query = "query($mobile: String!) { user(mobile: $mobile) {
        alerts(first: 1) { nodes { id } } } }";
    let variables = json!({ "mobile": MOBILE });
    let damaged = server.run_as_service(query, variables).await;
    let code = damaged.error_code();
    assert!(["INTERNAL", "UNAVAILABLE"].contains(&code), "{code}");
    // A login that raises an alert needs the page too, and one that raises none does not.
    assert_eq!(take_over(&server).await, None);
    for mobile in [MOBILE, other] {
        let user = server.user(mobile, "activeSession { isValid }").await;
        assert_eq!(user["activeSession"]["isValid"], true);
    }
    assert_eq!(status(&server, "/healthz").await, 200);
    server.create_user("9012345672").await;
}

/// Overwrites the root page of a table.
fn damage_table(path: &Path, table: &str) {
    let query = "SELECT rootpage FROM sqlite_schema WHERE name = ?";
    let connection = Connection::open(path).unwrap();
    let root: u64 = connection
        .query_row(query, [table], |row| row.get(0))
        .unwrap();
    drop(connection);
    let mut file = std::fs::File::options().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start((root - 1) * 4096)).unwrap();
    file.write_all(&[0xff; 4096]).unwrap();
}
