//! A subscriber receives every alert once and in order, even if it is slow or reconnects.

use std::time::Duration;

use serde_json::{Value, json};
use sessiond_test_support::{
    Account, AlertSubscription, MOBILE, OTHER_MOBILE, TestServer, UNBOUNDED_ALERTS,
};

async fn subscribe(server: &TestServer, user: &Account) -> AlertSubscription {
    AlertSubscription::start(server.socket(Some(&user.token)).await, &user.mobile).await
}

async fn subscribe_as_service(server: &TestServer, mobile: &str) -> AlertSubscription {
    AlertSubscription::start(server.service_socket().await, mobile).await
}

#[tokio::test]
async fn a_subscriber_that_lags_far_behind_receives_every_alert_once_and_in_order() {
    // The subscriber sends no pong while it lags, so the server must wait long for a pong.
    let server = TestServer::with_flags(&["--keep-alive=10min", UNBOUNDED_ALERTS]).await;
    let user = server.create_user(MOBILE).await;
    let mut alerts = subscribe_as_service(&server, &user.mobile).await;
    // The first alert shows that the subscription is live.
    server.raise_alerts(&user.mobile, 1).await;
    assert_eq!(alerts.next_alert().await["sequence"], 1);
    server.advance(Duration::from_mins(1));

    server.raise_alerts(&user.mobile, 500).await;

    for sequence in 2..=501 {
        assert_eq!(alerts.next_alert().await["sequence"], sequence);
    }
}

#[tokio::test]
async fn a_subscriber_that_reconnects_after_a_restart_resumes_where_it_stopped() {
    let server = TestServer::with_flags(&[UNBOUNDED_ALERTS]).await;
    let user = server.create_user(MOBILE).await;
    let mut alerts = subscribe(&server, &user).await;
    server.raise_alerts(&user.mobile, 3).await;
    let mut last = Value::Null;
    for sequence in 1..=3 {
        let alert = alerts.next_alert().await;
        assert_eq!(alert["sequence"], sequence);
        last = alert["id"].clone();
    }
    drop(alerts);
    server.raise_alerts(&user.mobile, 150).await;

    let server = server.restart().await;
    let mut alerts = server
        .socket(Some(&user.token))
        .await
        .subscribe_to_alerts(json!({ "after": last }))
        .await;
    server.raise_alert(&user.mobile, "late").await;

    let mut expected = 4;
    loop {
        let alert = alerts.next_alert().await;
        assert_eq!(alert["sequence"], expected);
        if alert["attempt"]["userAgent"] == "late" {
            break;
        }
        expected += 1;
    }
}

#[tokio::test]
async fn every_subscriber_of_a_user_receives_an_alert_and_those_of_other_users_do_not() {
    let server = TestServer::start().await;
    let user = server.create_user(MOBILE).await;
    let other = server.create_user(OTHER_MOBILE).await;
    let mut first = subscribe(&server, &user).await;
    let mut second = subscribe_as_service(&server, &user.mobile).await;
    let mut elsewhere = subscribe_as_service(&server, &other.mobile).await;

    server.raise_alerts(&user.mobile, 1).await;

    assert_eq!(first.next_kind().await, "LOGIN_REFUSED");
    assert_eq!(second.next_kind().await, "LOGIN_REFUSED");
    // The first alert that the other user's subscriber receives is that user's own.
    server
        .login(&other.mobile, json!({ "onConflict": "TAKE_OVER" }))
        .await;
    assert_eq!(elsewhere.next_kind().await, "SESSION_REPLACED");
}

#[tokio::test]
async fn an_expiry_is_alerted_without_a_request_and_completes_the_stream() {
    let server = TestServer::start().await;
    let user = server.create_user(MOBILE).await;
    let mut alerts = subscribe(&server, &user).await;
    server.advance(Duration::from_mins(31));
    assert_eq!(alerts.next_kind().await, "SESSION_EXPIRED");
    alerts.assert_completed().await;
}

#[tokio::test]
async fn a_logout_completes_the_streams_of_the_session_only() {
    let server = TestServer::start().await;
    let user = server.create_user(MOBILE).await;
    let mut own = subscribe(&server, &user).await;
    let mut service = subscribe_as_service(&server, &user.mobile).await;

    server
        .invalidate_session_as(Some(&user.token), &user.session)
        .await
        .data_str("/invalidateSession/message");

    assert_eq!(own.next_kind().await, "SESSION_INVALIDATED");
    own.assert_completed().await;
    assert_eq!(service.next_kind().await, "SESSION_INVALIDATED");
    server.login(&user.mobile, json!({})).await;
    server.raise_alerts(&user.mobile, 1).await;
    assert_eq!(service.next_kind().await, "LOGIN_REFUSED");
}

#[tokio::test]
async fn deleting_a_user_completes_the_streams_and_frees_the_number() {
    let server = TestServer::start().await;
    let user = server.create_user(MOBILE).await;
    let mut alerts = subscribe_as_service(&server, &user.mobile).await;
    server.delete_user(&user.mobile).await;
    alerts.assert_completed().await;
    assert_eq!(server.user(MOBILE, "id").await, Value::Null);
    server.create_user(MOBILE).await;
}

#[tokio::test]
async fn a_new_password_ends_the_session_and_its_stream() {
    let server = TestServer::start().await;
    let user = server.create_user(MOBILE).await;
    let mut alerts = subscribe(&server, &user).await;
    let query = "mutation($input: SetPasswordInput!) { setPassword(input: $input) { message } }";
    let input = json!({ "mobile": MOBILE, "newPassword": "correct horse" });
    server
        .run(query, json!({ "input": input }))
        .await
        .data_str("/setPassword/message");
    assert_eq!(alerts.next_kind().await, "PASSWORD_CHANGED");
    alerts.assert_completed().await;
}
