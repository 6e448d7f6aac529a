//! The commands `backup` and `restore`, beside a running server and when they are interrupted.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use rusqlite::Connection;
use sessiond_test_support::{MOBILE, OTHER_MOBILE, ServerProcess, run_to_exit, within_deadline};
use tempfile::TempDir;

use crate::SESSIOND;

/// Makes the copy take so long that it can be interrupted.
const FILLER_MEGABYTES: usize = 48;

/// A server, and the folder of its database.
struct Running {
    server: ServerProcess,
    folder: TempDir,
}

impl Running {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("sessiond.db");
        let server = SESSIOND.server().database_file(&database).start().await;
        Self { server, folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The arguments that back the database up to the file of this name.
    fn backup(&self, name: &str) -> [String; 3] {
        arguments("backup", &self.path("sessiond.db"), &self.path(name))
    }

    fn run_backup(&self, name: &str) -> (bool, String) {
        run_to_exit(SESSIOND.command(&[]).args(self.backup(name)))
    }

    fn fill(&self) {
        let connection = Connection::open(self.path("sessiond.db")).unwrap();
        connection
            .execute_batch("CREATE TABLE filler (content)")
            .unwrap();
        for _ in 0..FILLER_MEGABYTES {
            connection
                .execute("INSERT INTO filler VALUES (zeroblob(1 << 20))", [])
                .unwrap();
        }
    }
}

fn arguments(command: &str, database: &Path, file: &Path) -> [String; 3] {
    [
        command.to_owned(),
        format!("--database=sqlite:{}", database.display()),
        file.display().to_string(),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_running_server_is_restored_with_its_sessions() {
    let running = Running::start().await;
    let account = running.server.create_user(MOBILE).await;
    let (succeeded, output) = running.run_backup("copy.db");
    assert!(succeeded, "{output}");
    assert!(output.contains("1 users, 1 sessions"), "{output}");
    running.server.create_user(OTHER_MOBILE).await;
    assert_eq!(running.server.verify_status(&account.token).await, 200);

    let restored = running.path("restored.db");
    let restore = || arguments("restore", &restored, &running.path("copy.db"));
    let (succeeded, output) = run_to_exit(SESSIOND.command(&[]).args(restore()));
    assert!(succeeded, "{output}");
    let server = SESSIOND.server().database_file(&restored).start().await;
    assert_eq!(server.verify_status(&account.token).await, 200);
    assert!(server.user(OTHER_MOBILE, "id").await.is_null());

    let (succeeded, output) = run_to_exit(SESSIOND.command(&[]).args(restore()));
    assert!(!succeeded, "{output}");
    assert!(output.contains("is in use by another sessiond"), "{output}");
    assert_eq!(server.verify_status(&account.token).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_backup_leaves_no_file_of_its_name_and_can_be_repeated() {
    let running = Running::start().await;
    running.server.create_user(MOBILE).await;
    running.fill();
    let (target, partial) = (running.path("copy.db"), running.path("copy.db.partial"));
    // If the machine is busy, the backup may end before it is killed.
    within_deadline(async {
        loop {
            let mut backup = SESSIOND.command(&[]);
            let mut backup = backup.args(running.backup("copy.db")).spawn().unwrap();
            while !partial.metadata().is_ok_and(|file| file.len() > 0)
                && backup.try_wait().unwrap().is_none()
            {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            backup.kill().unwrap();
            if !backup.wait().unwrap().success() {
                return;
            }
            std::fs::remove_file(&target).unwrap();
        }
    })
    .await;
    assert!(partial.exists());
    assert!(!target.exists());

    let (succeeded, output) = running.run_backup("copy.db");
    assert!(succeeded, "{output}");
    assert!(!partial.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_finds_no_space_leaves_no_file_and_the_server_goes_on() {
    let running = Running::start().await;
    let account = running.server.create_user(MOBILE).await;
    running.fill();
    // A limit on the size of a file has the effect of a full disk, if its signal is ignored.
    let limited = "trap '' XFSZ && ulimit -f 2000 && exec \"$@\"";
    let mut backup = Command::new("/bin/sh");
    backup
        .args(["-c", limited, "sh", env!("CARGO_BIN_EXE_sessiond")])
        .args(running.backup("copy.db"))
        .stdin(Stdio::null());
    let (succeeded, output) = run_to_exit(&mut backup);
    assert!(!succeeded, "{output}");
    assert!(output.contains("cannot copy"), "{output}");
    assert!(!running.path("copy.db").exists());
    assert!(!running.path("copy.db.partial").exists());
    assert_eq!(running.server.verify_status(&account.token).await, 200);
    running.server.create_user(OTHER_MOBILE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_stopped_database_leaves_nothing_beside_it() {
    let Running { server, folder } = Running::start().await;
    server.create_user(MOBILE).await;
    server.signal("TERM");
    assert!(server.exit().await.success());
    drop(server);
    let names = || {
        let entries = std::fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let mut expected = names();
    let (database, copy) = (
        folder.path().join("sessiond.db"),
        folder.path().join("copy.db"),
    );
    let backup = arguments("backup", &database, &copy);
    let (succeeded, output) = run_to_exit(SESSIOND.command(&[]).args(backup));
    assert!(succeeded, "{output}");
    expected.insert(0, "copy.db".into());
    assert_eq!(names(), expected);
}

#[test]
fn a_backup_of_mongodb_is_refused() {
    let backup = ["backup", "--database=mongodb://127.0.0.1:1/x", "copy.db"];
    let (succeeded, output) = run_to_exit(&mut SESSIOND.command(&backup));
    assert!(!succeeded, "{output}");
    assert!(output.contains("tools of its own"), "{output}");
}
