//! The binary as an operator runs it.

use std::{path::Path, process::Command, time::Duration};

use futures_util::future::join_all;
use tokio::sync::Semaphore;

use crate::support::{Node, Socket, command, soon};

/// What the binary says, and whether it succeeds.
fn says(command: &mut Command) -> (bool, String) {
    let output = command.output().unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.success(), text)
}

#[test]
fn the_schema_is_printed() {
    assert_eq!(
        says(&mut command(&["schema"])),
        (true, include_str!("../../schema.graphql").to_owned())
    );
}

#[test]
fn what_is_wrong_is_said_in_one_sentence_and_the_exit_code_is_not_0() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("not-a-database.db");
    std::fs::write(
        &file,
        "something else entirely, and long enough to be looked at as a header of a page",
    )
    .unwrap();
    let database = |path: &Path| format!("--database=sqlite:{}", path.display());
    for (arguments, sentence) in [
        (
            vec!["--listen=0.0.0.0:0".to_owned()],
            "no service key is given",
        ),
        (
            vec![
                "--listen=192.0.2.1:3000".to_owned(),
                "--service-key-file=/nonexistent".to_owned(),
            ],
            "cannot read",
        ),
        (
            vec!["--listen=127.0.0.1:0".to_owned(), database(&file)],
            "file is not a database",
        ),
        (
            vec![
                "--listen=127.0.0.1:0".to_owned(),
                database(&folder.path().join("no/such.db")),
            ],
            "No such file",
        ),
        (vec!["--idle-timeout=forever".to_owned()], "--idle-timeout"),
    ] {
        for mode in ["serve", "check"] {
            let (done, text) = says(command(&[mode]).args(&arguments));
            assert!(!done, "{mode} {arguments:?} {text}");
            if mode == "serve" {
                assert!(text.contains(sentence), "{arguments:?} {text}");
            }
        }
    }
}

#[test]
fn a_service_key_that_is_set_and_of_no_use_is_not_taken_for_development_mode() {
    use std::os::unix::ffi::OsStrExt;
    let token = format!("sd1_{}", "A".repeat(64));
    for key in [
        &b""[..],
        b"short",
        b"caf\xe9 0123456789012345678901234567890123456789",
        token.as_bytes(),
    ] {
        let mut check = command(&["check", "--listen=127.0.0.1:0"]);
        let (done, text) =
            says(check.env("SESSIOND_SERVICE_KEY", std::ffi::OsStr::from_bytes(key)));
        assert!(!done && text.contains("SESSIOND_SERVICE_KEY"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_log_level_shows_a_token_a_password_or_a_whole_number() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let node = Node::logging(&folder.path().join("test.db"), &log);
    let create = "mutation { createUser(input: { mobile: \"9012345678\", username: \"N\", password: \"correct horse\" }) \
         { token } }";
    let token = node.run(create.into()).await.unwrap()["data"]["createUser"]["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut alerts = Socket::open(node.address, Some(&token))
        .await
        .subscribe("(mobile: \"9012345678\")")
        .await;
    let login = "mutation { login(input: { mobile: \"9012345678\", username: \"N\", password: \"wrong horse\" }) \
         { outcome } }";
    node.run(login.into()).await.unwrap();
    alerts.settle().await;
    drop(node);
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("TRACE"), "{log}");
    for secret in [&token, "correct horse", "wrong horse", "9012345678"] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_reads_what_became_of_sessions_and_nothing_of_people() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let node = Node::logging(&folder.path().join("test.db"), &log);
    let run = async |query: String| node.run(query).await.unwrap()["data"].clone();
    let create = "mutation { createUser(input: { mobile: \"9012345678\", username: \"Somebody\" }) \
         { token user { id } session { sessionKey } } }";
    let created = run(create.into()).await["createUser"].clone();
    let (mut keys, mut tokens) = (
        vec![created["session"]["sessionKey"].clone()],
        vec![created["token"].clone()],
    );
    let mut attempts = Vec::new();
    for (policy, decision) in [
        ("REJECT", ""),
        ("TAKE_OVER", ""),
        ("ASK", "DENY"),
        ("ASK", "APPROVE"),
    ] {
        let login = format!(
            "mutation {{ login(input: {{ mobile: \"9012345678\", username: \"Somebody\", onConflict: {policy}, \
             userAgent: \"Telltale\", deviceId: \"device-{}\", ipAddress: \"203.0.113.77\" }}) {{ token session {{ sessionKey }} }} }}",
            keys.len()
        );
        let opened = run(login).await["login"].clone();
        keys.push(opened["session"]["sessionKey"].clone());
        tokens.push(opened["token"].clone());
        if !decision.is_empty() {
            let last = "{ user(mobile: \"9012345678\") { alerts(first: 1) { nodes { attempt { id } } } } }";
            let attempt =
                run(last.into()).await["user"]["alerts"]["nodes"][0]["attempt"]["id"].clone();
            run(format!(
                "mutation {{ decideLogin(input: {{ attemptId: {attempt}, decision: {decision} }}) {{ message }} }}"
            ))
            .await;
            attempts.push(attempt);
        }
    }
    run(format!(
        "mutation {{ invalidateSession(input: {{ sessionKey: {} }}) {{ message }} }}",
        keys[4]
    ))
    .await;
    drop(node);
    let log = std::fs::read_to_string(log).unwrap();
    let lines: Vec<_> = log.lines().filter(|line| line.contains(" INFO ")).collect();
    let user = created["user"]["id"].as_str().unwrap();
    for (of, told) in [
        (0, "session active"),
        (0, "login refused because this session is active"),
        (0, "session ended"),
        (0, "reason=Replaced"),
        (2, "session active"),
        (3, "session awaits approval"),
        (3, "reason=NotApproved"),
        (4, "session awaits approval"),
        (2, "reason=Replaced"),
        (4, "session active"),
        (4, "reason=Invalidated"),
    ] {
        let key = keys[of].as_str().unwrap();
        let mut of = lines
            .iter()
            .filter(|line| line.contains(key) && line.contains("user="));
        assert!(
            of.any(|line| line.contains(told)),
            "{told} of {key}, {user}: {lines:#?}"
        );
    }
    let tokens = tokens.iter().filter_map(|token| token.as_str());
    for personal in tokens.chain([
        "9012345678",
        "Somebody",
        "Telltale",
        "device-",
        "203.0.113.77",
    ]) {
        assert_eq!(lines.iter().find(|line| line.contains(personal)), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_logged_with_its_cause() {
    let folder = tempfile::tempdir().unwrap();
    let (path, log) = (folder.path().join("test.db"), folder.path().join("log"));
    let mut json = command(&["--listen=127.0.0.1:0", "--log-format=json"]);
    let node = Node::spawn(&path, &mut json, std::fs::File::create(&log).unwrap());
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let create =
        "mutation { createUser(input: { mobile: \"9012345678\", username: \"N\" }) { message } }";
    let refused = node.run(create.into()).await.unwrap();
    assert_eq!(
        refused["errors"][0]["extensions"]["code"], "UNAVAILABLE",
        "{refused}"
    );
    drop(node);
    let log = std::fs::read_to_string(log).unwrap();
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for told in ["a transaction failed", "a request failed"] {
        let line = lines
            .iter()
            .find(|line| line["message"] == told)
            .expect(&log);
        let error = line["error"].as_str().unwrap();
        assert!(
            error.contains("unavailable: another program holds the file locked"),
            "{error}"
        );
    }
}

#[test]
fn a_check_finds_sound_settings_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!(
        "--database=sqlite:{}",
        folder.path().join("new.db").display()
    );
    let (done, text) = says(&mut command(&["check", "--listen=127.0.0.1:0", &database]));
    assert!(done, "{text}");
    assert!(
        text.contains("development mode") && text.contains("will be created"),
        "{text}"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_check_tells_all_that_is_wrong_at_once() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("--listen={}", taken.local_addr().unwrap());
    let arguments = [
        "check",
        &listen,
        "--approval-timeout=2d",
        "--database=sqlite:/nowhere/at/all.db",
    ];
    let (done, text) = says(command(&arguments).env("SESSIOND_SERVICE_KEY", "short"));
    assert!(!done, "{text}");
    for part in [
        "--approval-timeout (2days)",
        "has fewer than 32 characters",
        "cannot listen on",
        "the folder /nowhere/at does not exist",
    ] {
        assert!(text.contains(part), "{part} {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_one_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let node = Node::start(&path);
    let (done, text) = says(&mut command(&[
        "--listen=127.0.0.1:0",
        &format!("--database=sqlite:{}", path.display()),
    ]));
    assert!(
        !done && text.contains("in use by another sessiond"),
        "{text}"
    );
    assert!(node.run("{ __typename }".into()).await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_before_kill_9_is_there_afterwards() {
    const WRITERS: u32 = 8;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let node = Node::start(&path);
    // Eight writers, each a user of its own, log in again and again until the process is gone.
    let answered = Semaphore::new(0);
    let writers = (0..WRITERS).map(async |writer| {
        let mobile = format!("901234560{writer}");
        let create = format!("mutation {{ createUser(input: {{ mobile: \"{mobile}\", username: \"N\" }}) {{ token }} }}");
        node.run(create).await.expect("the process is there yet");
        let mut last = None;
        loop {
            let login = format!(
                "mutation {{ login(input: {{ mobile: \"{mobile}\", username: \"N\", onConflict: TAKE_OVER }}) \
                 {{ session {{ sessionKey }} }} }}"
            );
            match node.run(login).await {
                Some(answer) => {
                    let key = answer.pointer("/data/login/session/sessionKey").expect("it is logged in");
                    if last.replace(key.clone()).is_none() {
                        answered.add_permits(1);
                    }
                }
                None => return (mobile, last),
            }
        }
    });
    let kill = async {
        // Each of them has something to lose, and goes on.
        answered.acquire_many(WRITERS).await.unwrap().forget();
        node.signal("-9");
    };
    let (written, ()) = soon(futures_util::future::join(join_all(writers), kill)).await;
    drop(node);

    let node = Node::start(&path);
    for (mobile, last) in written {
        let query = format!(
            "{{ user(mobile: \"{mobile}\") {{ activeSession {{ sessionKey }} sessions(first: 100) \
             {{ nodes {{ sessionKey isValid replacedBy {{ sessionKey }} }} }} }} }}"
        );
        let user = node.run(query).await.unwrap();
        let user = &user["data"]["user"];
        let sessions = user["sessions"]["nodes"].as_array().unwrap();
        assert_eq!(
            sessions
                .iter()
                .filter(|session| session["isValid"] == true)
                .count(),
            1,
            "{user}"
        );
        // A later login may have been committed without its answer's coming through.
        let last = last.expect("the writer was answered");
        assert!(
            sessions.iter().any(|session| session["sessionKey"] == last),
            "{last} {user}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_it_with_0_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let mut node = Node::start(&path);
    let create = "mutation { createUser(input: { mobile: \"9012345678\", username: \"N\" }) { session { sessionKey } } }";
    let created = node.run(create.into()).await.unwrap();
    node.signal("-TERM");
    let process = &mut node.process;
    let waited = soon(async {
        loop {
            match process.try_wait().unwrap() {
                Some(status) => break status,
                None => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    });
    assert!(waited.await.success());
    let node = Node::start(&path);
    let user = node
        .run("{ user(mobile: \"9012345678\") { activeSession { sessionKey } } }".into())
        .await
        .unwrap();
    assert_eq!(
        user["data"]["user"]["activeSession"],
        created["data"]["createUser"]["session"]
    );
}
