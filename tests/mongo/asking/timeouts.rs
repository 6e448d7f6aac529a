//! Both devices learn of the timeout, on whichever nodes they are, and after a restart of all nodes.

use std::time::Duration;

use serde_json::json;
use sessiond_test_support::{AlertSubscription, MOBILE};

use super::two_nodes;

#[tokio::test]
async fn a_timeout_at_one_node_is_alerted_at_the_other() {
    let (_database, first, second) = two_nodes(&[]).await;
    let user = first.create_user(MOBILE).await;
    let ask = json!({ "onConflict": "ASK", "userAgent": "Tablet" });
    let waiting = first.login(MOBILE, ask).await.data_str("/login/token");
    let socket = second.socket(Some(&waiting)).await;
    let mut of_waiting = AlertSubscription::start_own(socket).await;
    let socket = first.socket(Some(&user.token)).await;
    let mut of_holder = AlertSubscription::start_own(socket).await;
    first.advance(Duration::from_mins(2));
    second.advance(Duration::from_mins(2));
    assert_eq!(of_waiting.next_kind().await, "LOGIN_NOT_APPROVED");
    of_waiting.assert_completed().await;
    assert_eq!(of_holder.next_kind().await, "LOGIN_NOT_APPROVED");
}

#[tokio::test]
async fn a_timeout_that_passed_while_all_nodes_were_down_is_alerted_to_both_devices() {
    let (_database, mut first, mut second) = two_nodes(&[]).await;
    let user = first.create_user(MOBILE).await;
    let ask = json!({ "onConflict": "ASK", "userAgent": "Tablet" });
    let waiting = second.login(MOBILE, ask).await.data_str("/login/token");
    let after = first.alert_cursor(MOBILE).await;
    first.stop().await;
    second.stop().await;
    first.advance(Duration::from_mins(2));
    let first = first.start_again().await;

    let socket = first.socket(Some(&user.token)).await;
    let mut of_holder = socket.subscribe_to_alerts(json!({ "after": after })).await;
    assert_eq!(of_holder.next_kind().await, "LOGIN_NOT_APPROVED");
    assert_eq!(first.session_status(&user.token).await, "ACTIVE");
    assert_eq!(first.session_status(&waiting).await, "ENDED");
    assert_eq!(first.assert_gapless_log(MOBILE).await, 2);
}

#[tokio::test]
async fn a_device_that_returns_to_another_node_answers_what_has_not_expired() {
    let (_database, mut first, second) = two_nodes(&[]).await;
    let user = first.create_user(MOBILE).await;
    let after = first.alert_cursor(MOBILE).await;
    let ask = json!({ "onConflict": "ASK", "userAgent": "Tablet" });
    let waiting = first.login(MOBILE, ask).await;
    first.stop().await;
    second.advance(Duration::from_secs(119));

    let socket = second.socket(Some(&user.token)).await;
    let mut of_holder = socket.subscribe_to_alerts(json!({ "after": after })).await;
    let alert = of_holder.next_alert().await;
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
}
