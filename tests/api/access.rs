//! The rights of each caller. An object that the caller may not see and an object that does not
//! exist get the same response.

use serde_json::{Value, json};
use sessiond_test_support::{
    Account, AlertSubscription, GraphQlResponse, MOBILE, OTHER_MOBILE, SERVICE_KEY, TestServer,
    UNKNOWN_MOBILE, merge,
};

const USER: &str =
    "query($mobile: String!) { user(mobile: $mobile) { id alerts { nodes { id } } } }";
const INVALIDATE: &str =
    "mutation($key: ID!) { invalidateSession(input: { sessionKey: $key }) { message } }";
const BY_KEY: &str = "query($keys: [ID!]!) { sessionsByKey(sessionKeys: $keys) { sessionKey } }";
const DELETE: &str =
    "mutation($mobile: String!) { deleteUser(input: { mobile: $mobile }) { message } }";
const CREATE: &str = "mutation($input: CreateUserInput!) { createUser(input: $input) { message } }";
const NODE: &str = "query($id: ID!) { node(id: $id) { id } }";
const UNKNOWN_KEY: &str = "0190163d-8694-739b-aea5-966c26f8ad91";

/// A server with a service key, and a token for every kind of caller.
struct Callers {
    server: TestServer,
    /// The user under test, with the active session.
    own: Account,
    other: Account,
    /// The token of a pending session of `own`.
    pending: String,
    /// The token of a session of `own` that has ended.
    ended: String,
}

async fn callers() -> Callers {
    let server = TestServer::with_service_key().await;
    let own = server.create_user(MOBILE).await;
    let other = server.create_user(OTHER_MOBILE).await;
    let taken_over = server
        .login(&own.mobile, json!({ "onConflict": "TAKE_OVER" }))
        .await;
    let ask = json!({ "onConflict": "ASK", "userAgent": "Tablet" });
    let pending = server.login(&own.mobile, ask).await;
    Callers {
        ended: own.token,
        own: Account {
            mobile: own.mobile,
            session: taken_over.data_str("/login/session/sessionKey"),
            token: taken_over.data_str("/login/token"),
        },
        pending: pending.data_str("/login/token"),
        other,
        server,
    }
}

/// The responses to one operation, by caller.
struct Responses {
    service: GraphQlResponse,
    own: GraphQlResponse,
    pending: GraphQlResponse,
    ended: GraphQlResponse,
    /// A token that was never issued.
    invalid: GraphQlResponse,
    anonymous: GraphQlResponse,
}

impl Callers {
    async fn run_as_each(&self, query: &str, variables: Value) -> Responses {
        let run = |bearer| self.server.run_as(bearer, query, variables.clone());
        Responses {
            service: run(Some(SERVICE_KEY)).await,
            own: run(Some(&self.own.token)).await,
            pending: run(Some(&self.pending)).await,
            ended: run(Some(&self.ended)).await,
            invalid: run(Some("sd1_nonsense")).await,
            anonymous: run(None).await,
        }
    }

    async fn run_as_service(&self, query: &str, variables: Value) -> GraphQlResponse {
        self.server.run_as_service(query, variables).await
    }
}

impl Responses {
    /// Panics if a caller other than the service and the active session may execute the operation.
    fn assert_others_unauthenticated(&self) {
        for response in [&self.pending, &self.ended, &self.invalid, &self.anonymous] {
            assert_eq!(response.error_code(), "UNAUTHENTICATED");
        }
    }
}

#[tokio::test]
async fn a_user_is_visible_to_the_service_and_to_its_own_active_session() {
    let callers = callers().await;
    let own = callers
        .run_as_each(USER, json!({ "mobile": callers.own.mobile }))
        .await;
    assert_eq!(own.service.data("/user/id"), own.own.data("/user/id"));
    own.assert_others_unauthenticated();

    let other = callers
        .run_as_each(USER, json!({ "mobile": callers.other.mobile }))
        .await;
    assert!(other.service.data("/user/id").is_string());
    let unknown = callers
        .run_as_each(USER, json!({ "mobile": UNKNOWN_MOBILE }))
        .await;
    assert_eq!(other.own, unknown.own);
}

#[tokio::test]
async fn a_session_may_be_ended_by_the_service_and_by_the_active_session_of_its_user() {
    let callers = callers().await;
    let other = callers
        .run_as_each(INVALIDATE, json!({ "key": callers.other.session }))
        .await;
    assert_eq!(other.invalid.error_code(), "UNAUTHENTICATED");
    assert_eq!(other.anonymous.error_code(), "UNAUTHENTICATED");
    let invalidate = async |bearer, key: &str| {
        callers
            .server
            .invalidate_session_as(Some(bearer), key)
            .await
    };
    // Another user's session and a key that does not exist get the same response.
    let foreign = invalidate(&callers.own.token, &callers.other.session).await;
    assert_eq!(foreign.error_code(), "NOT_FOUND");
    assert_eq!(foreign, invalidate(&callers.own.token, UNKNOWN_KEY).await);
    let malformed = invalidate(&callers.own.token, "nonsense").await;
    assert_eq!(malformed.invalid_field(), "sessionKey");
    let by_pending = invalidate(&callers.pending, &callers.own.session).await;
    assert_eq!(by_pending.error_code(), "UNAUTHENTICATED");
    invalidate(&callers.own.token, &callers.own.session)
        .await
        .data_str("/invalidateSession/message");
}

#[tokio::test]
async fn only_the_service_reads_sessions_by_key_and_deletes_users() {
    let callers = callers().await;
    for (query, variables) in [
        (BY_KEY, json!({ "keys": [callers.own.session] })),
        (DELETE, json!({ "mobile": callers.other.mobile })),
    ] {
        let responses = callers.run_as_each(query, variables).await;
        assert!(!responses.service.has_errors(), "{:?}", responses.service);
        assert_eq!(responses.own.error_code(), "FORBIDDEN");
        responses.assert_others_unauthenticated();
    }
}

#[tokio::test]
async fn sessions_by_key_keep_the_order_of_the_keys_and_are_null_if_unknown() {
    let callers = callers().await;
    let keys = [
        &callers.other.session,
        "nonsense",
        &callers.own.session,
        UNKNOWN_KEY,
    ];
    let found = callers
        .run_as_service(BY_KEY, json!({ "keys": keys }))
        .await;
    assert_eq!(
        *found.data("/sessionsByKey"),
        json!([{ "sessionKey": keys[0] }, null, { "sessionKey": keys[2] }, null])
    );
    let too_many = vec![keys[0]; 101];
    let rejected = callers
        .run_as_service(BY_KEY, json!({ "keys": too_many }))
        .await;
    assert_eq!(rejected.invalid_field(), "sessionKeys");
}

#[tokio::test]
async fn an_anonymous_caller_must_register_with_a_password_and_may_not_state_an_address() {
    let server = TestServer::with_service_key().await;
    let input = json!({ "mobile": MOBILE, "username": "New" });
    let without_password = server.run(CREATE, json!({ "input": input })).await;
    assert_eq!(without_password.invalid_field(), "password");

    let mut with_address = input.clone();
    merge(
        &mut with_address,
        json!({ "password": "correct horse", "ipAddress": "192.0.2.1" }),
    );
    let with_address = server.run(CREATE, json!({ "input": with_address })).await;
    assert_eq!(with_address.error_code(), "FORBIDDEN");

    let by_service = server
        .run_as_service(CREATE, json!({ "input": input }))
        .await;
    assert_eq!(
        by_service.data("/createUser/message"),
        "User created successfully"
    );
}

#[tokio::test]
async fn a_node_is_visible_to_the_service_and_to_its_own_session_only() {
    let callers = callers().await;
    let user = callers
        .run_as_service(USER, json!({ "mobile": callers.own.mobile }))
        .await;
    let alert = user.data_str("/user/alerts/nodes/0/id");
    for id in [&user.data_str("/user/id"), &callers.own.session, &alert] {
        let responses = callers.run_as_each(NODE, json!({ "id": id })).await;
        assert_eq!(responses.service.data("/node/id"), id);
        assert_eq!(responses.own.data("/node/id"), id);
        let foreign = callers
            .server
            .run_as(Some(&callers.other.token), NODE, json!({ "id": id }))
            .await;
        for response in [responses.invalid, responses.anonymous, foreign] {
            assert_eq!(*response.data("/node"), Value::Null);
        }
    }
    let malformed = callers
        .run_as_service(NODE, json!({ "id": "nonsense" }))
        .await;
    assert_eq!(*malformed.data("/node"), Value::Null);
}

#[tokio::test]
async fn a_subscription_without_the_right_to_it_is_rejected() {
    let callers = callers().await;
    let error_code = async |bearer: Option<&str>, arguments: Value| {
        let socket = callers.server.socket(bearer).await;
        let mut subscription = socket.subscribe_to_alerts(arguments).await;
        subscription.rejection().await.error_code().to_owned()
    };
    let (own, service) = (Some(&*callers.own.token), Some(SERVICE_KEY));
    for (bearer, arguments, code) in [
        (None, json!({}), "UNAUTHENTICATED"),
        (Some(&*callers.ended), json!({}), "UNAUTHENTICATED"),
        (own, json!({ "mobile": OTHER_MOBILE }), "NOT_FOUND"),
        (service, json!({}), "INVALID_INPUT"),
        (service, json!({ "mobile": UNKNOWN_MOBILE }), "NOT_FOUND"),
        (
            service,
            json!({ "mobile": MOBILE, "after": "x" }),
            "INVALID_INPUT",
        ),
    ] {
        assert_eq!(
            error_code(bearer, arguments.clone()).await,
            code,
            "{arguments}"
        );
    }
}

#[tokio::test]
async fn a_pending_session_receives_only_the_alerts_that_concern_it() {
    let callers = callers().await;
    let socket = callers.server.socket(Some(&callers.pending)).await;
    let mut pending = AlertSubscription::start_own(socket).await;
    callers
        .server
        .login(&callers.own.mobile, json!({ "userAgent": "Laptop" }))
        .await;
    callers
        .server
        .invalidate_session(&callers.own.session)
        .await;
    callers.server.login(&callers.own.mobile, json!({})).await;
    assert_eq!(pending.next_kind().await, "LOGIN_NOT_APPROVED");
    pending.assert_completed().await;
}

#[tokio::test]
async fn a_socket_of_an_ended_session_starts_no_more_operations() {
    let server = TestServer::with_service_key().await;
    let user = server.create_user(MOBILE).await;
    let mut socket = server.socket(Some(&user.token)).await;
    let before = socket.run(USER, json!({ "mobile": MOBILE })).await;
    assert!(before.data("/user/id").is_string());
    server
        .login(&user.mobile, json!({ "onConflict": "TAKE_OVER" }))
        .await;
    let after = socket.run(USER, json!({ "mobile": MOBILE })).await;
    assert_eq!(after.error_code(), "UNAUTHENTICATED");
}
