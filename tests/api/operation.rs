//! The binary as an operator runs it: its commands, its log, its signals.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt, path::Path};

use futures_util::future::join_all;
use serde_json::{Value, json};
use sessiond_test_support::{
    AlertSubscription, MOBILE, ServerProcess, Socket, run_to_exit, within_deadline,
};
use tokio::sync::Semaphore;

use crate::SESSIOND;

fn database_flag(path: &Path) -> String {
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
fn a_wrong_setting_is_reported_in_one_sentence_and_the_exit_code_is_not_0() {
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
fn check_accepts_sound_settings_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let database = database_flag(&folder.path().join("new.db"));
    let (succeeded, output) =
        run_to_exit(&mut SESSIOND.command(&["check", "--listen=127.0.0.1:0", &database]));
    assert!(succeeded, "{output}");
    assert!(output.contains("development mode"), "{output}");
    assert!(output.contains("will be created"), "{output}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
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

const CREATE_WITH_PASSWORD: &str = "mutation($input: CreateUserInput!) {
    createUser(input: $input) { token session { sessionKey } } }";
const LOGIN_WITH_PASSWORD: &str =
    "mutation($input: LoginInput!) { login(input: $input) { outcome } }";

#[tokio::test(flavor = "multi_thread")]
async fn no_log_level_shows_a_token_a_password_or_a_whole_mobile_number() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let server = SESSIOND.server().trace().log_to(&log).start().await;
    let credentials = |password| json!({ "mobile": MOBILE, "username": "N", "password": password });

    let input = credentials("correct horse");
    let created = server
        .run(CREATE_WITH_PASSWORD, json!({ "input": input }))
        .await;
    let token = created.data_str("/createUser/token");
    let socket = Socket::open(server.address, Some(&token)).await;
    let _alerts = AlertSubscription::start(socket, MOBILE).await;
    let input = credentials("wrong horse");
    let login = server
        .run(LOGIN_WITH_PASSWORD, json!({ "input": input }))
        .await;
    assert_eq!(login.error_code(), "INVALID_CREDENTIALS");
    drop(server);

    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("TRACE"), "{log}");
    for secret in [&*token, "correct horse", "wrong horse", MOBILE] {
        assert_eq!(log.lines().find(|line| line.contains(secret)), None);
    }
}

/// A session that was opened in the scenario of a test.
struct Opened {
    key: String,
    token: String,
}

/// Logs in from a device of its own under this policy. The opened session, if the login is not
/// refused.
async fn log_in(server: &ServerProcess, policy: &str) -> Option<Opened> {
    let login = server
        .login(
            MOBILE,
            json!({
                "onConflict": policy,
                "userAgent": "Telltale",
                "deviceId": format!("device-{policy}"),
                "ipAddress": "203.0.113.77",
            }),
        )
        .await;
    let is_refused = login.data("/login/outcome") == "REFUSED";
    (!is_refused).then(|| Opened {
        key: login.data_str("/login/session/sessionKey"),
        token: login.data_str("/login/token"),
    })
}

async fn decide_waiting_login(server: &ServerProcess, decision: &str) {
    let user = server
        .user(MOBILE, "alerts(first: 1) { nodes { attempt { id } } }")
        .await;
    let attempt = &user["alerts"]["nodes"][0]["attempt"]["id"];
    let query = "mutation($input: DecideLoginInput!) { decideLogin(input: $input) { message } }";
    let input = json!({ "attemptId": attempt, "decision": decision });
    server
        .run(query, json!({ "input": input }))
        .await
        .data_str("/decideLogin/message");
}

/// Panics if no line has both texts, and a user's id.
#[track_caller]
fn assert_line_with(lines: &[&str], session_key: &str, text: &str) {
    let is_found = lines
        .iter()
        .filter(|line| line.contains(session_key) && line.contains("user="))
        .any(|line| line.contains(text));
    assert!(is_found, "{text} of {session_key}: {lines:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_shows_the_life_of_each_session_and_no_personal_data() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let server = SESSIOND.server().trace().log_to(&log).start().await;

    let first = server.create_user(MOBILE).await;
    assert!(log_in(&server, "REJECT").await.is_none());
    let second = log_in(&server, "TAKE_OVER").await.unwrap();
    let denied = log_in(&server, "ASK").await.unwrap();
    decide_waiting_login(&server, "DENY").await;
    let approved = log_in(&server, "ASK").await.unwrap();
    decide_waiting_login(&server, "APPROVE").await;
    server.invalidate_session(&approved.key).await;
    drop(server);

    let log = std::fs::read_to_string(log).unwrap();
    let lines: Vec<_> = log.lines().filter(|line| line.contains(" INFO ")).collect();
    assert_line_with(&lines, &first.session, "session active");
    assert_line_with(
        &lines,
        &first.session,
        "login refused because this session is active",
    );
    assert_line_with(&lines, &first.session, "session ended");
    assert_line_with(&lines, &first.session, "reason=Replaced");
    assert_line_with(&lines, &second.key, "session active");
    assert_line_with(&lines, &denied.key, "session awaits approval");
    assert_line_with(&lines, &denied.key, "reason=NotApproved");
    assert_line_with(&lines, &approved.key, "session awaits approval");
    assert_line_with(&lines, &second.key, "reason=Replaced");
    assert_line_with(&lines, &approved.key, "session active");
    assert_line_with(&lines, &approved.key, "reason=Invalidated");

    for personal in [
        &*first.token,
        &second.token,
        &denied.token,
        &approved.token,
        MOBILE,
        "SavingsBank",
        "Telltale",
        "device-",
        "203.0.113.77",
    ] {
        assert_eq!(lines.iter().find(|line| line.contains(personal)), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_request_is_logged_with_its_cause() {
    let folder = tempfile::tempdir().unwrap();
    let (path, log) = (folder.path().join("test.db"), folder.path().join("log"));
    let server = SESSIOND
        .server()
        .database_file(&path)
        .flags(&["--log-format=json"])
        .log_to(&log)
        .start()
        .await;
    let other_program = rusqlite::Connection::open(&path).unwrap();
    other_program.execute_batch("BEGIN IMMEDIATE").unwrap();
    let input = json!({ "mobile": MOBILE, "username": "N" });
    let failed = server
        .run(CREATE_WITH_PASSWORD, json!({ "input": input }))
        .await;
    assert_eq!(failed.error_code(), "UNAVAILABLE");
    drop(server);

    let log = std::fs::read_to_string(log).unwrap();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for message in ["write transaction failed", "a request failed"] {
        let line = lines
            .iter()
            .find(|line| line["message"] == message)
            .expect(&log);
        let error = line["error"].as_str().unwrap();
        assert!(
            error.contains("unavailable: another program holds the file locked"),
            "{error}"
        );
    }
}

/// Takes over again and again until the server is gone. The key of the last session that the server
/// confirmed.
async fn take_over_until_killed(
    server: &ServerProcess,
    mobile: &str,
    confirmed: &Semaphore,
) -> String {
    let mut last = None;
    let take_over = json!({ "onConflict": "TAKE_OVER" });
    while let Ok(login) = server.try_login(mobile, take_over.clone()).await {
        let key = login.data_str("/login/session/sessionKey");
        if last.replace(key).is_none() {
            confirmed.add_permits(1);
        }
    }
    last.expect("the server confirmed a login")
}

#[tokio::test(flavor = "multi_thread")]
async fn confirmed_logins_survive_a_kill_of_the_process() {
    const WRITERS: u32 = 8;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let server = SESSIOND.server().database_file(&path).start().await;
    let mobiles: Vec<_> = (0..WRITERS)
        .map(|writer| format!("901234560{writer}"))
        .collect();
    for mobile in &mobiles {
        server.create_user(mobile).await;
    }

    let confirmed = Semaphore::new(0);
    let writers = mobiles
        .iter()
        .map(|mobile| take_over_until_killed(&server, mobile, &confirmed));
    let kill = async {
        // Kill while every writer has a confirmed login and continues.
        confirmed.acquire_many(WRITERS).await.unwrap().forget();
        server.kill();
    };
    let (last_keys, ()) =
        within_deadline(futures_util::future::join(join_all(writers), kill)).await;
    drop(server);

    let server = SESSIOND.server().database_file(&path).start().await;
    for (mobile, last_key) in mobiles.iter().zip(last_keys) {
        assert_eq!(server.valid_sessions_of(mobile).await.len(), 1);
        // A later login may have been committed without its response being sent. Then the last
        // confirmed session has ended, but it exists.
        server.valid_sessions(&[last_key]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_the_process_with_0_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let server = SESSIOND.server().database_file(&path).start().await;
    let user = server.create_user(MOBILE).await;
    server.signal("TERM");
    assert!(server.exit().await.success());
    drop(server);
    let server = SESSIOND.server().database_file(&path).start().await;
    assert_eq!(server.valid_sessions_of(MOBILE).await, [user.session]);
}
