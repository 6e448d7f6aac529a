//! The commands `check` and `migrate --dry-run`.

use std::path::Path;

use rusqlite::Connection;
use sessiond_test_support::{SERVICE_KEY, run_to_exit};

use crate::{
    SESSIOND,
    command_line::{database_flag, names},
};

#[test]
fn one_address_for_the_api_and_the_metrics_is_an_error() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let flags = [
        format!("--listen={address}"),
        format!("--metrics-listen={address}"),
        "--database=sqlite:/nowhere/a.db".to_owned(),
    ];
    for command in ["serve", "check"] {
        let (succeeded, output) = run_to_exit(SESSIOND.command(&[command]).args(&flags));
        assert!(!succeeded, "{output}");
        let sentence = format!("--listen and --metrics-listen are both {address}: give each");
        assert!(output.contains(&sentence), "{output}");
        assert_eq!(
            output.matches("is free to listen on").count(),
            usize::from(command == "check")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_for_every_host_of_a_domain_is_a_warning_of_the_check_and_of_each_start() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, SERVICE_KEY).unwrap();
    let database = database_flag(&folder.path().join("new.db"));
    let mut command = SESSIOND.command(&["check", "--listen=127.0.0.1:0", &database]);
    let key = format!("--service-key-file={}", key.display());
    let (_, output) = run_to_exit(command.args([&*key, "--cookie-domain=example.com"]));
    assert!(
        output.contains("Warning: --cookie-domain: every host of example.com can read the tokens"),
        "{output}"
    );
    let log = folder.path().join("log");
    let flags = [&*key, "--cookie-domain=example.com"];
    let server = SESSIOND.server().flags(&flags).log_to(&log).start().await;
    server.signal("TERM");
    assert!(server.exit().await.success());
    drop(server);
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(
        log.contains("WARN") && log.contains("--cookie-domain: every host of the domain can read"),
        "{log}"
    );
}

#[test]
fn the_check_reports_the_disk_and_the_open_files() {
    let folder = tempfile::tempdir().unwrap();
    let database = database_flag(&folder.path().join("new.db"));
    let (_, output) =
        run_to_exit(&mut SESSIOND.command(&["check", "--listen=127.0.0.1:0", &database]));
    for text in ["MiB are free on the disk of", "open-file limit of"] {
        assert!(output.contains(text), "{text} {output}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_check_asks_a_gateway_with_requests_that_it_must_reject() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let server = SESSIOND.server().database_file(&path).start().await;
    // sessiond rejects these requests itself, as a gateway in front of it does.
    for (path_asked, expected, sentence) in [
        (
            "/verify/orders",
            true,
            "rejects a request with an invalid token (401",
        ),
        ("/healthz", false, "it must ask /verify first"),
        ("/no/such/page", false, "name a path that it protects"),
    ] {
        let gateway = format!("--gateway={}", server.url(path_asked));
        let arguments = ["check", &gateway, &database_flag(&path)];
        let (succeeded, output) = run_to_exit(&mut SESSIOND.command(&arguments));
        assert_eq!(succeeded, expected, "{output}");
        assert!(output.contains(sentence), "{output}");
    }
    let gateway = format!("--gateway={}", server.url("/verify"));
    drop(server);
    let arguments = ["check", &gateway, &database_flag(&path)];
    let (succeeded, output) = run_to_exit(&mut SESSIOND.command(&arguments));
    assert!(
        !succeeded && output.contains("cannot connect to"),
        "{output}"
    );
}

/// Writes a file of the first layout, with this number of sessions.
pub(crate) fn write_first_layout(path: &Path, sessions: u32) {
    let connection = Connection::open(path).unwrap();
    let layout = include_str!("../../src/store/sqlite/schema.sql");
    connection.execute_batch(layout).unwrap();
    let content = format!(
        "PRAGMA application_id = 0x73645001;
         PRAGMA user_version = 1;
         INSERT INTO users VALUES (randomblob(16), '+491510000001', 'Ada', NULL, 1, 2, randomblob(16),
             NULL, NULL, 1, 0, x'');
         INSERT INTO sessions
         WITH RECURSIVE numbers(number) AS
             (SELECT 0 UNION ALL SELECT number + 1 FROM numbers WHERE number < {sessions})
         SELECT id, randomblob(32), mobile, username, randomblob(16), number, NULL, 'phone',
             '192.0.2.1', 1, 1, 9000, 9000, 'active', NULL, NULL, NULL, NULL, NULL, 9000
             FROM users, numbers WHERE number > 0"
    );
    connection.execute_batch(&content).unwrap();
    connection.close().unwrap();
}

#[test]
fn the_check_says_that_a_start_migrates_a_file_and_does_not_do_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.db");
    write_first_layout(&path, 9);
    let before = std::fs::read(&path).unwrap();
    let flags = ["check", "--listen=127.0.0.1:0", &database_flag(&path)];
    let (succeeded, output) = run_to_exit(&mut SESSIOND.command(&flags));
    assert!(succeeded, "{output}");
    for text in [
        "Warning: ",
        "has layout 1; a start migrates it to layout",
        "MB of free disk space",
        "make a backup before the start",
    ] {
        assert!(output.contains(text), "{text} {output}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(names(folder.path()).len(), 1);
}

#[test]
fn a_dry_run_of_a_migration_names_the_layouts_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.db");
    write_first_layout(&path, 0);
    let before = std::fs::read(&path).unwrap();
    let migrate = |flags: &[&str]| {
        run_to_exit(
            SESSIOND
                .command(&["migrate", &database_flag(&path)])
                .args(flags),
        )
    };
    let (succeeded, output) = migrate(&["--dry-run"]);
    assert!(succeeded, "{output}");
    assert!(
        output.contains("would be migrated from layout 1 to layout"),
        "{output}"
    );
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(names(folder.path()).len(), 1);
    assert!(migrate(&[]).0);
    let (_, output) = migrate(&["--dry-run"]);
    assert!(output.contains("there is nothing to migrate"), "{output}");
}

#[test]
fn the_check_prints_the_conflict_policies_that_clients_may_choose() {
    let folder = tempfile::tempdir().unwrap();
    let database = database_flag(&folder.path().join("new.db"));
    for (key, flag, policies) in [
        (true, "--on-conflict=ask", "reject, ask."),
        (true, "--client-on-conflict=none", "none."),
        (false, "--on-conflict=reject", "reject, ask, take-over."),
    ] {
        let mut check = SESSIOND.command(&["check", "--listen=127.0.0.1:0", &database, flag]);
        if key {
            check.env("SESSIOND_SERVICE_KEY", "0123456789abcdef0123456789abcdef");
        }
        let (succeeded, output) = run_to_exit(&mut check);
        assert!(succeeded, "{output}");
        let line = format!("that clients may choose for a login: {policies}\n");
        assert!(output.contains(&line), "{output}");
    }
}

#[test]
fn check_accepts_valid_settings_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let database = database_flag(&folder.path().join("new.db"));
    let (succeeded, output) =
        run_to_exit(&mut SESSIOND.command(&["check", "--listen=127.0.0.1:0", &database]));
    assert!(succeeded, "{output}");
    assert!(output.contains("development mode"), "{output}");
    assert!(output.contains("will be created"), "{output}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_check_does_not_claim_that_the_pages_of_a_file_are_sound() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let server = SESSIOND.server().database_file(&path).start().await;
    server.signal("TERM");
    assert!(server.exit().await.success());
    let database = database_flag(&path);
    let (succeeded, output) =
        run_to_exit(&mut SESSIOND.command(&["check", "--listen=127.0.0.1:0", &database]));
    assert!(succeeded, "{output}");
    for sentence in [
        "test.db is a sessiond database of this layout and is not in use.",
        "Its pages were not read",
    ] {
        assert!(output.contains(sentence), "{output}");
    }
}

#[test]
fn check_reports_all_problems_at_once() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("--listen={}", taken.local_addr().unwrap());
    let mut check = SESSIOND.command(&[
        "check",
        &listen,
        "--approval-timeout=2d",
        "--database=sqlite:/nowhere/at/all.db",
    ]);
    let (succeeded, output) = run_to_exit(check.env("SESSIOND_SERVICE_KEY", "short"));
    assert!(!succeeded, "{output}");
    for problem in [
        "--approval-timeout (2days)",
        "has fewer than 32 characters",
        "cannot listen on",
        "the folder /nowhere/at does not exist",
    ] {
        assert!(output.contains(problem), "{problem} {output}");
    }
}
