//! The commands of the binary, and its errors at startup.

use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::Path,
};

use serde_json::json;
use sessiond_test_support::run_to_exit;

use crate::SESSIOND;

pub(crate) fn database_flag(path: &Path) -> String {
    format!("--database=sqlite:{}", path.display())
}

#[test]
fn the_schema_command_prints_the_schema() {
    assert_eq!(
        run_to_exit(&mut SESSIOND.command(&["schema"])),
        (true, include_str!("../../schema.graphql").to_owned())
    );
}

#[test]
fn an_invalid_setting_is_reported_and_the_exit_code_is_not_0() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("not-a-database.db");
    let content = "a text that is long enough to be read as the header of a database page";
    std::fs::write(&file, content.repeat(2)).unwrap();
    let not_a_database = database_flag(&file);
    let no_folder = database_flag(&folder.path().join("no/such.db"));
    for (arguments, sentence) in [
        (&["--listen=0.0.0.0:0"][..], "no service key is given"),
        (
            &["--listen=192.0.2.1:3000", "--service-key-file=/nonexistent"],
            "cannot read",
        ),
        (
            &["--listen=127.0.0.1:0", &not_a_database],
            "file is not a database",
        ),
        (&["--listen=127.0.0.1:0", &no_folder], "No such file"),
        (&["--idle-timeout=forever"], "--idle-timeout"),
        (&["--idle-timeout=90"], "time unit needed"),
        (&["--max-body=0"], "must be at least 1"),
        (&["--max-failed-logins-per-mobile=0"], "must be at least 1"),
        (&["--max-sockets=-1"], "must be a whole number"),
        (&["--max-alerts-per-minute=9999999999"], "is too large"),
        (&["--listen=example.com:3000"], "must be an IP address"),
        (&["--database=sqlite::memory:"], "must name a file"),
        (&["--database=sqlite:a.db?mode=ro"], "only mode=rwc"),
    ] {
        let (succeeded, output) = run_to_exit(SESSIOND.command(&["serve"]).args(arguments));
        assert!(!succeeded, "{arguments:?} {output}");
        assert!(output.contains(sentence), "{arguments:?} {output}");
        let (succeeded, output) = run_to_exit(SESSIOND.command(&["check"]).args(arguments));
        assert!(!succeeded, "{arguments:?} {output}");
    }
}

#[test]
fn an_invalid_service_key_is_an_error_and_does_not_mean_development_mode() {
    let token = format!("sd1_{}", "A".repeat(64));
    for key in [
        &b""[..],
        b"short",
        b"caf\xe9 0123456789012345678901234567890123456789",
        token.as_bytes(),
    ] {
        let mut check = SESSIOND.command(&["check", "--listen=127.0.0.1:0"]);
        check.env("SESSIOND_SERVICE_KEY", OsStr::from_bytes(key));
        let (succeeded, output) = run_to_exit(&mut check);
        assert!(!succeeded, "{output}");
        assert!(output.contains("SESSIOND_SERVICE_KEY"), "{output}");
    }
}

#[test]
fn an_empty_variable_is_an_error_that_names_it_but_not_for_the_help() {
    let empty = |arguments: &[&str]| {
        let mut command = SESSIOND.command(arguments);
        command
            .env("SESSIOND_SERVICE_KEY_FILE", "")
            .env("SESSIOND_ALLOWED_ORIGIN", "");
        run_to_exit(&mut command)
    };
    for command in ["serve", "check"] {
        let (succeeded, output) = empty(&[command]);
        assert!(!succeeded, "{output}");
        assert!(
            output.contains(
                "set but empty: SESSIOND_ALLOWED_ORIGIN, SESSIOND_SERVICE_KEY_FILE; remove"
            ),
            "{output}"
        );
    }
    assert!(empty(&["--help"]).0);
}

#[test]
fn a_misspelled_variable_fails_the_check_and_is_logged_at_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let database = database_flag(&folder.path().join("new.db"));
    let mut check = SESSIOND.command(&["check", "--listen=127.0.0.1:0", &database]);
    let (succeeded, output) = run_to_exit(check.env("SESSIOND_SERVICEKEY", "secret"));
    assert!(!succeeded, "{output}");
    let error = "sessiond: SESSIOND_SERVICEKEY is not a setting and has no effect; did you mean \
                 SESSIOND_SERVICE_KEY?\n";
    assert!(output.contains(error), "{output}");
    // The other checks ran.
    assert!(output.contains("The settings are valid."), "{output}");
    // A server that cannot start logs a warning.
    let mut serve = SESSIOND.command(&["--listen=127.0.0.1:0", "--database=sqlite:/nowhere/a.db"]);
    let (_, output) = run_to_exit(serve.env("SESSIOND_SERVICEKEY", "secret"));
    assert!(
        output.contains("environment variable is not a setting and has no effect")
            && output.contains("SESSIOND_SERVICE_KEY")
            && !output.contains("secret"),
        "{output}"
    );
}

#[test]
fn a_rejected_file_is_not_changed_and_nothing_is_left_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let notes = folder.path().join("notes.txt");
    std::fs::write(&notes, "the notes of somebody else\n".repeat(50)).unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    std::fs::write(folder.path().join("a.db?mode=rwc"), "").unwrap();
    let before = names(folder.path());
    for (name, sentence) in [
        ("notes.txt", "file is not a database"),
        ("data", "is a folder"),
        ("data/", "not a folder"),
        ("a.db?mode=rwc", "a.db?mode=rwc exists"),
        ("a.db?mode=ro", "only mode=rwc"),
    ] {
        for command in ["serve", "check"] {
            let database = database_flag(&folder.path().join(name));
            let arguments = [command, "--listen=127.0.0.1:0", &database];
            let (succeeded, output) = run_to_exit(&mut SESSIOND.command(&arguments));
            assert!(!succeeded && output.contains(sentence), "{name} {output}");
            assert_eq!(names(folder.path()), before, "{command} {name}");
        }
    }
}

/// The names of the files in a folder.
pub(crate) fn names(folder: &Path) -> BTreeSet<OsString> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_one_file_is_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let server = SESSIOND.server().database_file(&path).start().await;
    let (succeeded, output) =
        run_to_exit(&mut SESSIOND.command(&["--listen=127.0.0.1:0", &database_flag(&path)]));
    assert!(!succeeded, "{output}");
    assert!(output.contains("in use by another sessiond"), "{output}");
    let response = server.run("{ __typename }", json!({})).await;
    assert_eq!(response.data("/__typename"), "Query");
}

#[test]
fn an_address_that_cannot_be_used_is_reported_with_its_flag_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let database = database_flag(&folder.path().join("test.db"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap();
    for (flag, address, what_to_do) in [
        (
            "--listen",
            taken.to_string(),
            "end the program that uses the port, or set another port",
        ),
        (
            "--metrics-listen",
            taken.to_string(),
            "end the program that uses the port, or set another port",
        ),
        // An address for documentation (RFC 5737), which no machine has.
        (
            "--metrics-listen",
            "192.0.2.1:3000".to_owned(),
            "set an address of this machine",
        ),
    ] {
        let mut arguments = vec![database.clone(), format!("{flag}={address}")];
        if flag != "--listen" {
            arguments.push("--listen=127.0.0.1:0".to_owned());
        }
        for command in ["serve", "check"] {
            let (succeeded, output) = run_to_exit(SESSIOND.command(&[command]).args(&arguments));
            assert!(!succeeded, "{output}");
            let problem = format!("cannot listen on {address} ({flag}): ");
            assert!(output.contains(&problem), "{problem} {output}");
            assert!(output.contains(what_to_do), "{output}");
        }
    }
}

#[test]
fn check_reports_whether_the_list_of_breached_passwords_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("breached.txt");
    let database = format!("--database=sqlite:{}", folder.path().join("a.db").display());
    let flag = format!("--breached-passwords={}", list.display());
    let arguments = ["check", "--listen=127.0.0.1:0", &database, &flag];
    for (content, is_readable) in [("no hash\n", false), (&*"A".repeat(40), true)] {
        std::fs::write(&list, content).unwrap();
        let (succeeded, output) = run_to_exit(&mut SESSIOND.command(&arguments));
        assert_eq!(succeeded, is_readable, "{output}");
        assert!(output.contains("breached passwords"), "{output}");
    }
}
