//! Logins while another device holds the active session.

use std::time::Duration;

use serde_json::{Value, json};
use sessiond_test_support::{Account, AlertSubscription, MOBILE, TestServer};

/// A server with one user, and that user's alerts.
async fn subscribed_user() -> (TestServer, Account, AlertSubscription) {
    let server = TestServer::start().await;
    let user = server.create_user(MOBILE).await;
    let socket = server.socket(Some(&user.token)).await;
    let alerts = AlertSubscription::start(socket, &user.mobile).await;
    (server, user, alerts)
}

/// Logs in under ASK. Returns the token of the pending session.
async fn log_in_pending(server: &TestServer, user: &Account, device: &str) -> String {
    let input = json!({ "onConflict": "ASK", "userAgent": device });
    let login = server.login(&user.mobile, input).await;
    assert_eq!(login.data("/login/outcome"), "AWAITING_APPROVAL");
    login.data_str("/login/token")
}

/// Logs in with this input. Returns the outcome.
async fn login_outcome(server: &TestServer, user: &Account, input: Value) -> String {
    let login = server.login(&user.mobile, input).await;
    login.data_str("/login/outcome")
}

#[tokio::test]
async fn an_approved_login_takes_over_and_a_second_decision_is_too_late() {
    let (server, first, mut alerts) = subscribed_user().await;
    let pending = log_in_pending(&server, &first, "Tablet").await;
    assert_eq!(server.session_status(&pending).await, "PENDING");
    assert_eq!(server.verify_status(&pending).await, 401);
    let alert = alerts.next_alert().await;
    assert_eq!(alert["kind"], "LOGIN_PENDING");
    let attempt = alert["attempt"]["id"].as_str().unwrap();

    let by_itself = server
        .decide_login_as(Some(&pending), attempt, "APPROVE")
        .await;
    assert_eq!(by_itself.error_code(), "UNAUTHENTICATED");
    let approved = server
        .decide_login_as(Some(&first.token), attempt, "APPROVE")
        .await;
    assert_eq!(approved.data("/decideLogin/session/status"), "ACTIVE");

    assert_eq!(server.session_status(&pending).await, "ACTIVE");
    assert_eq!(server.session_status(&first.token).await, "ENDED");
    assert_eq!(alerts.next_kind().await, "LOGIN_APPROVED");
    assert_eq!(alerts.next_kind().await, "SESSION_REPLACED");
    alerts.assert_completed().await;
    let too_late = server
        .decide_login_as(Some(&pending), attempt, "DENY")
        .await;
    assert_eq!(too_late.error_code(), "NOT_FOUND");
}

#[tokio::test]
async fn a_denied_login_ends_and_the_first_device_stays_logged_in() {
    let (server, first, mut alerts) = subscribed_user().await;
    let pending = log_in_pending(&server, &first, "Tablet").await;
    let socket = server.socket(Some(&pending)).await;
    let mut alerts_of_pending = AlertSubscription::start_own(socket).await;
    let alert = alerts.next_alert().await;
    let attempt = alert["attempt"]["id"].as_str().unwrap();

    let denied = server
        .decide_login_as(Some(&first.token), attempt, "DENY")
        .await;

    assert_eq!(
        denied.data("/decideLogin/session/endReason"),
        "NOT_APPROVED"
    );
    assert_eq!(alerts.next_kind().await, "LOGIN_NOT_APPROVED");
    assert_eq!(alerts_of_pending.next_kind().await, "LOGIN_NOT_APPROVED");
    alerts_of_pending.assert_completed().await;
    assert_eq!(server.session_status(&first.token).await, "ACTIVE");
    assert_eq!(server.session_status(&pending).await, "ENDED");
}

#[tokio::test]
async fn a_login_without_a_decision_ends_at_the_approval_timeout() {
    let (server, first, mut alerts) = subscribed_user().await;
    let pending = log_in_pending(&server, &first, "Tablet").await;
    let alert = alerts.next_alert().await;
    let attempt = alert["attempt"]["id"].as_str().unwrap();

    server.advance(Duration::from_mins(2));

    assert_eq!(server.session_status(&pending).await, "ENDED");
    let too_late = server
        .decide_login_as(Some(&first.token), attempt, "APPROVE")
        .await;
    assert_eq!(too_late.error_code(), "NOT_FOUND");
    // The maintenance task records the end without a request.
    assert_eq!(alerts.next_kind().await, "LOGIN_NOT_APPROVED");
}

#[tokio::test]
async fn a_second_login_under_ask_ends_the_pending_one() {
    let server = TestServer::start().await;
    let user = server.create_user(MOBILE).await;
    let first = log_in_pending(&server, &user, "Tablet").await;
    let second = log_in_pending(&server, &user, "Laptop").await;
    assert_eq!(server.session_status(&first).await, "ENDED");
    assert_eq!(server.session_status(&second).await, "PENDING");
}

#[tokio::test]
async fn the_device_that_holds_the_active_session_replaces_it() {
    let server = TestServer::start().await;
    let user = server.create_user(MOBILE).await;
    let take_over = json!({ "deviceId": "phone", "onConflict": "TAKE_OVER" });
    let login = server.login(&user.mobile, take_over).await;
    let first_token = login.data_str("/login/token");

    let same_device = login_outcome(&server, &user, json!({ "deviceId": "phone" })).await;
    assert_eq!(same_device, "LOGGED_IN");
    assert_eq!(server.session_status(&first_token).await, "ENDED");
    let other_device = login_outcome(&server, &user, json!({ "deviceId": "other" })).await;
    assert_eq!(other_device, "REFUSED");
}

#[tokio::test]
async fn an_expired_session_causes_no_conflict() {
    let server = TestServer::start().await;
    let first = server.create_user(MOBILE).await;
    server.advance(Duration::from_mins(30));
    assert_eq!(login_outcome(&server, &first, json!({})).await, "LOGGED_IN");
    let query = "{ currentSession { endReason } }";
    let ended = server.run_as(Some(&first.token), query, json!({})).await;
    assert_eq!(ended.data("/currentSession/endReason"), "EXPIRED");
}

#[tokio::test]
async fn requests_keep_an_idle_session_alive_but_not_beyond_its_lifetime() {
    let server = TestServer::start().await;
    let user = server.create_user(MOBILE).await;
    for _ in 0..(24 * 60 / 20 - 1) {
        server.advance(Duration::from_mins(20));
        assert_eq!(server.session_status(&user.token).await, "ACTIVE");
    }
    server.advance(Duration::from_mins(20));
    assert_eq!(server.session_status(&user.token).await, "ENDED");
}

#[tokio::test]
async fn repeated_attempts_of_one_device_raise_one_alert_a_minute() {
    let server = TestServer::start().await;
    let user = server.create_user(MOBILE).await;
    let count_alerts = async || server.alert_log(&user.mobile).await.len();
    for _ in 0..20 {
        assert_eq!(login_outcome(&server, &user, json!({})).await, "REFUSED");
    }
    assert_eq!(count_alerts().await, 1);
    login_outcome(&server, &user, json!({ "userAgent": "Another" })).await;
    assert_eq!(count_alerts().await, 2);
    server.advance(Duration::from_mins(1));
    login_outcome(&server, &user, json!({})).await;
    assert_eq!(count_alerts().await, 3);
}

#[tokio::test]
async fn the_operator_sets_the_conflict_policy_and_the_policies_that_clients_may_choose() {
    let flags = ["--on-conflict=take-over", "--client-on-conflict=none"];
    let server = TestServer::with_flags(&flags).await;
    let first = server.create_user(MOBILE).await;
    assert_eq!(login_outcome(&server, &first, json!({})).await, "LOGGED_IN");

    // With the token of an ended session the caller is a client and not the service.
    let query = "mutation($input: LoginInput!) { login(input: $input) { outcome } }";
    let input = json!({ "mobile": MOBILE, "username": "SavingsBank", "onConflict": "REJECT" });
    let by_client = server
        .run_as(Some(&first.token), query, json!({ "input": input }))
        .await;
    assert_eq!(by_client.error_code(), "FORBIDDEN");
}

#[tokio::test]
async fn a_client_cannot_choose_a_stronger_policy_than_the_operator_unless_a_setting_allows_it() {
    const ALL: [&str; 3] = ["REJECT", "ASK", "TAKE_OVER"];
    for (flags, permitted) in [
        (&[][..], &ALL[..1]),
        (&["--on-conflict=ask"], &ALL[..2]),
        (&["--on-conflict=take-over"], &ALL),
        (&["--client-on-conflict=ask"], &ALL[1..2]),
        (&["--client-on-conflict=reject,ask,take-over"], &ALL),
    ] {
        let server = TestServer::with_service_key_and_flags(flags).await;
        let user = server.create_user(MOBILE).await;
        let query = "mutation($input: LoginInput!) { login(input: $input) { outcome } }";
        for policy in ALL {
            let input =
                json!({ "mobile": MOBILE, "username": "SavingsBank", "onConflict": policy });
            let by_client = server
                .run_as(Some(&user.token), query, json!({ "input": input }))
                .await;
            // The user has no password, so a permitted policy reaches the check of the credentials.
            let code = if permitted.contains(&policy) {
                "INVALID_CREDENTIALS"
            } else {
                "FORBIDDEN"
            };
            assert_eq!(by_client.error_code(), code, "{flags:?} {policy}");
            let by_service = server.login(MOBILE, json!({ "onConflict": policy })).await;
            assert!(!by_service.has_errors(), "{flags:?} {policy}");
        }
    }
}

#[tokio::test]
async fn invalidating_a_session_is_idempotent() {
    let server = TestServer::start().await;
    let user = server.create_user(MOBILE).await;
    let login = server
        .login(&user.mobile, json!({ "onConflict": "TAKE_OVER" }))
        .await;
    let active_token = login.data_str("/login/token");
    let query = "mutation($key: ID!) { invalidateSession(input: { sessionKey: $key }) {
        session { sessionKey endReason }
        user { activeSession { status } alerts { nodes { kind } } } } }";

    // The session has been replaced, so nothing changes and the active session stays.
    for bearer in [&user.token, &active_token, &user.token] {
        let ended = server
            .run_as(Some(bearer), query, json!({ "key": user.session }))
            .await;
        assert_eq!(
            ended.data("/invalidateSession/session/endReason"),
            "REPLACED"
        );
        // The session that has ended sees nothing of the user's other sessions.
        let expected = if bearer == &active_token {
            json!({
                "activeSession": { "status": "ACTIVE" },
                "alerts": { "nodes": [{ "kind": "SESSION_REPLACED" }] },
            })
        } else {
            json!({ "activeSession": null, "alerts": { "nodes": [] } })
        };
        assert_eq!(*ended.data("/invalidateSession/user"), expected);
    }
}

async fn current_session_key(server: &TestServer, token: &str) -> String {
    let query = "{ currentSession { sessionKey } }";
    let response = server.run_as(Some(token), query, json!({})).await;
    response.data_str("/currentSession/sessionKey")
}

#[tokio::test]
async fn whoever_ended_a_session_is_reported() {
    const INVALIDATE: &str =
        "mutation($key: ID!) { invalidateSession(input: { sessionKey: $key }) {
        session { endReason endedBy } } }";
    let (server, first, mut alerts) = subscribed_user().await;
    let pending = log_in_pending(&server, &first, "Tablet").await;
    assert_eq!(alerts.next_kind().await, "LOGIN_PENDING");
    let waiting = current_session_key(&server, &pending).await;

    let end = async |token: Option<&str>, key: &str| {
        let ended = server
            .run_as(token, INVALIDATE, json!({ "key": key }))
            .await;
        let session = ended.data("/invalidateSession/session");
        assert_eq!(session["endReason"], "INVALIDATED");
        let log = server
            .user(MOBILE, "alerts(first: 1) { nodes { message } }")
            .await;
        let message = log["alerts"]["nodes"][0]["message"].clone();
        (session["endedBy"].clone(), message)
    };
    let reported = |by: &str, whom: &str| {
        let message = format!("The session was logged out by {whom}.");
        (json!(by), json!(message))
    };
    let by_other_device = end(Some(&first.token), &waiting).await;
    assert_eq!(by_other_device, reported("OTHER_DEVICE", "another device"));
    let withdrawn = log_in_pending(&server, &first, "Watch").await;
    let key = current_session_key(&server, &withdrawn).await;
    let withdrawal =
        "The waiting login was withdrawn by the device that asked: “Watch” at 127.0.0.1.";
    let by_itself = end(Some(&withdrawn), &key).await;
    assert_eq!(by_itself, (json!("ITSELF"), json!(withdrawal)));
    let by_itself = end(Some(&first.token), &first.session).await;
    assert_eq!(by_itself, reported("ITSELF", "its own device"));
    let login = server.login(MOBILE, json!({ "userAgent": "Laptop" })).await;
    let by_service = end(None, &login.data_str("/login/session/sessionKey")).await;
    assert_eq!(by_service, reported("SERVICE", "the service"));
}
