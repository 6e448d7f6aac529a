//! No secret is in the database, in a backup of it, or in the log.

use std::{fs, path::Path};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rusqlite::Connection;
use serde_json::json;
use sessiond::access::Scope;
use sessiond_test_support::{
    AlertSubscription, EVENT_STREAM, EventStream, MOBILE, SERVICE_KEY, TestKey, within_deadline,
};

use crate::SESSIOND;

const CREATE: &str = "mutation($input: CreateUserInput!) { createUser(input: $input) { token } }";
const LOGIN: &str = "mutation($input: LoginInput!) { login(input: $input) { token } }";
const SET: &str = "mutation($input: SetPasswordInput!) { setPassword(input: $input) { message } }";

/// Panics if a file of `folder` contains a secret.
fn assert_no_secret(folder: &Path, secrets: &[Vec<u8>]) {
    let mut files = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let content = fs::read(&path).unwrap();
        for secret in secrets {
            let found = content.windows(secret.len()).any(|part| part == secret);
            let secret = String::from_utf8_lossy(secret);
            assert!(!found, "{} contains {secret}", path.display());
        }
        files += usize::from(!content.is_empty());
    }
    assert!(files > 0, "nothing was read in {}", folder.display());
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_the_database_nor_a_backup_nor_the_log_at_trace_level_contains_a_secret() {
    const DEVICES: [&str; 2] = [
        "c1f0a5f2-3f0e-4ae8-9d57-cc1f0a5f2e11",
        "7d0c7b1e-90f5-4e0b-8d0f-2b8f4c1d9a02",
    ];
    const PASSWORDS: [&str; 3] = ["grave lantern 7", "wrong lantern 8", "amber teacup 31"];
    let folder = tempfile::tempdir().unwrap();
    let (data, logs, keys) = (
        folder.path().join("data"),
        folder.path().join("logs"),
        folder.path().join("keys.toml"),
    );
    fs::create_dir(&data).unwrap();
    fs::create_dir(&logs).unwrap();
    let key = TestKey::new("reader", &[Scope::Read]);
    fs::write(&keys, TestKey::file_of(&[key])).unwrap();
    let database = data.join("sessiond.db");
    let server = SESSIOND
        .server()
        .flags(&["--service-keys", keys.to_str().unwrap()])
        .service_key()
        .database_file(&database)
        .trace()
        .log_to(&logs.join("log"))
        .start()
        .await;
    let credentials = |password, device| {
        let input = json!({
            "mobile": MOBILE, "username": "N", "password": password, "deviceId": device,
        });
        json!({ "input": input })
    };
    let created = server
        .run(CREATE, credentials(PASSWORDS[0], DEVICES[0]))
        .await;
    let first = created.data_str("/createUser/token");
    let again = server
        .run(LOGIN, credentials(PASSWORDS[0], DEVICES[0]))
        .await;
    let second = again.data_str("/login/token");
    let wrong = server
        .run(LOGIN, credentials(PASSWORDS[1], DEVICES[1]))
        .await;
    assert_eq!(wrong.error_code(), "INVALID_CREDENTIALS");
    let refused = server
        .run(LOGIN, credentials(PASSWORDS[0], DEVICES[1]))
        .await;
    assert!(!refused.has_errors(), "{}", refused.0);
    assert_eq!(server.verify_status(&second).await, 200);
    assert_eq!(server.verify_status(&first).await, 401);
    let set = json!({
        "mobile": MOBILE, "oldPassword": PASSWORDS[0], "newPassword": PASSWORDS[2],
    });
    let set = server
        .run_as(Some(&second), SET, json!({ "input": set }))
        .await;
    assert!(!set.has_errors(), "{}", set.0);
    let socket = server.socket(Some(&second)).await;
    let _alerts = AlertSubscription::start(socket, MOBILE).await;
    let query = "{ __typename }";
    for bearer in [
        SERVICE_KEY,
        &key.secret(),
        "an unknown key that somebody has typed",
    ] {
        let request = server.get("/graphql").query(&[("query", query)]);
        let request = request.header("accept", EVENT_STREAM).bearer_auth(bearer);
        let response = within_deadline(request.send()).await.unwrap();
        EventStream::new(response).next().await;
    }

    let mut secrets: Vec<Vec<u8>> = [&*first, &second, SERVICE_KEY, &key.secret()]
        .into_iter()
        .chain(["an unknown key that somebody has typed"])
        .chain(DEVICES)
        .chain(PASSWORDS)
        .map(|secret| secret.as_bytes().to_vec())
        .collect();
    // The random bits of a token, as bytes.
    for token in [&first, &second] {
        let bytes = URL_SAFE_NO_PAD
            .decode(token.trim_start_matches("sd1_"))
            .unwrap();
        secrets.push(bytes[16..].to_vec());
    }
    // While the server runs, the write-ahead log has the latest pages.
    assert_no_secret(&data, &secrets);
    let backup = folder.path().join("backup");
    fs::create_dir(&backup).unwrap();
    let target = backup.join("sessiond.db").display().to_string();
    let connection = Connection::open(&database).unwrap();
    connection.execute("VACUUM INTO ?", [target]).unwrap();
    drop(connection);
    assert_no_secret(&backup, &secrets);
    server.signal("TERM");
    assert!(server.exit().await.success());
    drop(server);
    assert_no_secret(&data, &secrets);
    assert_no_secret(&logs, &secrets);
    let log = fs::read_to_string(logs.join("log")).unwrap();
    assert!(log.contains("TRACE") && log.contains("reader"), "{log}");
}
