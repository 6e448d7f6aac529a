//! Service keys: scopes, expiry, and what happens when the file of keys is read again.

use std::time::Duration;

use serde_json::{Value, json};
use sessiond::{access::Scope, clock::Clock};
use sessiond_test_support::{
    AlertSubscription, EventStream, FakeClock, GraphQlResponse, MOBILE, OTHER_MOBILE, SERVICE_KEY,
    TestKey, TestServer, UNKNOWN_MOBILE, run_to_exit, within_deadline,
};

use crate::SESSIOND;

const ALERTS: &str = "subscription($mobile: String, $after: ID) {
    sessionAlerts(mobile: $mobile, after: $after) { id } }";
const USER: &str = "query($mobile: String!) { user(mobile: $mobile) { id } }";
const UNKNOWN_KEY: &str = "0190163d-8694-739b-aea5-966c26f8ad91";

/// The close code of a socket whose service key is revoked, and its reason.
const REVOKED: (u16, &str) = (4442, "The service key is no longer valid");

const READ: TestKey<'static> = TestKey::new("read", &[Scope::Read]);
const CHECK: TestKey<'static> = TestKey::new("check", &[Scope::Check]);

/// Each operation of the schema, and the scopes of which it needs one.
const OPERATIONS: &[(&str, &[Scope], &str)] = &[
    (
        "node",
        &[Scope::Read],
        "{ node(id: \"UNKNOWN_KEY\") { id } }",
    ),
    (
        "user",
        &[Scope::Read],
        "{ user(mobile: \"UNKNOWN\") { id } }",
    ),
    ("currentSession", &[], "{ currentSession { id } }"),
    (
        "sessionsByKey",
        &[Scope::Check, Scope::Read],
        "{ sessionsByKey(sessionKeys: [\"UNKNOWN_KEY\"]) { id } }",
    ),
    (
        "eventCursor",
        &[Scope::Check, Scope::Read],
        "{ eventCursor }",
    ),
    ("users", &[Scope::Read], "{ users { nodes { id } } }"),
    (
        "activeSessions",
        &[Scope::Read],
        "{ activeSessions { nodes { id } } }",
    ),
    (
        "createUser",
        &[Scope::Login],
        "mutation { createUser(input: { mobile: \"MOBILE\", username: \"A\" }) { message } }",
    ),
    (
        "login",
        &[Scope::Login],
        "mutation { login(input: { mobile: \"MOBILE\", username: \"A\" }) { message } }",
    ),
    (
        "invalidateSession",
        &[Scope::Manage],
        "mutation { invalidateSession(input: { sessionKey: \"UNKNOWN_KEY\" }) { message } }",
    ),
    (
        "decideLogin",
        &[Scope::Manage],
        "mutation { decideLogin(input: { attemptId: \"ATTEMPT\", decision: DENY }) { message } }",
    ),
    (
        "freezeUser",
        &[Scope::Manage],
        "mutation { freezeUser(input: { mobile: \"UNKNOWN\" }) { message } }",
    ),
    (
        "unfreezeUser",
        &[Scope::Manage],
        "mutation { unfreezeUser(input: { mobile: \"UNKNOWN\" }) { message } }",
    ),
    (
        "setPassword",
        &[Scope::Manage],
        "mutation { setPassword(input: { mobile: \"UNKNOWN\", newPassword: \"grave lantern 7\" }) \
         { message } }",
    ),
    (
        "deleteUser",
        &[Scope::Admin],
        "mutation { deleteUser(input: { mobile: \"UNKNOWN\" }) { message } }",
    ),
    (
        "sessionEvents",
        &[Scope::Check, Scope::Read],
        "subscription { sessionEvents { kind } }",
    ),
    (
        "sessionAlerts",
        &[Scope::Read],
        "subscription { sessionAlerts(mobile: \"MOBILE\", after: \"START\") { id } }",
    ),
];

/// A server with one user whose log has one alert.
struct Subject {
    server: TestServer,
    /// The start of the user's log.
    start: String,
    attempt: String,
    session: String,
}

async fn subject(keys: &[TestKey<'_>]) -> Subject {
    let server = TestServer::with_service_keys(keys).await;
    let user = server.create_user(MOBILE).await;
    let start = server.alert_cursor(MOBILE).await;
    server.raise_alert(MOBILE, "another device").await;
    Subject {
        attempt: server.last_attempt_id(MOBILE).await,
        session: user.session,
        start,
        server,
    }
}

impl Subject {
    /// Executes an operation of [`OPERATIONS`] with a key. Returns the first response.
    async fn run(&self, key: &str, operation: &str) -> GraphQlResponse {
        let query = operation
            .replace("UNKNOWN_KEY", UNKNOWN_KEY)
            .replace("UNKNOWN", UNKNOWN_MOBILE)
            .replace("MOBILE", MOBILE)
            .replace("ATTEMPT", &self.attempt)
            .replace("START", &self.start);
        if query.starts_with("subscription") {
            let mut events = EventStream::open(&self.server, Some(key), &query, json!({})).await;
            return GraphQlResponse(events.next().await);
        }
        self.server.run_as(Some(key), &query, json!({})).await
    }
}

fn is_forbidden(response: &GraphQlResponse) -> bool {
    response.has_errors() && response.error_code() == "FORBIDDEN"
}

/// Returns the name and the description of each operation of the schema.
async fn operations_of_schema(server: &TestServer) -> Vec<(String, String)> {
    let fields = "fields { name description }";
    let query = format!(
        "{{ __schema {{ queryType {{ {fields} }} mutationType {{ {fields} }}
            subscriptionType {{ {fields} }} }} }}"
    );
    let schema = server.run_as_service(&query, json!({})).await;
    ["queryType", "mutationType", "subscriptionType"]
        .iter()
        .flat_map(|kind| {
            schema
                .data_array(&format!("/__schema/{kind}/fields"))
                .to_vec()
        })
        .map(|field| {
            let text = |name: &str| field[name].as_str().unwrap().to_owned();
            (text("name"), text("description"))
        })
        .collect()
}

#[tokio::test]
async fn every_operation_of_the_schema_names_its_scope_and_is_forbidden_without_it() {
    let names: Vec<_> = Scope::ALL
        .iter()
        .map(|scope| format!("only-{scope}"))
        .collect();
    let only: Vec<_> = (0..Scope::ALL.len())
        .map(|index| TestKey::new(&names[index], &Scope::ALL[index..=index]))
        .collect();
    let subject = subject(&only).await;
    let schema = operations_of_schema(&subject.server).await;
    let known: Vec<_> = OPERATIONS.iter().map(|(name, ..)| *name).collect();
    for (name, description) in &schema {
        assert!(known.contains(&&**name), "the test has no scope for {name}");
        let (_, scopes, operation) = OPERATIONS.iter().find(|(own, ..)| own == name).unwrap();
        if !scopes.is_empty() {
            let description = description.split_whitespace().collect::<Vec<_>>().join(" ");
            let (_, text) = description.split_once("Scope of a service key:").unwrap();
            for scope in *scopes {
                assert!(
                    text.contains(&format!("`{scope}`")),
                    "{name}: {description}"
                );
            }
        }
        for (key, scope) in only.iter().zip(Scope::ALL) {
            let response = subject.run(&key.secret(), operation).await;
            let may = scopes.is_empty() || scopes.contains(&scope) || scope == Scope::Admin;
            assert_eq!(
                is_forbidden(&response),
                !may,
                "{name} {scope} {}",
                response.0
            );
        }
        let unknown = subject
            .run("an unknown key that is long enough to be one", operation)
            .await;
        assert!(!is_forbidden(&unknown), "{name} {}", unknown.0);
    }
    assert_eq!(schema.len(), known.len());
}

#[tokio::test]
async fn a_key_for_checks_sees_sessions_without_their_users() {
    let subject = subject(&[CHECK, READ]).await;
    let query = "query($keys: [ID!]!) { sessionsByKey(sessionKeys: $keys) { isValid FIELD } }";
    let run = async |key: &TestKey<'_>, field| {
        let query = query.replace("FIELD", field);
        let variables = json!({ "keys": [subject.session] });
        subject
            .server
            .run_as(Some(&key.secret()), &query, variables)
            .await
    };
    let checked = run(&CHECK, "").await;
    assert_eq!(
        *checked.data("/sessionsByKey"),
        json!([{ "isValid": true }])
    );
    let user = "user { username }";
    assert!(is_forbidden(&run(&CHECK, user).await));
    let read = run(&READ, user).await;
    assert_eq!(read.data("/sessionsByKey/0/user/username"), "SavingsBank");
}

#[tokio::test]
async fn a_key_without_a_scope_is_never_treated_as_anyone() {
    let subject = subject(&[READ]).await;
    let query = "mutation($input: CreateUserInput!) { createUser(input: $input) { message } }";
    let input = json!({ "mobile": OTHER_MOBILE, "username": "A", "password": "grave lantern 7" });
    let variables = json!({ "input": input });
    let by_key = subject
        .server
        .run_as(Some(&READ.secret()), query, variables.clone())
        .await;
    assert!(is_forbidden(&by_key), "{}", by_key.0);
    let by_anyone = subject.server.run(query, variables).await;
    assert!(!by_anyone.has_errors(), "{}", by_anyone.0);
}

#[tokio::test]
async fn a_removed_key_is_refused_and_its_streams_end_while_those_of_other_keys_go_on() {
    let keys = [READ, TestKey::new("other", &[Scope::Read])];
    let subject = subject(&keys).await;
    let server = &subject.server;
    let variables = json!({ "mobile": MOBILE, "after": subject.start });
    let mut socket =
        AlertSubscription::start(server.socket(Some(&READ.secret())).await, MOBILE).await;
    let mut idle_socket = server.socket(Some(&READ.secret())).await;
    let mut events = EventStream::open(server, Some(&READ.secret()), ALERTS, variables).await;
    events.next().await;
    let other = server.socket(Some(&keys[1].secret())).await;
    let mut other = AlertSubscription::start(other, MOBILE).await;

    server.replace_service_keys(&TestKey::file_of(&keys[1..]));

    let revoked = (REVOKED.0, REVOKED.1.to_owned());
    assert_eq!(socket.closed().await, revoked);
    assert_eq!(idle_socket.closed().await, revoked);
    let last = GraphQlResponse(events.next().await);
    assert_eq!(last.error_code(), "UNAUTHENTICATED");
    events.assert_completed().await;
    let refused = server
        .run_as(Some(&READ.secret()), USER, json!({ "mobile": MOBILE }))
        .await;
    assert_eq!(refused.error_code(), "UNAUTHENTICATED");
    server.raise_alert(MOBILE, "a third device").await;
    assert_eq!(other.next_kind().await, "LOGIN_REFUSED");
}

#[tokio::test]
async fn a_key_that_loses_a_scope_loses_its_streams_and_one_that_gains_a_scope_does_not() {
    let both = TestKey::new("both", &[Scope::Read, Scope::Check]);
    let subject = subject(&[both, READ]).await;
    let server = &subject.server;
    let open = async |key: &TestKey<'_>| {
        AlertSubscription::start(server.socket(Some(&key.secret())).await, MOBILE).await
    };
    let (mut losing, mut gaining) = (open(&both).await, open(&READ).await);
    let changed = [
        TestKey::new("both", &[Scope::Read]),
        TestKey::new("read", &[Scope::Read, Scope::Login]),
    ];
    server.replace_service_keys(&TestKey::file_of(&changed));
    assert_eq!(losing.closed().await.0, REVOKED.0);
    server.raise_alert(MOBILE, "a third device").await;
    assert_eq!(gaining.next_kind().await, "LOGIN_REFUSED");
}

#[tokio::test]
async fn a_stream_ends_when_its_key_loses_a_scope_that_it_gained_after_the_socket_was_opened() {
    let subject = subject(&[CHECK]).await;
    let server = &subject.server;
    let socket = server.socket(Some(&CHECK.secret())).await;
    let gained = TestKey::new("check", &[Scope::Check, Scope::Read]);
    server.replace_service_keys(&TestKey::file_of(&[gained]));
    let mut alerts = AlertSubscription::start(socket, MOBILE).await;
    server.raise_alert(MOBILE, "a third device").await;
    assert_eq!(alerts.next_kind().await, "LOGIN_REFUSED");
    server.replace_service_keys(&TestKey::file_of(&[CHECK]));
    assert_eq!(alerts.closed().await.0, REVOKED.0);
}

#[tokio::test]
async fn a_key_ends_with_its_expiry_and_so_do_its_streams() {
    let hour = Duration::from_hours(1);
    let expiring = TestKey {
        expires_at: Some(FakeClock::default().now().plus(hour)),
        ..READ
    };
    let subject = subject(&[expiring]).await;
    let server = &subject.server;
    let socket = server.socket(Some(&READ.secret())).await;
    let mut alerts = AlertSubscription::start(socket, MOBILE).await;
    server.advance(hour);
    assert_eq!(alerts.closed().await.0, REVOKED.0);
    let refused = server
        .run_as(Some(&READ.secret()), USER, json!({ "mobile": MOBILE }))
        .await;
    assert_eq!(refused.error_code(), "UNAUTHENTICATED");
}

#[tokio::test]
async fn a_file_with_a_mistake_is_refused_whole_and_the_old_keys_stay() {
    let subject = subject(&[READ]).await;
    let server = &subject.server;
    let mistake = TestKey::file_of(&[CHECK]) + "[[key]]\nname = \"incomplete\"\n";
    let user = async |key: &TestKey<'_>| {
        server
            .run_as(Some(&key.secret()), USER, json!({ "mobile": MOBILE }))
            .await
    };
    server.replace_service_keys(&mistake);
    assert!(!user(&READ).await.has_errors());
    assert_eq!(user(&CHECK).await.error_code(), "UNAUTHENTICATED");
    // No key left means that nobody is the service, and not that everybody is.
    server.replace_service_keys("");
    assert_eq!(user(&READ).await.error_code(), "UNAUTHENTICATED");
    let anyone = server.run(USER, json!({ "mobile": MOBILE })).await;
    assert_eq!(anyone.error_code(), "UNAUTHENTICATED");
    // The one key of the file with a single key stays.
    let single = server
        .run_as(Some(SERVICE_KEY), USER, json!({ "mobile": MOBILE }))
        .await;
    assert!(!single.has_errors(), "{}", single.0);
}

#[tokio::test]
async fn a_new_key_works_after_sighup_and_the_log_has_its_name_and_not_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let (file, log) = (folder.path().join("keys.toml"), folder.path().join("log"));
    std::fs::write(&file, "").unwrap();
    let flag = format!("--service-keys={}", file.display());
    let server = SESSIOND
        .server()
        .flags(&[&flag])
        .trace()
        .log_to(&log)
        .start()
        .await;
    let mut command = SESSIOND.command(&["key", "new", "--name=orders", "--scopes=check,read"]);
    let output = command.arg("--expires-in=1d").output().unwrap();
    assert!(output.status.success());
    let shown = String::from_utf8(output.stderr).unwrap();
    let key = shown.trim().rsplit(' ').next().unwrap();
    assert!(key.starts_with("sdk_") && key.len() == 47, "{shown}");
    let entry = String::from_utf8(output.stdout).unwrap();
    assert!(!entry.contains(key), "{entry}");

    let query = "query($mobile: String!) { user(mobile: $mobile) { id } }";
    let user = async || {
        server
            .run_as(Some(key), query, json!({ "mobile": MOBILE }))
            .await
    };
    assert_eq!(user().await.error_code(), "UNAUTHENTICATED");
    std::fs::write(&file, entry).unwrap();
    server.signal("HUP");
    within_deadline(async {
        while user().await.has_errors() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(*user().await.data("/user"), Value::Null);
    // The line follows the change.
    let log = within_deadline(async {
        loop {
            let log = std::fs::read_to_string(&log).unwrap();
            if log.contains("orders") {
                return log;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(!log.contains(key), "{log}");
}

#[test]
fn a_key_with_an_unknown_scope_or_an_unusable_name_is_not_made() {
    for (name, scopes, problem) in [
        ("orders", "read,all", "is not a scope"),
        ("two words", "read", "the name must be"),
    ] {
        let (name, scopes) = (format!("--name={name}"), format!("--scopes={scopes}"));
        let (succeeded, output) =
            run_to_exit(&mut SESSIOND.command(&["key", "new", &name, &scopes]));
        assert!(!succeeded && output.contains(problem), "{output}");
    }
}
