//! Every alert once and in order, whatever happens to the subscriber.

use std::time::Duration;

use serde_json::json;

use crate::support::{Server, Subscription, Users};

/// Raises `count` alerts: each login shows another device.
async fn raise(server: &Server, mobile: &str, count: usize) {
    for device in 0..count {
        let login = server
            .login(mobile, json!({ "userAgent": format!("device {device}") }))
            .await;
        assert_eq!(login.at("/login/outcome"), "REFUSED");
    }
}

#[tokio::test]
async fn a_subscriber_that_lags_far_behind_sees_every_alert_once_and_in_order() {
    let server = Server::start().await;
    let user = server.register("9012345678").await;
    let mut alerts = Subscription::live(server.socket(None).await, &user.mobile).await;
    // It reads nothing meanwhile.
    raise(&server, &user.mobile, 500).await;
    for sequence in 1..=500 {
        assert_eq!(alerts.alert().await["sequence"], sequence);
    }
}

#[tokio::test]
async fn a_subscriber_that_reconnects_goes_on_where_it_was() {
    let server = Server::start().await;
    let user = server.register("9012345678").await;
    let mut alerts = Subscription::live(server.socket(Some(&user.token)).await, &user.mobile).await;
    raise(&server, &user.mobile, 3).await;
    for sequence in 1..=2 {
        assert_eq!(alerts.alert().await["sequence"], sequence);
    }
    let last = {
        let alert = alerts.alert().await;
        alert["id"].as_str().unwrap().to_owned()
    };
    drop(alerts);
    raise(&server, &user.mobile, 150).await;

    // Over a restart, too.
    let server = server.restart().await;
    let mut alerts = server
        .socket(Some(&user.token))
        .await
        .subscribe(&format!("(after: \"{last}\")"))
        .await;
    let after_the_restart = server
        .login(&user.mobile, json!({ "userAgent": "late" }))
        .await;
    assert_eq!(after_the_restart.at("/login/outcome"), "REFUSED");
    let mut expected = 4;
    loop {
        let alert = alerts.alert().await;
        assert_eq!(alert["sequence"], expected);
        if alert["attempt"]["userAgent"] == "late" {
            break;
        }
        expected += 1;
    }
}

#[tokio::test]
async fn every_subscriber_of_a_user_hears_and_those_of_others_do_not() {
    let server = Server::start().await;
    let (user, other) = (
        server.register("9012345678").await,
        server.register("9012345679").await,
    );
    let mut first = Subscription::live(server.socket(Some(&user.token)).await, &user.mobile).await;
    let mut second = Subscription::live(server.socket(None).await, &user.mobile).await;
    let mut elsewhere = Subscription::live(server.socket(None).await, &other.mobile).await;
    raise(&server, &user.mobile, 1).await;
    assert_eq!(first.kind().await, "LOGIN_REFUSED");
    assert_eq!(second.kind().await, "LOGIN_REFUSED");
    // What it hears first is its own.
    server
        .login(&other.mobile, json!({ "onConflict": "TAKE_OVER" }))
        .await;
    assert_eq!(elsewhere.kind().await, "SESSION_REPLACED");
}

#[tokio::test]
async fn an_expiry_is_heard_without_anyones_asking_and_ends_the_stream() {
    let server = Server::start().await;
    let user = server.register("9012345678").await;
    let mut alerts = Subscription::live(server.socket(Some(&user.token)).await, &user.mobile).await;
    server.advance(Duration::from_mins(31));
    assert_eq!(alerts.kind().await, "SESSION_EXPIRED");
    alerts.completes().await;
}

#[tokio::test]
async fn logging_out_ends_the_stream_that_the_session_opened() {
    let server = Server::start().await;
    let user = server.register("9012345678").await;
    let mut own = Subscription::live(server.socket(Some(&user.token)).await, &user.mobile).await;
    let mut service = Subscription::live(server.socket(None).await, &user.mobile).await;
    let query =
        "mutation($key: ID!) { invalidateSession(input: { sessionKey: $key }) { message } }";
    server
        .run_as(Some(&user.token), query, json!({ "key": user.session }))
        .await
        .text("/invalidateSession/message");
    assert_eq!(own.kind().await, "SESSION_INVALIDATED");
    own.completes().await;
    // The service's goes on.
    assert_eq!(service.kind().await, "SESSION_INVALIDATED");
    server.login(&user.mobile, json!({})).await;
    raise(&server, &user.mobile, 1).await;
    assert_eq!(service.kind().await, "LOGIN_REFUSED");
}

#[tokio::test]
async fn an_erased_user_ends_its_streams() {
    let server = Server::start().await;
    let user = server.register("9012345678").await;
    let mut alerts = Subscription::live(server.socket(None).await, &user.mobile).await;
    let query = "mutation { deleteUser(input: { mobile: \"9012345678\" }) { message } }";
    server
        .run(query, json!({}))
        .await
        .text("/deleteUser/message");
    alerts.completes().await;
    assert_eq!(
        server
            .run("{ user(mobile: \"9012345678\") { id } }", json!({}))
            .await
            .at("/user"),
        &json!(null)
    );
    // The number is free again.
    server.register("9012345678").await;
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions() {
    let server = Server::start().await;
    let user = server.register("9012345678").await;
    let mut alerts = Subscription::live(server.socket(Some(&user.token)).await, &user.mobile).await;
    let query = "mutation { setPassword(input: { mobile: \"9012345678\", newPassword: \"correct horse\" }) { message } }";
    server
        .run(query, json!({}))
        .await
        .text("/setPassword/message");
    assert_eq!(alerts.kind().await, "PASSWORD_CHANGED");
    alerts.completes().await;
}
