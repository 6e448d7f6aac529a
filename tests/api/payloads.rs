//! What the payload of a mutation shows to its caller.

use serde_json::{Value, json};
use sessiond::access::Scope;
use sessiond_test_support::{GraphQlResponse, MOBILE, SERVICE_KEY, TestKey, TestServer, merge};

const USER: &str = "user { id mobile username createdAt alertCursor
    activeSession { sessionKey } sessions { totalCount nodes { sessionKey ipAddress } }
    alerts { nodes { message } } }";

const PASSWORD: &str = "grave lantern 7";

/// A server, and a user with a password who is logged in and has one alert.
async fn server(keys: &[TestKey<'_>]) -> TestServer {
    let server = TestServer::with_service_keys(keys).await;
    let query = "mutation($input: CreateUserInput!) { createUser(input: $input) { token } }";
    let input = json!({ "mobile": MOBILE, "username": "SavingsBank", "password": PASSWORD });
    server
        .run_as_service(query, json!({ "input": input }))
        .await
        .data_str("/createUser/token");
    server.raise_alert(MOBILE, "the first device").await;
    server
}

/// Logs in with the password, and returns the payload.
async fn login(server: &TestServer, bearer: Option<&str>, on_conflict: &str) -> GraphQlResponse {
    let query = format!(
        "mutation($input: LoginInput!) {{ login(input: $input) {{
            outcome token matchNumber session {{ sessionKey user {{ id createdAt }} }} {USER} }} }}"
    );
    let mut input = json!({ "mobile": MOBILE, "username": "SavingsBank", "password": PASSWORD });
    merge(
        &mut input,
        json!({ "onConflict": on_conflict, "userAgent": "the second device" }),
    );
    server
        .run_as(bearer, &query, json!({ "input": input }))
        .await
}

/// The whole user, as the service sees it.
async fn whole_user(server: &TestServer) -> Value {
    let query = format!(
        "query($mobile: String!) {{ {} }}",
        USER.replacen("user", "user(mobile: $mobile)", 1)
    );
    server
        .run_as_service(&query, json!({ "mobile": MOBILE }))
        .await
        .data("/user")
        .clone()
}

/// Panics unless `shown` has the identity of the user, and nothing else except these sessions.
fn assert_only_identity(shown: &Value, whole: &Value, sessions: &[&Value]) {
    for field in ["id", "mobile", "username"] {
        assert_eq!(shown[field], whole[field], "{field}");
    }
    for field in ["createdAt", "activeSession"] {
        assert_eq!(shown[field], Value::Null, "{field}");
    }
    assert_eq!(shown["alerts"]["nodes"], json!([]));
    assert_eq!(shown["sessions"]["totalCount"], sessions.len());
    let nodes = shown["sessions"]["nodes"].as_array().unwrap();
    let keys: Vec<_> = nodes.iter().map(|node| &node["sessionKey"]).collect();
    assert_eq!(keys, sessions);
}

#[tokio::test]
async fn a_refused_login_shows_who_the_user_is_and_nothing_else() {
    let server = server(&[]).await;
    let refused = login(&server, None, "REJECT").await;
    assert_eq!(refused.data("/login/outcome"), "REFUSED");
    let (shown, whole) = (refused.data("/login/user"), whole_user(&server).await);
    assert_only_identity(shown, &whole, &[]);
    // The cursor is the start of the log, so it does not show how many alerts there are.
    assert_ne!(shown["alertCursor"], whole["alertCursor"]);
    assert!(shown["alertCursor"].is_string());
}

#[tokio::test]
async fn a_waiting_login_shows_the_end_of_the_log_and_its_own_session() {
    let keys = [TestKey::new("login", &[Scope::Login])];
    let server = server(&keys).await;
    let waiting = login(&server, Some(&keys[0].secret()), "ASK").await;
    assert_eq!(waiting.data("/login/outcome"), "AWAITING_APPROVAL");
    let (shown, whole) = (waiting.data("/login/user"), whole_user(&server).await);
    let own = waiting.data("/login/session/sessionKey");
    assert_only_identity(shown, &whole, &[own]);
    assert_eq!(shown["alertCursor"], whole["alertCursor"]);
    assert_eq!(*waiting.data("/login/session/user/createdAt"), Value::Null);

    // The session may end itself, and still sees only itself.
    let query = format!(
        "mutation($key: ID!) {{ invalidateSession(input: {{ sessionKey: $key }}) {{
            session {{ user {{ createdAt }} }} {} }} }}",
        USER.replace("alertCursor", "")
    );
    let token = waiting.data_str("/login/token");
    let ended = server
        .run_as(Some(&token), &query, json!({ "key": own }))
        .await;
    assert_only_identity(ended.data("/invalidateSession/user"), &whole, &[own]);
    assert_eq!(
        *ended.data("/invalidateSession/session/user/createdAt"),
        Value::Null
    );
}

#[tokio::test]
async fn whoever_is_logged_in_and_the_service_see_the_whole_user() {
    let server = server(&[]).await;
    for (bearer, on_conflict, outcome) in [
        (Some(SERVICE_KEY), "REJECT", "REFUSED"),
        (Some(SERVICE_KEY), "ASK", "AWAITING_APPROVAL"),
        (Some(SERVICE_KEY), "TAKE_OVER", "LOGGED_IN"),
    ] {
        let response = login(&server, bearer, on_conflict).await;
        assert_eq!(response.data("/login/outcome"), outcome);
        assert_eq!(*response.data("/login/user"), whole_user(&server).await);
    }
    let by_service = login(&server, Some(SERVICE_KEY), "TAKE_OVER").await;
    server
        .invalidate_session(&by_service.data_str("/login/session/sessionKey"))
        .await;
    let by_client = login(&server, None, "REJECT").await;
    assert_eq!(by_client.data("/login/outcome"), "LOGGED_IN");
    assert_eq!(*by_client.data("/login/user"), whole_user(&server).await);
}

#[tokio::test]
async fn a_session_that_its_own_mutation_ends_sees_what_an_ended_session_sees() {
    let server = server(&[]).await;
    let input = json!({ "onConflict": "TAKE_OVER", "userAgent": "the third device" });
    let token = server.login(MOBILE, input).await.data_str("/login/token");
    let waiting = login(&server, Some(SERVICE_KEY), "ASK").await;
    let approved = waiting.data("/login/session/sessionKey");
    let attempt = server.last_attempt_id(MOBILE).await;

    // The approval replaces the session that approves.
    let user = USER.replace("alertCursor", "");
    let query = format!(
        "mutation($id: ID!, $number: Int) {{ decideLogin(input: {{
            attemptId: $id, decision: APPROVE, matchNumber: $number }}) {{
            session {{ sessionKey }} {user} }} }}"
    )
    .replace("activeSession { sessionKey }", "");
    let decided = server
        .run_as(
            Some(&token),
            &query,
            json!({ "id": attempt, "number": waiting.data("/login/matchNumber") }),
        )
        .await;
    let (shown, whole) = (decided.data("/decideLogin/user"), whole_user(&server).await);
    assert_only_identity(shown, &whole, &[approved]);

    let token = waiting.data_str("/login/token");
    let query = format!(
        "mutation($key: ID!) {{ invalidateSession(input: {{ sessionKey: $key }}) {{ {user} }} }}"
    );
    let ended = server
        .run_as(Some(&token), &query, json!({ "key": approved }))
        .await;
    assert_only_identity(ended.data("/invalidateSession/user"), &whole, &[approved]);
}
