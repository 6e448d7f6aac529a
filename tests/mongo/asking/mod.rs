//! The first device decides, on whichever node it is.

mod presence;
mod races;
mod timeouts;

use std::time::Duration;

use serde_json::{Value, json};
use sessiond_test_support::{
    AlertSubscription, MOBILE, MongoDatabase, TestServer, within_deadline,
};

async fn two_nodes(flags: &[&str]) -> (MongoDatabase, TestServer, TestServer) {
    let database = MongoDatabase::new().await;
    let flag = format!("--database={}", database.uri);
    let all = [&[&*flag, "--retention=3650d"], flags].concat();
    let first = TestServer::with_flags(&all).await;
    let second = TestServer::with_flags(&all).await;
    (database, first, second)
}

async fn is_listening(node: &TestServer, session: &str) -> Value {
    let query = "query($key: ID!) { node(id: $key) { ... on Session { isListening } } }";
    let response = node.run(query, json!({ "key": session })).await;
    response.data("/node/isListening").clone()
}

async fn wait_until(node: &TestServer, session: &str, listens: bool) {
    within_deadline(async {
        while is_listening(node, session).await != listens {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_login_at_one_node_is_decided_with_its_number_at_the_other() {
    let (_database, first, second) = two_nodes(&[]).await;
    let user = first.create_user(MOBILE).await;
    let socket = second.socket(Some(&user.token)).await;
    let mut alerts = AlertSubscription::start(socket, MOBILE).await;
    wait_until(&first, &user.session, true).await;

    let ask = json!({ "onConflict": "ASK", "userAgent": "Tablet", "deviceId": "tablet" });
    let waiting = first.login(MOBILE, ask).await;
    let token = waiting.data_str("/login/token");
    let alert = alerts.next_alert().await;
    assert_eq!(alert["kind"], "LOGIN_PENDING");
    let decide = "mutation($input: DecideLoginInput!) { decideLogin(input: $input) {
        session { status } } }";
    let input = json!({
        "attemptId": alert["attempt"]["id"], "decision": "APPROVE",
        "matchNumber": waiting.data("/login/matchNumber"),
    });
    let approved = second
        .run_as(Some(&user.token), decide, json!({ "input": input }))
        .await;
    assert_eq!(approved.data("/decideLogin/session/status"), "ACTIVE");
    assert_eq!(first.session_status(&token).await, "ACTIVE");
    assert_eq!(alerts.next_kind().await, "LOGIN_APPROVED");
    assert_eq!(alerts.next_kind().await, "SESSION_REPLACED");
    alerts.assert_completed().await;
}

#[tokio::test]
async fn a_user_who_is_frozen_at_one_node_is_logged_out_at_the_other_at_once() {
    let (_database, first, second) = two_nodes(&[]).await;
    let user = first.create_user(MOBILE).await;
    let socket = second.socket(Some(&user.token)).await;
    let mut alerts = AlertSubscription::start(socket, MOBILE).await;
    let query = "mutation { freezeUser(input: {}) { message } }";
    let response = first.run_as(Some(&user.token), query, json!({})).await;
    response.data_str("/freezeUser/message");
    assert_eq!(second.verify_status(&user.token).await, 401);
    assert_eq!(alerts.next_kind().await, "ACCOUNT_FROZEN");
    alerts.assert_completed().await;
    let login = second.login(MOBILE, json!({})).await;
    assert_eq!(login.error_code(), "FROZEN");
}

#[tokio::test]
async fn a_device_that_listens_at_another_node_is_not_away() {
    let flags = [
        "--on-conflict=ask",
        "--if-away=take-over",
        "--away-after=10s",
    ];
    let (_database, first, mut second) = two_nodes(&flags).await;
    let user = first.create_user(MOBILE).await;
    let socket = second.socket(Some(&user.token)).await;
    let alerts = AlertSubscription::start(socket, MOBILE).await;
    wait_until(&first, &user.session, true).await;
    first.advance(Duration::from_mins(1));
    let login = first.login(MOBILE, json!({ "userAgent": "Tablet" })).await;
    assert_eq!(login.data("/login/outcome"), "AWAITING_APPROVAL");

    // A node that stops takes its announcements back, or its lease ends. The device is away a little
    // later, by the clock of the database.
    drop(alerts);
    second.stop().await;
    wait_until(&first, &user.session, false).await;
    let laptop = json!({ "userAgent": "Laptop", "deviceId": "laptop" });
    let outcome = async || {
        let login = first.login(MOBILE, laptop.clone()).await;
        login.data_str("/login/outcome")
    };
    assert_eq!(outcome().await, "AWAITING_APPROVAL");
    within_deadline(async { while outcome().await != "LOGGED_IN" {} }).await;
}
