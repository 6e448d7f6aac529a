//! The pause after denials, and the limits on take-overs and on devices that ask.

use std::time::Duration;

use serde_json::{Value, json};
use sessiond_test_support::{GraphQlResponse, MOBILE, SERVICE_KEY, TestServer};

use super::{PASSWORD, decide, last_alert, login, login_as, server_with_phone};

const ASK: &[&str] = &["--on-conflict=ask"];

async fn deny_last(server: &TestServer, token: &str) {
    let alert = last_alert(server, Some(token)).await;
    let attempt = &alert["attempt"]["id"];
    decide(server, Some(token), attempt, "DENY", Value::Null)
        .await
        .data_str("/decideLogin/message");
}

#[tokio::test]
async fn each_denial_starts_a_longer_pause_in_which_no_device_may_ask() {
    let flags = ["--on-conflict=ask", "--idle-timeout=2h"];
    let (server, phone) = server_with_phone(&flags).await;
    for minutes in [1, 5, 30, 30] {
        let asked = login(&server, "tablet", json!({})).await;
        assert_eq!(asked.data("/login/outcome"), "AWAITING_APPROVAL");
        deny_last(&server, &phone.token).await;
        let alerts = server.alert_log(&phone.mobile).await.len();
        for device in ["tablet", "laptop"] {
            let paused = login(&server, device, json!({})).await;
            assert_eq!(paused.data("/login/outcome"), "REFUSED");
            assert_eq!(*paused.data("/login/retryAfterSeconds"), minutes * 60);
            let message = paused.data_str("/login/message");
            assert!(
                message.contains(&format!("{} s", minutes * 60)),
                "{message}"
            );
        }
        assert_eq!(server.alert_log(&phone.mobile).await.len(), alerts);
        server.advance(Duration::from_mins(minutes));
    }
}

#[tokio::test]
async fn an_approval_ends_the_count_of_denials_and_the_service_skips_the_pause() {
    let (server, phone) = server_with_phone(ASK).await;
    login(&server, "tablet", json!({})).await;
    deny_last(&server, &phone.token).await;
    let by_service = login_as(&server, Some(SERVICE_KEY), "tablet", json!({})).await;
    assert_eq!(by_service.data("/login/outcome"), "AWAITING_APPROVAL");
    let alert = last_alert(&server, Some(&phone.token)).await;
    let number = by_service.data("/login/matchNumber").clone();
    decide(
        &server,
        Some(&phone.token),
        &alert["attempt"]["id"],
        "APPROVE",
        number,
    )
    .await
    .data_str("/decideLogin/message");
    let asked = login(&server, "laptop", json!({})).await;
    assert_eq!(asked.data("/login/outcome"), "AWAITING_APPROVAL");
    deny_last(&server, &by_service.data_str("/login/token")).await;
    let paused = login(&server, "laptop", json!({})).await;
    assert_eq!(*paused.data("/login/retryAfterSeconds"), 60);
}

#[tokio::test]
async fn a_third_device_may_end_the_waiting_login_only_twice_in_an_approval_timeout() {
    let (server, _) = server_with_phone(ASK).await;
    for device in ["a", "b", "c"] {
        let asked = login(&server, device, json!({})).await;
        assert_eq!(asked.data("/login/outcome"), "AWAITING_APPROVAL");
        if device == "c" {
            let refused = login(&server, "d", json!({})).await;
            assert_eq!(refused.data("/login/outcome"), "REFUSED");
            assert_eq!(*refused.data("/login/retryAfterSeconds"), 120);
            let token = asked.data_str("/login/token");
            assert_eq!(server.session_status(&token).await, "PENDING");
        }
    }
}

#[tokio::test]
async fn a_holder_who_ends_the_waiting_session_has_denied_the_login() {
    let (server, phone) = server_with_phone(ASK).await;
    let waiting = login(&server, "tablet", json!({})).await;
    let key = waiting.data_str("/login/session/sessionKey");
    let ended = server.invalidate_session_as(Some(&phone.token), &key).await;
    ended.data_str("/invalidateSession/message");
    let alert = last_alert(&server, Some(&phone.token)).await;
    assert_eq!(alert["kind"], "SESSION_INVALIDATED");
    let paused = login(&server, "tablet", json!({})).await;
    assert_eq!(paused.data("/login/outcome"), "REFUSED");
    assert_eq!(*paused.data("/login/retryAfterSeconds"), 60);

    // A device that withdraws, and a session that the service ends, were not denied.
    for by_service in [false, true] {
        server.advance(Duration::from_mins(1));
        let waiting = login(&server, "tablet", json!({})).await;
        let (key, token) = (
            waiting.data_str("/login/session/sessionKey"),
            waiting.data_str("/login/token"),
        );
        let caller = if by_service { SERVICE_KEY } else { &*token };
        let ended = server.invalidate_session_as(Some(caller), &key).await;
        ended.data_str("/invalidateSession/message");
        let asked = login(&server, "tablet", json!({})).await;
        assert_eq!(asked.data("/login/outcome"), "AWAITING_APPROVAL");
        let withdrawn = asked.data_str("/login/session/sessionKey");
        server.invalidate_session(&withdrawn).await;
    }
}

#[tokio::test]
async fn take_overs_are_limited_and_the_first_device_may_always_take_its_session_back() {
    let flags = ["--on-conflict=take-over", "--take-over-limit=2/10m"];
    let (server, _) = server_with_phone(&flags).await;
    for device in ["a", "b"] {
        let taken = login(&server, device, json!({})).await;
        assert_eq!(taken.data("/login/outcome"), "LOGGED_IN");
    }
    server.advance(Duration::from_mins(1));
    let refused = login(&server, "c", json!({})).await;
    assert_eq!(refused.data("/login/outcome"), "REFUSED");
    assert_eq!(*refused.data("/login/retryAfterSeconds"), 9 * 60);
    assert_eq!(
        last_alert(&server, Some(SERVICE_KEY)).await["kind"],
        "LOGIN_REFUSED"
    );

    let incumbent = login(&server, "phone", json!({})).await;
    assert_eq!(incumbent.data("/login/outcome"), "LOGGED_IN");
    let refused = login(&server, "c", json!({})).await;
    assert_eq!(refused.data("/login/outcome"), "REFUSED");
    let by_service = login_as(&server, Some(SERVICE_KEY), "d", json!({})).await;
    assert_eq!(by_service.data("/login/outcome"), "LOGGED_IN");
    server.advance(Duration::from_mins(9));
    let taken = login(&server, "c", json!({})).await;
    assert_eq!(taken.data("/login/outcome"), "LOGGED_IN");
}

#[tokio::test]
async fn a_session_that_a_take_over_opened_may_not_decide() {
    let (server, _) = server_with_phone(&["--on-conflict=take-over"]).await;
    let thief = login(&server, "thief", json!({}))
        .await
        .data_str("/login/token");
    let asked = login(&server, "phone", json!({ "onConflict": "ASK" })).await;
    assert_eq!(asked.data("/login/outcome"), "AWAITING_APPROVAL");
    let alert = last_alert(&server, Some(&thief)).await;
    assert_eq!(alert["attempt"]["matchChoices"], Value::Null);
    let attempt = &alert["attempt"]["id"];
    let denied = decide(&server, Some(&thief), attempt, "DENY", Value::Null).await;
    assert_eq!(denied.error_code(), "FORBIDDEN");

    // Its own device may not launder it by a login of its own.
    let thief = login(&server, "thief", json!({}))
        .await
        .data_str("/login/token");
    let denied = decide(&server, Some(&thief), attempt, "DENY", Value::Null).await;
    assert_eq!(denied.error_code(), "FORBIDDEN");
    let by_service = decide(&server, Some(SERVICE_KEY), attempt, "APPROVE", Value::Null).await;
    assert_eq!(by_service.data("/decideLogin/session/status"), "ACTIVE");
}

#[tokio::test]
async fn a_session_that_may_not_decide_cannot_end_the_waiting_one_in_another_way() {
    let (server, _) = server_with_phone(&["--on-conflict=take-over"]).await;
    let thief = login(&server, "thief", json!({})).await;
    let token = thief.data_str("/login/token");
    let asked = login(&server, "phone", json!({ "onConflict": "ASK" })).await;
    let waiting = asked.data_str("/login/session/sessionKey");
    let ended = server.invalidate_session_as(Some(&token), &waiting).await;
    assert_eq!(ended.error_code(), "FORBIDDEN");
    let changed = change_password(&server, &token).await;
    assert_eq!(changed.error_code(), "FORBIDDEN");
    let waiting_token = asked.data_str("/login/token");
    assert_eq!(server.session_status(&waiting_token).await, "PENDING");

    // It may always end itself, and the question with it. Then the owner needs no approval.
    let own = thief.data_str("/login/session/sessionKey");
    let ended = server.invalidate_session_as(Some(&token), &own).await;
    ended.data_str("/invalidateSession/message");
    let owner = login(&server, "phone", json!({ "onConflict": "ASK" })).await;
    assert_eq!(owner.data("/login/outcome"), "LOGGED_IN");
    let changed = change_password(&server, &owner.data_str("/login/token")).await;
    changed.data_str("/setPassword/message");
}

async fn change_password(server: &TestServer, token: &str) -> GraphQlResponse {
    let query = "mutation($input: SetPasswordInput!) { setPassword(input: $input) { message } }";
    let input = json!({
        "mobile": MOBILE, "oldPassword": PASSWORD, "newPassword": "another lantern 8",
    });
    server
        .run_as(Some(token), query, json!({ "input": input }))
        .await
}

#[tokio::test]
async fn the_owner_who_takes_the_session_back_after_a_window_may_decide_at_once() {
    let flags = ["--on-conflict=take-over", "--take-over-limit=3/10m"];
    let (server, _) = server_with_phone(&flags).await;
    login(&server, "thief", json!({})).await;
    server.advance(Duration::from_mins(10));
    let owner = login(&server, "phone", json!({})).await;
    assert_eq!(owner.data("/login/outcome"), "LOGGED_IN");
    let asked = login(&server, "thief", json!({ "onConflict": "ASK" })).await;
    assert_eq!(asked.data("/login/outcome"), "AWAITING_APPROVAL");
    deny_last(&server, &owner.data_str("/login/token")).await;
    let waiting = asked.data_str("/login/token");
    assert_eq!(server.session_status(&waiting).await, "ENDED");
}
