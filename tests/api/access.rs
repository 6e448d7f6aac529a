//! Who may do what. What a caller may not see answers as if it were not there.

use serde_json::{Value, json};

use crate::support::{Account, Answer, SERVICE_KEY, Server, Users};

const USER: &str =
    "query($mobile: String!) { user(mobile: $mobile) { id alerts { nodes { id } } } }";
const END: &str =
    "mutation($key: ID!) { invalidateSession(input: { sessionKey: $key }) { message } }";
const BY_KEY: &str = "query($keys: [ID!]!) { sessionsByKey(sessionKeys: $keys) { sessionKey } }";
const DELETE: &str =
    "mutation($mobile: String!) { deleteUser(input: { mobile: $mobile }) { message } }";
const CREATE: &str =
    "mutation { createUser(input: { mobile: \"9012345670\", username: \"New\" }) { message } }";
const NODE: &str = "query($id: ID!) { node(id: $id) { id } }";

struct Cast {
    server: Server,
    own: Account,
    other: Account,
    /// The token of a session of `own` that waits, and of one that has ended.
    pending: String,
    ended: String,
}

async fn cast() -> Cast {
    let server = Server::secured().await;
    let own = server.register("9012345678").await;
    let other = server.register("9012345679").await;
    let taken_over = server
        .login(&own.mobile, json!({ "onConflict": "TAKE_OVER" }))
        .await;
    let pending = server
        .login(
            &own.mobile,
            json!({ "onConflict": "ASK", "userAgent": "waits" }),
        )
        .await;
    Cast {
        ended: own.token,
        own: Account {
            mobile: own.mobile,
            session: taken_over.text("/login/session/sessionKey"),
            token: taken_over.text("/login/token"),
        },
        pending: pending.text("/login/token"),
        other,
        server,
    }
}

impl Cast {
    async fn each(&self, query: &str, variables: Value) -> [Answer; 6] {
        let run = |bearer| self.server.run_as(bearer, query, variables.clone());
        [
            run(Some(SERVICE_KEY)).await,
            run(Some(&self.own.token)).await,
            run(Some(&self.pending)).await,
            run(Some(&self.ended)).await,
            run(Some("sd1_nonsense")).await,
            run(None).await,
        ]
    }
}

#[tokio::test]
async fn a_user_is_seen_by_the_service_and_by_its_own_valid_session() {
    let cast = cast().await;
    let [service, own, pending, ended, unknown, anyone] =
        cast.each(USER, json!({ "mobile": cast.own.mobile })).await;
    assert_eq!(service.at("/user/id"), own.at("/user/id"));
    for refused in [pending, ended, unknown, anyone] {
        assert_eq!(refused.code(), "UNAUTHENTICATED");
    }
    let [service, own, ..] = cast
        .each(USER, json!({ "mobile": cast.other.mobile }))
        .await;
    assert!(service.at("/user/id").is_string());
    // As if the number had no owner.
    assert_eq!(
        own,
        cast.server
            .run_as(
                Some(&cast.own.token),
                USER,
                json!({ "mobile": "9099999999" })
            )
            .await
    );
}

#[tokio::test]
async fn a_session_is_ended_by_the_service_by_itself_and_by_its_users_active_session() {
    let cast = cast().await;
    let [.., unknown, anyone] = cast.each(END, json!({ "key": cast.other.session })).await;
    assert_eq!(unknown.code(), "UNAUTHENTICATED");
    assert_eq!(anyone.code(), "UNAUTHENTICATED");
    let run = async |bearer, key: &str| {
        cast.server
            .run_as(Some(bearer), END, json!({ "key": key }))
            .await
    };
    // Another user's session and a key that is no session's are the same to a session.
    let foreign = run(&cast.own.token, &cast.other.session).await;
    assert_eq!(foreign.code(), "NOT_FOUND");
    assert_eq!(
        foreign,
        run(&cast.own.token, "0190163d-8694-739b-aea5-966c26f8ad91").await
    );
    assert_eq!(
        run(&cast.own.token, "nonsense").await.invalid_field(),
        "sessionKey"
    );
    assert_eq!(
        run(&cast.pending, &cast.own.session).await.code(),
        "UNAUTHENTICATED"
    );
    run(&cast.own.token, &cast.own.session)
        .await
        .text("/invalidateSession/message");
}

#[tokio::test]
async fn only_the_service_looks_up_keys_and_erases_users() {
    let cast = cast().await;
    for (query, variables) in [
        (BY_KEY, json!({ "keys": [cast.own.session] })),
        (DELETE, json!({ "mobile": cast.other.mobile })),
    ] {
        let [service, own, pending, ended, unknown, anyone] = cast.each(query, variables).await;
        assert!(service.0.get("errors").is_none(), "{service:?}");
        assert_eq!(own.code(), "FORBIDDEN");
        for refused in [pending, ended, unknown, anyone] {
            assert_eq!(refused.code(), "UNAUTHENTICATED");
        }
    }
}

#[tokio::test]
async fn keys_are_answered_in_their_order_and_null_where_unknown() {
    let cast = cast().await;
    let keys = [
        &cast.other.session,
        "nonsense",
        &cast.own.session,
        "0190163d-8694-739b-aea5-966c26f8ad91",
    ];
    let found = cast
        .server
        .run_as(Some(SERVICE_KEY), BY_KEY, json!({ "keys": keys }))
        .await;
    assert_eq!(
        *found.at("/sessionsByKey"),
        json!([{ "sessionKey": keys[0] }, null, { "sessionKey": keys[2] }, null])
    );
    let too_many = vec![keys[0]; 101];
    let refused = cast
        .server
        .run_as(Some(SERVICE_KEY), BY_KEY, json!({ "keys": too_many }))
        .await;
    assert_eq!(refused.invalid_field(), "sessionKeys");
}

#[tokio::test]
async fn a_stranger_registers_with_a_password_only_and_states_no_address() {
    let server = Server::secured().await;
    assert_eq!(
        server.run(CREATE, json!({})).await.invalid_field(),
        "password"
    );
    let stated = "mutation { createUser(input: { mobile: \"9012345670\", username: \"New\", \
         password: \"correct horse\", ipAddress: \"192.0.2.1\" }) { message } }";
    assert_eq!(server.run(stated, json!({})).await.code(), "FORBIDDEN");
    assert_eq!(
        server
            .run_as(Some(SERVICE_KEY), CREATE, json!({}))
            .await
            .text("/createUser/message")
            .len(),
        25
    );
}

#[tokio::test]
async fn a_node_is_found_by_whoever_may_see_it() {
    let cast = cast().await;
    let service =
        |query: &'static str, variables| cast.server.run_as(Some(SERVICE_KEY), query, variables);
    let user = service(USER, json!({ "mobile": cast.own.mobile })).await;
    let [alert] = [user.text("/user/alerts/nodes/0/id")];
    for id in [&user.text("/user/id"), &cast.own.session, &alert] {
        let [service, own, _, _, unknown, anyone] = cast.each(NODE, json!({ "id": id })).await;
        assert_eq!(service.text("/node/id"), *id);
        assert_eq!(own.text("/node/id"), *id);
        for blind in [unknown, anyone] {
            assert_eq!(*blind.at("/node"), Value::Null);
        }
        // Another user's session sees nothing.
        let foreign = cast
            .server
            .run_as(Some(&cast.other.token), NODE, json!({ "id": id }))
            .await;
        assert_eq!(*foreign.at("/node"), Value::Null);
    }
    assert_eq!(
        *service(NODE, json!({ "id": "nonsense" })).await.at("/node"),
        Value::Null
    );
}

#[tokio::test]
async fn alerts_are_followed_by_the_service_by_the_own_session_and_in_part_by_a_waiting_one() {
    let cast = cast().await;
    let code = async |bearer: Option<&str>, arguments: &str| {
        let mut subscription = cast.server.socket(bearer).await.subscribe(arguments).await;
        subscription.refusal().await.code().to_owned()
    };
    assert_eq!(code(None, "").await, "UNAUTHENTICATED");
    assert_eq!(code(Some(&cast.ended), "").await, "UNAUTHENTICATED");
    assert_eq!(
        code(Some(&cast.own.token), "(mobile: \"9012345679\")").await,
        "NOT_FOUND"
    );
    assert_eq!(code(Some(SERVICE_KEY), "").await, "INVALID_INPUT");
    assert_eq!(
        code(Some(SERVICE_KEY), "(mobile: \"9099999999\")").await,
        "NOT_FOUND"
    );
    assert_eq!(
        code(Some(SERVICE_KEY), "(mobile: \"9012345678\", after: \"x\")").await,
        "INVALID_INPUT"
    );

    let mut waiting = cast
        .server
        .socket(Some(&cast.pending))
        .await
        .subscribe("")
        .await;
    waiting.settle().await;
    // Of these it hears only what concerns itself.
    cast.server
        .login(&cast.own.mobile, json!({ "userAgent": "third" }))
        .await;
    let end = json!({ "key": cast.own.session });
    cast.server
        .run_as(Some(SERVICE_KEY), END, end)
        .await
        .text("/invalidateSession/message");
    cast.server.login(&cast.own.mobile, json!({})).await;
    assert_eq!(waiting.kind().await, "LOGIN_NOT_APPROVED");
    waiting.completes().await;
}

#[tokio::test]
async fn a_socket_whose_session_has_ended_opens_nothing_any_more() {
    let server = Server::secured().await;
    let user = server.register("9012345678").await;
    let mut socket = server.socket(Some(&user.token)).await;
    let query = json!({ "type": "subscribe", "id": "1", "payload": { "query": "{ user(mobile: \"9012345678\") { id } }" } });
    socket.send(query.clone()).await;
    assert!(socket.receive().await["payload"]["data"]["user"]["id"].is_string());
    assert_eq!(socket.receive().await["type"], "complete");
    server
        .login(&user.mobile, json!({ "onConflict": "TAKE_OVER" }))
        .await;
    socket.send(query).await;
    let answer = Answer(socket.receive().await["payload"].clone());
    assert_eq!(answer.code(), "UNAUTHENTICATED");
}
