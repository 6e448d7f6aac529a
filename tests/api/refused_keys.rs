//! Service keys that permit nothing, or not what is asked.

use serde_json::json;
use sessiond::{access::Scope, domain::Timestamp};
use sessiond_test_support::{MOBILE, TestKey, TestServer};

use crate::SESSIOND;

/// Operations whose inputs are wrong, and which `CHECK` does not permit.
const WRONG: [&str; 9] = [
    "{ node(id: \"zz\") { id } }",
    "{ user(mobile: \"zz\") { id } }",
    "mutation { createUser(input: { mobile: \"zz\", username: \"\" }) { message } }",
    "mutation { login(input: { mobile: \"zz\", username: \"\" }) { message } }",
    "mutation { invalidateSession(input: { sessionKey: \"zz\" }) { message } }",
    "mutation { decideLogin(input: { attemptId: \"zz\", decision: DENY }) { message } }",
    "mutation { setPassword(input: { mobile: \"zz\", newPassword: \"\" }) { message } }",
    "mutation { deleteUser(input: { mobile: \"zz\" }) { message } }",
    "{ node(id: \"\") { id } }",
];

#[tokio::test]
async fn a_key_without_the_scope_is_forbidden_before_its_inputs_are_checked() {
    let keys = [
        TestKey::new("check", &[Scope::Check]),
        TestKey::new("login", &[Scope::Login]),
    ];
    let server = TestServer::with_service_keys(&keys).await;
    let (check, login) = (keys[0].secret(), keys[1].secret());
    for operation in WRONG {
        let refused = server.run_as(Some(&check), operation, json!({}));
        assert_eq!(refused.await.error_code(), "FORBIDDEN", "{operation}");
    }
    let query = "query($keys: [ID!]!) { sessionsByKey(sessionKeys: $keys) { isValid } }";
    let variables = json!({ "keys": vec!["zz"; 101] });
    let refused = server.run_as(Some(&login), query, variables.clone());
    assert_eq!(refused.await.error_code(), "FORBIDDEN");
    let permitted = server.run_as(Some(&check), query, variables);
    assert_eq!(permitted.await.invalid_field(), "sessionKeys");
}

#[tokio::test]
async fn a_subscription_without_the_scope_is_forbidden_before_its_inputs_are_checked() {
    let keys = [TestKey::new("check", &[Scope::Check])];
    let server = TestServer::with_service_keys(&keys).await;
    let socket = server.socket(Some(&keys[0].secret())).await;
    let arguments = json!({ "mobile": "zz", "after": "zz" });
    let mut alerts = socket.subscribe_to_alerts(arguments).await;
    assert_eq!(alerts.rejection().await.error_code(), "FORBIDDEN");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_key_is_logged_with_its_name_and_an_unknown_one_without_any_secret() {
    let expired = TestKey {
        expires_at: Some(Timestamp::from_millis(0)),
        ..TestKey::new("orders", &[Scope::Read])
    };
    let folder = tempfile::tempdir().unwrap();
    let (file, log) = (folder.path().join("keys.toml"), folder.path().join("log"));
    std::fs::write(&file, TestKey::file_of(&[expired])).unwrap();
    let flag = format!("--service-keys={}", file.display());
    let server = SESSIOND.server().flags(&[&flag]).log_to(&log).start().await;
    let unknown = "an unknown key of 32 characters or more";
    let query = "query($mobile: String!) { user(mobile: $mobile) { id } }";
    for _ in 0..3 {
        for secret in [&*expired.secret(), unknown] {
            let refused = server.run_as(Some(secret), query, json!({ "mobile": MOBILE }));
            assert_eq!(refused.await.error_code(), "UNAUTHENTICATED");
        }
    }
    drop(server);

    let log = std::fs::read_to_string(log).unwrap();
    let lines = |text: &str| log.lines().filter(|line| line.contains(text)).count();
    assert_eq!(lines("an expired service key is used"), 1, "{log}");
    assert!(log.contains("key=orders"), "{log}");
    assert_eq!(lines("neither a session's token nor a service key"), 1);
    for secret in [&*expired.secret(), unknown] {
        assert!(!log.contains(secret));
    }
}
