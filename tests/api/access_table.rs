//! Who may do what: every cell of the table of callers and operations, over every transport.

use serde_json::{Value, json};
use sessiond_test_support::{
    Account, EventStream, GraphQlResponse, SERVICE_KEY, Socket, TestServer, UNKNOWN_MOBILE,
};

const UNKNOWN_KEY: &str = "0190163d-8694-739b-aea5-966c26f8ad91";

/// The outcome of an operation: it is carried out.
const OK: &str = "OK";
/// The response is the same as for an object that does not exist.
const NULL: &str = "NULL";
const MISSING: &str = "NOT_FOUND";
const NO_SESSION: &str = "UNAUTHENTICATED";
const FORBIDDEN: &str = "FORBIDDEN";

/// The callers, in the order of the columns of [`TABLE`].
const CALLERS: [&str; 7] = [
    "service",
    "active",
    "pending",
    "ended",
    "other user",
    "unknown token",
    "anyone",
];

/// The outcome of each operation on one user, for each of [`CALLERS`]. `$mobile`, `$user`, `$active`,
/// `$pending`, `$alert`, `$attempt` and `$start` name parts of that user.
#[rustfmt::skip]
const TABLE: &[(&str, [&str; 7])] = &[
    ("query { user(mobile: $mobile) { alerts { nodes { id } } } }",
        [OK, OK, NO_SESSION, NO_SESSION, NULL, NO_SESSION, NO_SESSION]),
    ("query { node(id: $user) { ... on User { alerts { totalCount: nodes { id } } } } }",
        [OK, OK, OK, OK, NULL, NULL, NULL]),
    ("query { node(id: $active) { ... on Session { ipAddress } } }",
        [OK, OK, NULL, NULL, NULL, NULL, NULL]),
    ("query { node(id: $pending) { ... on Session { ipAddress } } }",
        [OK, OK, OK, NULL, NULL, NULL, NULL]),
    ("query { node(id: $alert) { ... on SessionAlert { message } } }",
        [OK, OK, NULL, NULL, NULL, NULL, NULL]),
    ("query { currentSession { user { alertCursor } } }",
        [NULL, OK, OK, NO_SESSION, OK, NULL, NULL]),
    ("query { sessionsByKey(sessionKeys: [$active]) { ipAddress } }",
        [OK, FORBIDDEN, NO_SESSION, NO_SESSION, FORBIDDEN, NO_SESSION, NO_SESSION]),
    ("query { eventCursor }",
        [OK, FORBIDDEN, NO_SESSION, NO_SESSION, FORBIDDEN, NO_SESSION, NO_SESSION]),
    ("query { users { nodes { id } } }",
        [OK, FORBIDDEN, NO_SESSION, NO_SESSION, FORBIDDEN, NO_SESSION, NO_SESSION]),
    ("query { activeSessions { nodes { ipAddress } } }",
        [OK, FORBIDDEN, NO_SESSION, NO_SESSION, FORBIDDEN, NO_SESSION, NO_SESSION]),
    ("subscription { sessionEvents { sessionKey } }",
        [OK, FORBIDDEN, NO_SESSION, NO_SESSION, FORBIDDEN, NO_SESSION, NO_SESSION]),
    ("subscription { sessionAlerts(mobile: $mobile, after: $start) { id } }",
        [OK, OK, OK, NO_SESSION, MISSING, NO_SESSION, NO_SESSION]),
    ("mutation { invalidateSession(input: { sessionKey: $active }) { message } }",
        [OK, OK, NO_SESSION, NO_SESSION, MISSING, NO_SESSION, NO_SESSION]),
    ("mutation { invalidateSession(input: { sessionKey: $pending }) { message } }",
        [OK, OK, OK, NO_SESSION, MISSING, NO_SESSION, NO_SESSION]),
    ("mutation { decideLogin(input: { attemptId: $attempt, decision: APPROVE }) { message } }",
        [OK, "INVALID_INPUT", NO_SESSION, NO_SESSION, MISSING, NO_SESSION, NO_SESSION]),
    ("mutation { decideLogin(input: { attemptId: $attempt, decision: DENY }) { message } }",
        [OK, OK, NO_SESSION, NO_SESSION, MISSING, NO_SESSION, NO_SESSION]),
    ("mutation { freezeUser(input: { mobile: $mobile }) { message } }",
        [OK, OK, NO_SESSION, NO_SESSION, MISSING, NO_SESSION, NO_SESSION]),
    ("mutation { unfreezeUser(input: { mobile: $mobile }) { message } }",
        [OK, FORBIDDEN, NO_SESSION, NO_SESSION, FORBIDDEN, NO_SESSION, NO_SESSION]),
    ("query { node(id: $user) { ... on User { isFrozen } } }",
        [OK, OK, OK, OK, NULL, NULL, NULL]),
    ("query { user(mobile: $mobile) { isFrozen freeze { since } } }",
        [OK, OK, NO_SESSION, NO_SESSION, NULL, NO_SESSION, NO_SESSION]),
    ("query { node(id: $active) { ... on Session { isListening place { country } } } }",
        [OK, OK, NULL, NULL, NULL, NULL, NULL]),
    ("query { node(id: $pending) { ... on Session { matchNumber isListening } } }",
        [OK, OK, OK, NULL, NULL, NULL, NULL]),
    ("query { node(id: $alert) { ... on SessionAlert { attempt { matchChoices isNewDevice isNewPlace } } } }",
        [OK, OK, NULL, NULL, NULL, NULL, NULL]),
    ("mutation { setPassword(input: { mobile: $mobile, newPassword: \"grave lantern 7\" }) { message } }",
        [OK, FORBIDDEN, NO_SESSION, NO_SESSION, MISSING, NO_SESSION, NO_SESSION]),
    ("mutation { deleteUser(input: { mobile: $mobile }) { message } }",
        [OK, FORBIDDEN, NO_SESSION, NO_SESSION, FORBIDDEN, NO_SESSION, NO_SESSION]),
    ("mutation { login(input: { mobile: $mobile, username: \"SavingsBank\" }) { outcome } }",
        [OK, "INVALID_CREDENTIALS", "INVALID_CREDENTIALS", "INVALID_CREDENTIALS",
         "INVALID_CREDENTIALS", "INVALID_CREDENTIALS", "INVALID_CREDENTIALS"]),
    ("mutation { createUser(input: { mobile: $new, username: \"SavingsBank\" }) { message } }",
        [OK, "INVALID_INPUT", "INVALID_INPUT", "INVALID_INPUT",
         "INVALID_INPUT", "INVALID_INPUT", "INVALID_INPUT"]),
    ("mutation { createUser(input: { mobile: $new, username: \"SavingsBank\", \
        password: \"grave lantern 7\" }) { message } }",
        [OK, OK, OK, OK, OK, OK, OK]),
];

#[derive(Debug, Clone, Copy)]
enum Transport {
    Http,
    WebSocket,
    EventStream,
}

impl Transport {
    /// Executes an operation, and returns its first response. A caller whose credentials are
    /// unknown cannot open a socket, so the refusal of the socket is its response.
    async fn run(self, server: &TestServer, bearer: Option<&str>, query: &str) -> GraphQlResponse {
        match self {
            Self::Http => server.run_as(bearer, query, json!({})).await,
            Self::EventStream => {
                let mut events = EventStream::open(server, bearer, query, json!({})).await;
                GraphQlResponse(events.next().await)
            }
            Self::WebSocket => {
                let mut socket = server.socket(bearer).await;
                socket.start("1", query).await;
                let mut message = socket.receive().await;
                assert_eq!(message["type"], "next", "{message}");
                GraphQlResponse(message["payload"].take())
            }
        }
    }
}

/// A user with an active, a waiting and an ended session, and the values of the names in [`TABLE`].
struct Subject {
    active: Account,
    pending: String,
    ended: String,
    names: Vec<(&'static str, String)>,
}

impl Subject {
    async fn new(server: &TestServer, mobile: &str, new_mobile: String) -> Self {
        let ended = server.create_user(mobile).await;
        let start = server.alert_cursor(mobile).await;
        let active = server
            .login(mobile, json!({ "onConflict": "TAKE_OVER" }))
            .await;
        let ask = json!({ "onConflict": "ASK", "userAgent": "Tablet" });
        let pending = server.login(mobile, ask).await;
        let user = server.user(mobile, "id alerts { nodes { id } }").await;
        let active = Account {
            mobile: mobile.to_owned(),
            session: active.data_str("/login/session/sessionKey"),
            token: active.data_str("/login/token"),
        };
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self {
            names: vec![
                ("$mobile", mobile.to_owned()),
                ("$user", text(&user["id"])),
                ("$active", active.session.clone()),
                ("$pending", pending.data_str("/login/session/sessionKey")),
                ("$alert", text(&user["alerts"]["nodes"][0]["id"])),
                ("$attempt", server.last_attempt_id(mobile).await),
                ("$start", start),
                ("$new", new_mobile),
            ],
            active,
            pending: pending.data_str("/login/token"),
            ended: ended.token,
        }
    }

    fn attempt(&self) -> &str {
        let attempt = self.names.iter().find(|(name, _)| *name == "$attempt");
        &attempt.unwrap().1
    }

    fn fill(&self, operation: &str) -> String {
        let quoted = |text: String, (name, value): &(&str, String)| {
            text.replace(name, &format!("\"{value}\""))
        };
        self.names.iter().fold(operation.to_owned(), quoted)
    }
}

/// The outcome that a response shows.
fn outcome(response: &GraphQlResponse) -> &str {
    if response.has_errors() {
        return response.error_code();
    }
    let fields = response.0["data"].as_object().unwrap();
    if fields.values().all(Value::is_null) {
        NULL
    } else {
        OK
    }
}

async fn every_cell_holds(transport: Transport) {
    let flags = ["--max-registrations-per-address=1000"];
    let server = TestServer::with_service_key_and_flags(&flags).await;
    let other = server.create_user("9012300000").await;
    let mut numbers = (9_012_300_001_u64..).map(|number| number.to_string());
    let mut fresh = async || {
        let (mobile, new_mobile) = (numbers.next().unwrap(), numbers.next().unwrap());
        Subject::new(&server, &mobile, new_mobile).await
    };
    let mut subject = fresh().await;
    for (operation, outcomes) in TABLE {
        if operation.starts_with("subscription") && matches!(transport, Transport::Http) {
            continue;
        }
        for (caller, expected) in CALLERS.iter().zip(outcomes) {
            let bearer = match *caller {
                "service" => Some(SERVICE_KEY),
                "active" => Some(&*subject.active.token),
                "pending" => Some(&*subject.pending),
                "ended" => Some(&*subject.ended),
                "other user" => Some(&*other.token),
                "unknown token" => Some("sd1_nonsense"),
                _ => None,
            };
            if matches!(
                (transport, *caller),
                (Transport::WebSocket, "unknown token")
            ) {
                // Such a caller cannot open a socket.
                let authorization = json!(format!("Bearer {}", bearer.unwrap()));
                let refused = Socket::rejected_init(server.address, authorization).await;
                assert_eq!(refused, 4403);
                continue;
            }
            let operation = subject.fill(operation);
            let response = transport.run(&server, bearer, &operation);
            let response = if operation.contains("sessionAlerts") && *caller == "pending" {
                // Its stream has nothing until the decision.
                let attempt = subject.attempt();
                let approve = server.decide_login_as(Some(SERVICE_KEY), attempt, "APPROVE");
                tokio::join!(response, approve).0
            } else {
                response.await
            };
            assert_eq!(
                outcome(&response),
                *expected,
                "{transport:?} {caller} {operation} {}",
                response.0
            );
            if !operation.starts_with("query") && *expected == OK {
                subject = fresh().await;
            }
        }
    }
}

#[tokio::test]
async fn every_cell_of_the_table_holds_over_http() {
    Box::pin(every_cell_holds(Transport::Http)).await;
}

#[tokio::test]
async fn every_cell_of_the_table_holds_over_websocket() {
    Box::pin(every_cell_holds(Transport::WebSocket)).await;
}

#[tokio::test]
async fn every_cell_of_the_table_holds_over_server_sent_events() {
    Box::pin(every_cell_holds(Transport::EventStream)).await;
}

#[tokio::test]
async fn data_of_another_user_gets_the_same_response_as_data_that_does_not_exist() {
    let server = TestServer::with_service_key().await;
    let other = server.create_user("9012300000").await;
    let subject = Subject::new(&server, "9012300001", "9012300002".to_owned()).await;
    let absent = Subject::new(&server, UNKNOWN_MOBILE, "9012300003".to_owned()).await;
    server.delete_user(UNKNOWN_MOBILE).await;
    for (operation, _) in TABLE {
        if operation.contains("createUser") {
            continue;
        }
        for transport in [
            Transport::Http,
            Transport::WebSocket,
            Transport::EventStream,
        ] {
            let foreign = transport
                .run(&server, Some(&other.token), &subject.fill(operation))
                .await;
            let missing = transport
                .run(&server, Some(&other.token), &absent.fill(operation))
                .await;
            assert_eq!(foreign, missing, "{transport:?} {operation}");
        }
    }
    // A key that never existed is no different from one of a deleted user.
    let query = |key: &str| format!("{{ node(id: \"{key}\") {{ id }} }}");
    let unknown = server
        .run_as(Some(&other.token), &query(UNKNOWN_KEY), json!({}))
        .await;
    let foreign = server
        .run_as(
            Some(&other.token),
            &query(&subject.active.session),
            json!({}),
        )
        .await;
    assert_eq!(foreign, unknown);
}
