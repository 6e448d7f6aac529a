//! `User.alertCursor`: a subscriber that starts at this position misses no alert.

use std::time::Duration;

use serde_json::{Value, json};
use sessiond_test_support::{
    EventStream, MOBILE, OTHER_MOBILE, SERVICE_KEY, TestServer, within_deadline,
};

/// Reads the cursor of the user of the session that `token` belongs to.
async fn own_cursor(server: &TestServer, token: &str) -> String {
    let query = "{ currentSession { user { alertCursor } } }";
    server
        .run_as(Some(token), query, json!({}))
        .await
        .data_str("/currentSession/user/alertCursor")
}

#[tokio::test]
async fn an_empty_log_has_a_cursor_and_nothing_after_it_is_missed() {
    let server = TestServer::with_service_key().await;
    let user = server.create_user(MOBILE).await;
    let after = own_cursor(&server, &user.token).await;
    assert_eq!(after, server.alert_cursor(&user.mobile).await);
    server.raise_alert(&user.mobile, "device 1").await;
    server.raise_alert(&user.mobile, "device 2").await;

    let arguments = json!({ "after": after });
    let socket = server.socket(Some(&user.token)).await;
    let mut alerts = socket.subscribe_to_alerts(arguments).await;
    assert_eq!(alerts.next_alert().await["sequence"], 1);
    assert_eq!(alerts.next_alert().await["sequence"], 2);
    server.raise_alert(&user.mobile, "device 3").await;
    assert_eq!(alerts.next_alert().await["sequence"], 3);
}

#[tokio::test]
async fn the_cursor_is_the_id_of_the_last_alert_and_earlier_alerts_are_not_sent() {
    let server = TestServer::with_service_key().await;
    let user = server.create_user(MOBILE).await;
    server.raise_alert(&user.mobile, "device 1").await;
    let after = server.alert_cursor(&user.mobile).await;
    let last = server
        .run_as(
            Some(&user.token),
            "query($mobile: String!) { user(mobile: $mobile) {
                alerts(first: 1) { nodes { id } } } }",
            json!({ "mobile": user.mobile }),
        )
        .await;
    assert_eq!(last.data_str("/user/alerts/nodes/0/id"), after);
    server.raise_alert(&user.mobile, "device 2").await;

    let arguments = json!({ "mobile": user.mobile, "after": after });
    let socket = server.socket(Some(SERVICE_KEY)).await;
    let mut alerts = socket.subscribe_to_alerts(arguments).await;
    assert_eq!(alerts.next_alert().await["sequence"], 2);
}

#[tokio::test]
async fn a_mutation_returns_the_cursor_behind_its_own_alerts() {
    let server = TestServer::with_service_key().await;
    let user = server.create_user(MOBILE).await;
    let login = server
        .run_as(
            Some(SERVICE_KEY),
            "mutation($input: LoginInput!) { login(input: $input) {
                outcome user { alertCursor } } }",
            json!({ "input": { "mobile": user.mobile, "username": "SavingsBank" } }),
        )
        .await;
    assert_eq!(login.data("/login/outcome"), "REFUSED");
    let after = login.data_str("/login/user/alertCursor");
    assert_eq!(after, server.alert_cursor(&user.mobile).await);
}

#[tokio::test]
async fn a_pending_session_reads_its_cursor_and_receives_the_decision() {
    let server = TestServer::with_service_key().await;
    let user = server.create_user(MOBILE).await;
    let login = server
        .login(&user.mobile, json!({ "onConflict": "ASK" }))
        .await;
    let pending = login.data_str("/login/token");
    let after = own_cursor(&server, &pending).await;
    assert_eq!(after, own_cursor(&server, &user.token).await);
    let attempt = server.last_attempt_id(&user.mobile).await;
    server
        .decide_login_as(Some(&user.token), &attempt, "APPROVE")
        .await
        .data_str("/decideLogin/message");

    let arguments = json!({ "after": after });
    let socket = server.socket(Some(&pending)).await;
    let mut alerts = socket.subscribe_to_alerts(arguments).await;
    let decided = [alerts.next_kind().await, alerts.next_kind().await];
    assert!(
        decided.contains(&"LOGIN_APPROVED".to_owned()),
        "{decided:?}"
    );
}

#[tokio::test]
async fn a_session_that_has_ended_does_not_read_the_cursor() {
    let server = TestServer::with_service_key().await;
    let user = server.create_user(MOBILE).await;
    server
        .login(&user.mobile, json!({ "onConflict": "TAKE_OVER" }))
        .await
        .data_str("/login/token");

    let query = "{ currentSession { status user { mobile } } }";
    let own = server.run_as(Some(&user.token), query, json!({})).await;
    assert_eq!(own.data("/currentSession/status"), "ENDED");
    let query = "{ currentSession { user { alertCursor } } }";
    let response = server.run_as(Some(&user.token), query, json!({})).await;
    assert_eq!(response.error_code(), "UNAUTHENTICATED");
}

#[tokio::test]
async fn an_event_stream_starts_at_the_cursor() {
    let server = TestServer::with_service_key().await;
    let user = server.create_user(MOBILE).await;
    let after = own_cursor(&server, &user.token).await;
    server.raise_alert(&user.mobile, "device 1").await;
    let query = "subscription($after: ID) { sessionAlerts(after: $after) { sequence } }";
    let variables = json!({ "after": after });
    let mut events = EventStream::open(&server, Some(&user.token), query, variables).await;
    assert_eq!(
        events.next().await,
        json!({ "data": { "sessionAlerts": { "sequence": 1 } } })
    );
}

#[tokio::test]
async fn the_cursor_of_another_user_is_invalid_and_cannot_be_read() {
    let server = TestServer::with_service_key().await;
    let user = server.create_user(MOBILE).await;
    let other = server.create_user(OTHER_MOBILE).await;
    let after = own_cursor(&server, &other.token).await;
    let arguments = json!({ "after": after });
    let socket = server.socket(Some(&user.token)).await;
    let rejection = socket
        .subscribe_to_alerts(arguments)
        .await
        .rejection()
        .await;
    assert_eq!(rejection.invalid_field(), "after");

    let query = "query($mobile: String!) { user(mobile: $mobile) { alertCursor } }";
    let variables = json!({ "mobile": other.mobile });
    let foreign = server.run_as(Some(&user.token), query, variables).await;
    assert_eq!(foreign.data("/user"), &Value::Null);
}

#[tokio::test]
async fn a_position_whose_next_alert_was_purged_has_a_code_of_its_own_and_pages_stay_right() {
    const RETENTION: Duration = Duration::from_hours(1);
    let server =
        TestServer::with_service_key_and_flags(&["--retention=1h", "--idle-timeout=12h"]).await;
    server.create_user(MOBILE).await;
    let stale = server.alert_cursor(MOBILE).await;
    server.raise_alert(MOBILE, "device 1").await;
    server.raise_alert(MOBILE, "device 2").await;
    let page = "query($mobile: String!, $after: String) { user(mobile: $mobile) {
        alerts(first: 1, after: $after) { nodes { sequence }
        pageInfo { hasNextPage endCursor } } } }";
    let first = server.run_as(Some(SERVICE_KEY), page, json!({ "mobile": MOBILE }));
    let end_of_first = first.await.data_str("/user/alerts/pageInfo/endCursor");
    server.advance(RETENTION / 2);
    server.raise_alert(MOBILE, "device 3").await;
    let unexpired = server.alert_cursor(MOBILE).await;
    server.advance(RETENTION / 2 + Duration::from_secs(1));
    // The first purge follows the start.
    let server = server.restart().await;
    within_deadline(async { while server.alert_log(MOBILE).await.len() > 1 {} }).await;

    let arguments = |after: &str| json!({ "mobile": MOBILE, "after": after });
    let socket = server.service_socket().await;
    let mut alerts = socket.subscribe_to_alerts(arguments(&stale)).await;
    let rejection = alerts.rejection().await;
    assert_eq!(rejection.error_code(), "CURSOR_EXPIRED");
    alerts.assert_completed().await;

    // A page after a purged alert is empty, and the rest of the log is as before.
    let variables = arguments(&end_of_first);
    let second = server.run_as(Some(SERVICE_KEY), page, variables).await;
    assert_eq!(second.data("/user/alerts/nodes"), &json!([]));
    assert_eq!(
        second.data("/user/alerts/pageInfo/hasNextPage"),
        &json!(false)
    );
    assert_eq!(server.alert_cursor(MOBILE).await, unexpired);

    let socket = server.service_socket().await;
    let mut alerts = socket.subscribe_to_alerts(arguments(&unexpired)).await;
    server.raise_alert(MOBILE, "device 4").await;
    assert_eq!(alerts.next_alert().await["sequence"], 4);
}
