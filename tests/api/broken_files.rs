//! What happens to a running server, and to the next one, if its SQLite file or its disk breaks.

use std::{
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use rusqlite::Connection;
use serde_json::json;
use sessiond::clock::{Clock, SystemClock};
use sessiond_test_support::{MOBILE, ServerProcess, run_to_exit, within_deadline};
use tempfile::TempDir;

use crate::{SESSIOND, check::write_first_layout};

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

pub(crate) async fn start(path: &Path) -> ServerProcess {
    SESSIOND.server().database_file(path).start().await
}

pub(crate) async fn take_over(server: &ServerProcess) -> Option<String> {
    let login = server.login(MOBILE, json!({ "onConflict": "TAKE_OVER" }));
    let login = login.await;
    if login.is_unavailable() {
        return None;
    }
    Some(login.data_str("/login/session/sessionKey"))
}

pub(crate) async fn status(server: &ServerProcess, path: &str) -> u16 {
    server.get(path).send().await.unwrap().status().as_u16()
}

/// The error of a server that cannot start on this file.
pub(crate) fn start_error(path: &Path) -> String {
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
async fn failed_logins_on_a_full_disk_are_stored_once_there_is_space_or_before_the_shutdown() {
    const LOGIN: &str = "mutation($input: LoginInput!) { login(input: $input) { outcome } }";
    /// The time for which one failed login counts.
    const INTERVAL: i64 = 30_000;
    for stops in [false, true] {
        let Some(disk) = Disk::mount(4) else { return };
        let (path, filler) = (disk.path("test.db"), disk.path("filler"));
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let server = SESSIOND.server().trace().log_to(&log).database_file(&path);
        let server = server.service_key().start().await;
        let mut file = std::fs::File::create(&filler).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
        let began = SystemClock.now().as_millis();
        let failures = || {
            let log = std::fs::read_to_string(&log).unwrap();
            log.matches("could not store a failed login").count()
        };
        // The log of the file may have space for some failures.
        let mut count = 0;
        while failures() < 3 {
            let mobile = format!("+49151{count:08}");
            count += 1;
            let input = json!({ "mobile": mobile, "username": "N", "password": "wrong horse" });
            let login = server.run(LOGIN, json!({ "input": input })).await;
            assert_eq!(login.error_code(), "INVALID_CREDENTIALS");
        }

        drop(file);
        std::fs::remove_file(&filler).unwrap();
        let stored = || {
            let file = Connection::open(&path).unwrap();
            let select = "SELECT count(*) FROM failed_logins WHERE count_until >= ?";
            let count = file.query_row(select, [began + INTERVAL], |row| row.get(0));
            count.unwrap_or(0)
        };
        if stops {
            server.signal("TERM");
            assert!(server.exit().await.success());
        } else {
            within_deadline(async {
                while stored() < count {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            })
            .await;
            server.kill();
        }
        assert_eq!(stored(), count);
        drop(server);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_without_space_says_what_it_takes_and_changes_nothing() {
    let Some(disk) = Disk::mount(8) else { return };
    let path = disk.path("old.db");
    write_first_layout(&path, 16_000);
    let database = format!("--database=sqlite:{}", path.display());
    let check = ["check", "--listen=127.0.0.1:0", &database];
    let (succeeded, output) = run_to_exit(&mut SESSIOND.command(&check));
    assert!(!succeeded, "{output}");
    assert!(
        output.contains("MB are free: free some space before the start"),
        "{output}"
    );

    let error = start_error(&path);
    for text in [
        &*format!("cannot migrate {} from layout 1 to", path.display()),
        "the file is unchanged",
        "the migration takes about",
        "MB are free",
    ] {
        assert!(error.contains(text), "{text} {error}");
    }
    let version = |path: &Path| -> usize {
        let file = Connection::open(path).unwrap();
        let version = file.query_row("PRAGMA user_version", [], |row| row.get(0));
        version.unwrap()
    };
    assert_intact(&path);
    assert_eq!(version(&path), 1);

    // On a larger disk, the same file is migrated.
    let folder = tempfile::tempdir().unwrap();
    let moved = folder.path().join("old.db");
    std::fs::copy(&path, &moved).unwrap();
    let server = start(&moved).await;
    assert!(version(&moved) > 1);
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
    let damaged = server.create_user(MOBILE).await;
    server.raise_alerts(MOBILE, 5).await;
    // Enough for many pages: SQLite reads up to two pages beside the one that it inserts into.
    let others: Vec<_> = (0..100)
        .map(|number| format!("90123457{number:02}"))
        .collect();
    for mobile in &others {
        server.create_user(mobile).await;
    }
    let other = others.last().unwrap();
    server.signal("TERM");
    assert!(server.exit().await.success());
    drop(server);
    damage_user(&path, MOBILE, other);

    let server = start(&path).await;
    for selection in [
        "activeSession { isValid }",
        "alerts(first: 1) { nodes { id } }",
    ] {
        let query =
            format!("query($mobile: String!) {{ user(mobile: $mobile) {{ {selection} }} }}");
        let response = server
            .run_as_service(&query, json!({ "mobile": MOBILE }))
            .await;
        let code = response.error_code();
        assert!(["INTERNAL", "UNAVAILABLE"].contains(&code), "{code}");
    }
    assert_eq!(take_over(&server).await, None);
    assert_eq!(server.verify_status(&damaged.token).await, 503);
    assert_eq!(status(&server, "/healthz").await, 200);
    assert_eq!(status(&server, "/readyz").await, 200);

    let user = server.user(other, "activeSession { isValid }").await;
    assert_eq!(user["activeSession"]["isValid"], true);
    let login = server
        .login(other, json!({ "onConflict": "TAKE_OVER" }))
        .await;
    assert_eq!(login.data("/login/outcome"), "LOGGED_IN");
    server.create_user("9012345672").await;
}

/// Overwrites the pages that have the records of a user, and not those of the other one.
fn damage_user(path: &Path, mobile: &str, other: &str) {
    const PAGE: usize = 4096;
    let connection = Connection::open(path).unwrap();
    let id = |mobile: &str| -> Vec<u8> {
        let query = "SELECT id FROM users WHERE mobile LIKE '%' || ?";
        connection
            .query_row(query, [mobile], |row| row.get(0))
            .unwrap()
    };
    let (id, other) = (id(mobile), id(other));
    let mut pages = connection
        .prepare("SELECT pageno FROM dbstat WHERE name = 'records' AND pagetype = 'leaf'")
        .unwrap();
    let pages: Vec<usize> = pages
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let content = std::fs::read(path).unwrap();
    let mut file = std::fs::File::options().write(true).open(path).unwrap();
    for start in pages.into_iter().map(|page| (page - 1) * PAGE) {
        let page = &content[start..start + PAGE];
        let has = |id: &[u8]| page.windows(id.len()).any(|bytes| bytes == id);
        if has(&id) {
            assert!(!has(&other), "the users have a page in common");
            file.seek(SeekFrom::Start(start as u64)).unwrap();
            file.write_all(&[0xff; PAGE]).unwrap();
        }
    }
}
