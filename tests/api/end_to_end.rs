//! The main use case from end to end.

use serde_json::{Value, json};
use sessiond_test_support::{AlertSubscription, GraphQlResponse, MOBILE, TestServer, merge};

#[tokio::test]
async fn a_second_device_is_refused_and_the_first_is_alerted_then_replaced_then_logged_out() {
    let server = TestServer::start().await;

    let created = create_user(&server).await;
    assert_eq!(
        created.data("/createUser/message"),
        "User created successfully"
    );
    assert_eq!(created.data("/createUser/user/activeSession/isValid"), true);
    let first = created.data_str("/createUser/user/activeSession/sessionKey");
    let token = created.data_str("/createUser/token");
    assert_only_session_is(&server, &first).await;

    let mut alerts = AlertSubscription::start(server.socket(Some(&token)).await, MOBILE).await;
    let refused = login(&server, json!({})).await;
    assert_eq!(
        *refused.data("/login"),
        json!({
            "outcome": "REFUSED",
            "message":
                "There is already a session up and running. Please log out and log in again.",
            "token": null,
            "session": null,
            "user": { "activeSession": { "sessionKey": first } },
        })
    );
    let alert = alerts.next_alert().await;
    assert_eq!(alert["kind"], "LOGIN_REFUSED");
    assert_eq!(alert["attempt"]["userAgent"], "Thunder Client");
    assert_eq!(alert["attempt"]["ipAddress"], "127.0.0.2");
    assert_eq!(alert["session"]["sessionKey"], first);

    let taken_over = login(&server, json!({ "onConflict": "TAKE_OVER" })).await;
    assert_eq!(taken_over.data("/login/outcome"), "LOGGED_IN");
    let second = taken_over.data_str("/login/session/sessionKey");
    assert_eq!(alerts.next_kind().await, "SESSION_REPLACED");
    alerts.assert_completed().await;
    let query = "{ currentSession { isValid status endReason } }";
    let replaced = server.run_as(Some(&token), query, json!({})).await;
    assert_eq!(
        *replaced.data("/currentSession"),
        json!({ "isValid": false, "status": "ENDED", "endReason": "REPLACED" })
    );

    let query = "mutation($key: ID!) { invalidateSession(input: { sessionKey: $key }) {
        message session { isValid } } }";
    let logged_out = server.run(query, json!({ "key": second })).await;
    assert_eq!(
        *logged_out.data("/invalidateSession"),
        json!({ "message": "Session invalidated successfully.", "session": { "isValid": false } })
    );
    let login = login(&server, json!({})).await;
    assert_eq!(login.data("/login/outcome"), "LOGGED_IN");
}

async fn create_user(server: &TestServer) -> GraphQlResponse {
    let query = "mutation($input: CreateUserInput!) { createUser(input: $input) {
        message token user { mobile username activeSession { sessionKey isValid } } } }";
    let input = json!({ "mobile": MOBILE, "username": "SavingsBank" });
    server.run(query, json!({ "input": input })).await
}

async fn assert_only_session_is(server: &TestServer, key: &str) {
    let fields = "username sessions { nodes {
        sessionKey userAgent ipAddress isValid createdAt } }";
    assert_eq!(
        server.user(MOBILE, fields).await,
        json!({ "username": "SavingsBank", "sessions": { "nodes": [{
            "sessionKey": key,
            "userAgent": "api-test/1",
            "ipAddress": "127.0.0.1",
            "isValid": true,
            "createdAt": "2024-11-22T10:45:47.209Z",
        }] } })
    );
}

async fn login(server: &TestServer, additions: Value) -> GraphQlResponse {
    let query = "mutation($input: LoginInput!) { login(input: $input) {
        outcome message token session { sessionKey } user { activeSession { sessionKey } } } }";
    let mut input = json!({
        "mobile": MOBILE,
        "username": "SavingsBank",
        "userAgent": "Thunder Client",
        "ipAddress": "::ffff:127.0.0.2",
    });
    merge(&mut input, additions);
    server.run(query, json!({ "input": input })).await
}
