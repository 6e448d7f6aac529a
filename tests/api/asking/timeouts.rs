//! Both devices learn of the timeout, also over a restart, and a device that returns can answer.

use std::time::Duration;

use serde_json::json;
use sessiond_test_support::AlertSubscription;

use super::{decide, last_alert, login, server_with_phone};

#[tokio::test]
async fn both_devices_learn_of_the_timeout() {
    let (server, phone) = server_with_phone(&["--on-conflict=ask"]).await;
    let waiting = login(&server, "tablet", json!({}))
        .await
        .data_str("/login/token");
    let socket = server.socket(Some(&phone.token)).await;
    let mut of_phone = AlertSubscription::start_own(socket).await;
    let mut of_tablet = AlertSubscription::start_own(server.socket(Some(&waiting)).await).await;
    server.advance(Duration::from_mins(2));
    assert_eq!(of_phone.next_kind().await, "LOGIN_NOT_APPROVED");
    assert_eq!(of_tablet.next_kind().await, "LOGIN_NOT_APPROVED");
    of_tablet.assert_completed().await;
}

#[tokio::test]
async fn a_timeout_that_passed_while_the_server_was_down_is_alerted_after_the_start() {
    let (mut server, phone) = server_with_phone(&["--on-conflict=ask"]).await;
    login(&server, "tablet", json!({})).await;
    let after = server.alert_cursor(&phone.mobile).await;
    server.stop().await;
    server.advance(Duration::from_mins(2));
    let server = server.start_again().await;
    let socket = server.socket(Some(&phone.token)).await;
    let mut alerts = socket.subscribe_to_alerts(json!({ "after": after })).await;
    assert_eq!(alerts.next_kind().await, "LOGIN_NOT_APPROVED");
    assert_eq!(server.session_status(&phone.token).await, "ACTIVE");
}

#[tokio::test]
async fn a_device_that_returns_after_a_restart_answers_what_has_not_expired() {
    let (mut server, phone) = server_with_phone(&["--on-conflict=ask"]).await;
    let after = server.alert_cursor(&phone.mobile).await;
    let waiting = login(&server, "tablet", json!({})).await;
    let number = waiting.data("/login/matchNumber").clone();
    server.stop().await;
    server.advance(Duration::from_secs(119));
    let server = server.start_again().await;
    let socket = server.socket(Some(&phone.token)).await;
    let mut alerts = socket.subscribe_to_alerts(json!({ "after": after })).await;
    let alert = alerts.next_alert().await;
    assert_eq!(alert["kind"], "LOGIN_PENDING");
    let shown = last_alert(&server, Some(&phone.token)).await;
    let choices = shown["attempt"]["matchChoices"].as_array().unwrap();
    assert!(choices.contains(&number));
    let attempt = &alert["attempt"]["id"];
    let approved = decide(&server, Some(&phone.token), attempt, "APPROVE", number).await;
    assert_eq!(approved.data("/decideLogin/session/status"), "ACTIVE");
    let token = waiting.data_str("/login/token");
    assert_eq!(server.session_status(&token).await, "ACTIVE");
}
