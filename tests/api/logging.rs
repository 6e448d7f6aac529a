//! The log of a server process: what it contains, and the secrets that it must not contain.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, ChildStderr, Command},
    time::Duration,
};

use serde_json::{Value, json};
use sessiond::access::Scope;
use sessiond_test_support::{
    AlertSubscription, ApiClient, MOBILE, ServerProcess, Socket, TestKey, within_deadline,
};

use crate::SESSIOND;

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
    // An application behind a gateway may have secrets in its paths, and so may a mistyped address.
    for path in [
        "/verify/reset/",
        "/users/",
        "/assets/",
        "/graphql/",
        "/verify",
    ] {
        for secret in [&*token, MOBILE] {
            let sent = server.get(&format!("{path}{secret}")).send();
            within_deadline(sent).await.unwrap();
        }
    }
    drop(server);

    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("TRACE"), "{log}");
    for route in ["/verify/{*path}", "/assets/{*path}", "/graphql", "unknown"] {
        assert!(log.contains(&format!("route=\"{route}\"")), "{route}");
    }
    for secret in [&*token, "correct horse", "wrong horse", MOBILE] {
        assert_eq!(log.lines().find(|line| line.contains(secret)), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_level_debug_shows_each_request_without_its_path_and_query() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let server = SESSIOND.server().trace().log_to(&log).start().await;
    let response = server.get("/telltale?password=telltale").send().await;
    assert_eq!(response.unwrap().status(), 404);
    wait_for_line(
        &log,
        &["DEBUG", "method=GET", "route=\"unknown\"", "status=404"],
    )
    .await;
    drop(server);
    let log = std::fs::read_to_string(log).unwrap();
    assert!(!log.contains("telltale"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_line_of_a_start_has_the_address_the_version_the_mode_and_the_store() {
    for mode in ["development", "production"] {
        let folder = tempfile::tempdir().unwrap();
        let (log, file) = (folder.path().join("log"), folder.path().join("users.db"));
        let mut server = SESSIOND.server().log_to(&log).database_file(&file);
        if mode == "production" {
            server = server.service_key();
        }
        let server = server.start().await;
        let address = server.address;
        drop(server);
        let log = std::fs::read_to_string(log).unwrap();
        let first = log.lines().next().unwrap();
        let expected = format!(
            "listening on http://{address} version={} mode={mode} store=sqlite:{}",
            env!("CARGO_PKG_VERSION"),
            file.display()
        );
        assert!(
            first.contains(" INFO ") && first.ends_with(&expected),
            "{log}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lowered_connection_limits_are_logged_with_the_reason_unless_they_are_unchosen_totals() {
    const OPEN_FILES: &str = "to fit the open-file limit";
    const RESERVE: &str = "is reserved for requests";
    let of_an_address = [
        "--max-connections-per-address=96",
        "--max-sockets-per-address=86",
    ];
    for (limit, flags, warnings) in [
        ("-n 1024", &of_an_address[..], &[][..]),
        ("-n 1024", &["--max-sockets=5000"], &[OPEN_FILES]),
        // One address could take all connections.
        ("-n 400", &[], &[OPEN_FILES]),
        (
            "-n 1024",
            &["--max-connections=100", "--max-sockets=100"],
            &[RESERVE],
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let server = SESSIOND.server().limit(limit).flags(flags).log_to(&log);
        let server = server.start().await;
        server.signal("TERM");
        server.exit().await;
        drop(server); // Waits for the log.
        let log = std::fs::read_to_string(log).unwrap();
        for text in [OPEN_FILES, RESERVE] {
            let is_warning = log
                .lines()
                .any(|line| line.contains("WARN") && line.contains(text));
            assert_eq!(is_warning, warnings.contains(&text), "{flags:?} {log}");
        }
    }
}

/// A session that a login has opened.
struct OpenedSession {
    key: String,
    token: String,
}

/// Logs in under this policy, from another device for each policy. Returns the opened session, or
/// `None` if the login is refused.
async fn log_in(server: &ServerProcess, policy: &str) -> Option<OpenedSession> {
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
    (!is_refused).then(|| OpenedSession {
        key: login.data_str("/login/session/sessionKey"),
        token: login.data_str("/login/token"),
    })
}

async fn decide_pending_login(server: &ServerProcess, decision: &str) {
    let attempt = server.last_attempt_id(MOBILE).await;
    server
        .decide_login_as(None, &attempt, decision)
        .await
        .data_str("/decideLogin/message");
}

/// Panics if no line contains the session key, the text and a user's id.
#[track_caller]
fn assert_line_with(lines: &[&str], session_key: &str, text: &str) {
    let is_found = lines
        .iter()
        .filter(|line| line.contains(session_key) && line.contains("user="))
        .any(|line| line.contains(text));
    assert!(is_found, "{text} of {session_key}: {lines:#?}");
}

/// Waits until a line of the log contains all of these texts.
pub(crate) async fn wait_for_line(log: &Path, texts: &[&str]) {
    within_deadline(async {
        loop {
            let lines = std::fs::read_to_string(log).unwrap();
            let mut lines = lines.lines();
            if lines.any(|line| texts.iter().all(|text| line.contains(text))) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
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
    decide_pending_login(&server, "DENY").await;
    let approved = log_in(&server, "ASK").await.unwrap();
    decide_pending_login(&server, "APPROVE").await;
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
    assert_line_with(&lines, &second.key, "session active");
    let replaced = |session: &str| format!("replaced={session}");
    assert_line_with(&lines, &second.key, &replaced(&first.session));
    assert_line_with(&lines, &denied.key, "session awaits approval");
    assert_line_with(&lines, &denied.key, "reason=\"NOT_APPROVED\"");
    assert_line_with(&lines, &approved.key, "session awaits approval");
    assert_line_with(&lines, &approved.key, "session active");
    assert_line_with(&lines, &approved.key, &replaced(&second.key));
    assert_line_with(
        &lines,
        &approved.key,
        "reason=\"INVALIDATED\" ended_by=\"SERVICE\"",
    );

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
async fn an_operation_beyond_the_scopes_of_a_key_is_logged_with_the_key_and_the_scope() {
    let folder = tempfile::tempdir().unwrap();
    let (log, keys) = (folder.path().join("log"), folder.path().join("keys.toml"));
    let key = TestKey::new("checker", &[Scope::Check]);
    std::fs::write(&keys, TestKey::file_of(&[key])).unwrap();
    let flag = format!("--service-keys={}", keys.display());
    let server = SESSIOND.server().flags(&[&flag]).log_to(&log).start().await;
    let query = "{ users { edges { cursor } } }";
    let refused = server.run_as(Some(&key.secret()), query, json!({})).await;
    assert_eq!(refused.error_code(), "FORBIDDEN");
    let message = "a service key lacks the scope of an operation";
    wait_for_line(&log, &[message, "key=checker", "scope=read"]).await;
    drop(server);
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(!log.contains(&key.secret()), "{log}");
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

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_record_is_not_logged_at_each_sweep() {
    let folder = tempfile::tempdir().unwrap();
    let (path, log) = (folder.path().join("test.db"), folder.path().join("log"));
    let server = SESSIOND
        .server()
        .database_file(&path)
        .flags(&["--idle-timeout=1s"])
        .log_to(&log)
        .start()
        .await;
    server.create_user(MOBILE).await;
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch(
            "UPDATE records SET version = -1, expiry_check_at = 0 WHERE part = 0;
             UPDATE records SET status = 'active', ended_at = NULL, expires_at = 0 WHERE part = 1",
        )
        .unwrap();
    // Each of these sessions expires in a sweep that also fails at the damaged record.
    for mobile in ["9012345670", "9012345671", "9012345672"] {
        let session = server.create_user(mobile).await.session;
        wait_for_line(&log, &["session ended", &session]).await;
    }
    drop(server);
    let log = std::fs::read_to_string(log).unwrap();
    assert_eq!(log.matches("maintenance failed").count(), 1, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_password_hash_is_logged_with_its_user_and_rejected_as_a_wrong_password() {
    let folder = tempfile::tempdir().unwrap();
    let (path, log) = (folder.path().join("test.db"), folder.path().join("log"));
    let server = SESSIOND
        .server()
        .database_file(&path)
        .log_to(&log)
        .start()
        .await;
    let input = json!({ "mobile": MOBILE, "username": "N", "password": "correct horse" });
    let variables = json!({ "input": input });
    server
        .run(CREATE_WITH_PASSWORD, variables.clone())
        .await
        .data_str("/createUser/token");
    let user = server.user(MOBILE, "id").await;
    let other_program = rusqlite::Connection::open(&path).unwrap();
    other_program
        .execute(
            "UPDATE records SET password = '$argon2id$telltale' WHERE part = 0",
            [],
        )
        .unwrap();
    wait_for_line(&log, &["WARN", "another program has written the database"]).await;
    let login = server.run(LOGIN_WITH_PASSWORD, variables).await;
    assert_eq!(login.error_code(), "INVALID_CREDENTIALS");
    drop(server);

    let log = std::fs::read_to_string(log).unwrap();
    let lines: Vec<_> = log
        .lines()
        .filter(|line| line.contains("a stored password hash is damaged"))
        .collect();
    let [line] = lines[..] else {
        panic!("not one line: {log}")
    };
    assert!(line.contains(user["id"].as_str().unwrap()), "{line}");
    assert!(line.contains("ERROR"), "{line}");
    assert!(!log.contains("telltale"), "{log}");
}

/// A server whose log nobody reads after the line with its address.
struct UnreadServer {
    process: Child,
    log: BufReader<ChildStderr>,
    client: ApiClient,
    metrics: ApiClient,
    _folder: tempfile::TempDir,
}

impl UnreadServer {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = format!("sqlite:{}", folder.path().join("test.db").display());
        let mut command = SESSIOND.command(&[
            "--listen=127.0.0.1:0",
            "--metrics-listen=127.0.0.1:0",
            "--database",
            &database,
        ]);
        let mut process = command.env("RUST_LOG", "trace").spawn().unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap());
        let [address, metrics] = ["listening on http://", "metrics at http://"].map(|before| {
            loop {
                let mut line = String::new();
                assert!(
                    log.read_line(&mut line).unwrap() > 0,
                    "the server has ended"
                );
                if let Some((_, rest)) = line.split_once(before) {
                    break rest
                        .split([' ', '/'])
                        .next()
                        .unwrap()
                        .trim()
                        .parse()
                        .unwrap();
                }
            }
        });
        Self {
            process,
            log,
            client: ApiClient::new(address, None),
            metrics: ApiClient::new(metrics, None),
            _folder: folder,
        }
    }
}

impl Drop for UnreadServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_reads_stops_neither_requests_nor_the_shutdown() {
    let mut server = UnreadServer::start();
    // Several lines for each request, many times the 64 KiB that a pipe holds.
    within_deadline(async {
        for _ in 0..1000 {
            let response = server.client.get("/nothing").send().await;
            assert_eq!(response.unwrap().status(), 404);
        }
    })
    .await;
    let metrics = server.metrics.get("/metrics").send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    let dropped = "\nsessiond_log_lines_dropped_total ";
    let (_, dropped) = metrics.split_once(dropped).unwrap();
    let dropped: f64 = dropped.lines().next().unwrap().parse().unwrap();
    assert!(dropped > 0.0, "{dropped}");

    // The log continues when it is read again.
    let report = "log lines were dropped, because standard error was not read";
    let read = std::thread::spawn(move || {
        let mut line = String::new();
        while !line.contains(report) {
            line.clear();
            assert!(server.log.read_line(&mut line).unwrap() > 0, "no report");
        }
        (server, line)
    });
    let (mut server, line) = tokio::task::spawn_blocking(move || read.join().unwrap())
        .await
        .unwrap();
    assert!(line.contains("WARN") && line.contains("count="), "{line}");

    for _ in 0..1000 {
        let response = server.client.get("/nothing").send().await;
        assert_eq!(response.unwrap().status(), 404);
    }
    let signaled = Command::new("kill")
        .arg(server.process.id().to_string())
        .status();
    assert!(signaled.unwrap().success());
    let status = tokio::task::spawn_blocking(move || server.process.wait().unwrap());
    assert!(within_deadline(status).await.unwrap().success());
}
