//! What a login does where another device holds a valid session.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Answer, Server, Subscription, Users};

const DECIDE: &str = "mutation($id: ID!, $decision: LoginDecision!) { decideLogin(input: { attemptId: $id, \
     decision: $decision }) { message session { sessionKey status endReason } } }";

async fn decide(server: &Server, bearer: &str, attempt: &Value, decision: &str) -> Answer {
    server
        .run_as(
            Some(bearer),
            DECIDE,
            json!({ "id": attempt, "decision": decision }),
        )
        .await
}

#[tokio::test]
async fn an_approved_login_takes_over_and_a_second_answer_comes_too_late() {
    let server = Server::start().await;
    let first = server.register("9012345678").await;
    let mut alerts =
        Subscription::live(server.socket(Some(&first.token)).await, &first.mobile).await;
    let asked = server
        .login(
            &first.mobile,
            json!({ "onConflict": "ASK", "userAgent": "Tablet" }),
        )
        .await;
    assert_eq!(asked.at("/login/outcome"), "AWAITING_APPROVAL");
    let waiting = asked.text("/login/token");
    assert_eq!(server.status(&waiting).await, "PENDING");
    assert_eq!(
        server
            .get("/verify")
            .bearer_auth(&waiting)
            .send()
            .await
            .unwrap()
            .status(),
        401
    );

    let pending = alerts.alert().await;
    assert_eq!(pending["kind"], "LOGIN_PENDING");
    let attempt = &pending["attempt"]["id"];
    // The device that waits may not answer for itself.
    assert_eq!(
        decide(&server, &waiting, attempt, "APPROVE").await.code(),
        "UNAUTHENTICATED"
    );
    let approved = decide(&server, &first.token, attempt, "APPROVE").await;
    assert_eq!(approved.at("/decideLogin/session/status"), "ACTIVE");
    assert_eq!(server.status(&waiting).await, "ACTIVE");
    assert_eq!(server.status(&first.token).await, "ENDED");
    assert_eq!(alerts.kind().await, "LOGIN_APPROVED");
    assert_eq!(alerts.kind().await, "SESSION_REPLACED");
    alerts.completes().await;
    assert_eq!(
        decide(&server, &waiting, attempt, "DENY").await.code(),
        "NOT_FOUND"
    );
}

#[tokio::test]
async fn a_denied_login_ends_and_the_first_device_stays() {
    let server = Server::start().await;
    let first = server.register("9012345678").await;
    let mut alerts =
        Subscription::live(server.socket(Some(&first.token)).await, &first.mobile).await;
    let asked = server
        .login(&first.mobile, json!({ "onConflict": "ASK" }))
        .await;
    let waiting = asked.text("/login/token");
    let mut of_the_waiting = server.socket(Some(&waiting)).await.subscribe("").await;
    of_the_waiting.settle().await;
    let pending = alerts.alert().await;
    let denied = decide(&server, &first.token, &pending["attempt"]["id"], "DENY").await;
    assert_eq!(denied.at("/decideLogin/session/endReason"), "NOT_APPROVED");
    assert_eq!(alerts.kind().await, "LOGIN_NOT_APPROVED");
    assert_eq!(of_the_waiting.kind().await, "LOGIN_NOT_APPROVED");
    of_the_waiting.completes().await;
    assert_eq!(server.status(&first.token).await, "ACTIVE");
    assert_eq!(server.status(&waiting).await, "ENDED");
}

#[tokio::test]
async fn nobody_answers_and_the_login_ends_by_itself() {
    let server = Server::start().await;
    let first = server.register("9012345678").await;
    let mut alerts =
        Subscription::live(server.socket(Some(&first.token)).await, &first.mobile).await;
    let waiting = server
        .login(&first.mobile, json!({ "onConflict": "ASK" }))
        .await
        .text("/login/token");
    let attempt = alerts.alert().await["attempt"]["id"].clone();
    server.advance(Duration::from_mins(2));
    assert_eq!(server.status(&waiting).await, "ENDED");
    assert_eq!(
        decide(&server, &first.token, &attempt, "APPROVE")
            .await
            .code(),
        "NOT_FOUND"
    );
    // The sweeper notices without anyone's asking.
    assert_eq!(alerts.kind().await, "LOGIN_NOT_APPROVED");
}

#[tokio::test]
async fn a_second_question_ends_the_first() {
    let server = Server::start().await;
    let user = server.register("9012345678").await;
    let ask = async |agent| {
        let input = json!({ "onConflict": "ASK", "userAgent": agent });
        server.login(&user.mobile, input).await.text("/login/token")
    };
    let (one, other) = (ask("Tablet").await, ask("Laptop").await);
    assert_eq!(server.status(&one).await, "ENDED");
    assert_eq!(server.status(&other).await, "PENDING");
}

#[tokio::test]
async fn the_device_that_holds_the_session_replaces_its_own() {
    let server = Server::start().await;
    let user = server.register("9012345678").await;
    let takes_over = json!({ "deviceId": "phone", "onConflict": "TAKE_OVER" });
    let phone = server
        .login(&user.mobile, takes_over)
        .await
        .text("/login/token");
    let again = server
        .login(&user.mobile, json!({ "deviceId": "phone" }))
        .await;
    assert_eq!(again.at("/login/outcome"), "LOGGED_IN");
    assert_eq!(server.status(&phone).await, "ENDED");
    assert_eq!(
        server
            .login(&user.mobile, json!({ "deviceId": "other" }))
            .await
            .at("/login/outcome"),
        "REFUSED"
    );
}

#[tokio::test]
async fn an_expired_session_is_in_nobodys_way() {
    let server = Server::start().await;
    let first = server.register("9012345678").await;
    server.advance(Duration::from_mins(30));
    let login = server.login(&first.mobile, json!({})).await;
    assert_eq!(login.at("/login/outcome"), "LOGGED_IN");
    let ended = server
        .run_as(
            Some(&first.token),
            "{ currentSession { endReason } }",
            json!({}),
        )
        .await;
    assert_eq!(ended.at("/currentSession/endReason"), "EXPIRED");
}

#[tokio::test]
async fn a_request_keeps_an_idle_session_alive_but_not_past_its_lifetime() {
    let server = Server::start().await;
    let user = server.register("9012345678").await;
    for _ in 0..(24 * 60 / 20 - 1) {
        server.advance(Duration::from_mins(20));
        assert_eq!(server.status(&user.token).await, "ACTIVE");
    }
    server.advance(Duration::from_mins(20));
    assert_eq!(server.status(&user.token).await, "ENDED");
}

#[tokio::test]
async fn repeated_attempts_of_one_device_raise_one_alert_a_minute() {
    let server = Server::start().await;
    let user = server.register("9012345678").await;
    let alerts = async || {
        let query = "{ user(mobile: \"9012345678\") { alerts { nodes { sequence } } } }";
        server
            .run(query, json!({}))
            .await
            .at("/user/alerts/nodes")
            .as_array()
            .unwrap()
            .len()
    };
    for _ in 0..20 {
        assert_eq!(
            server
                .login(&user.mobile, json!({}))
                .await
                .at("/login/outcome"),
            "REFUSED"
        );
    }
    assert_eq!(alerts().await, 1);
    server
        .login(&user.mobile, json!({ "userAgent": "Another" }))
        .await;
    assert_eq!(alerts().await, 2);
    server.advance(Duration::from_mins(1));
    server.login(&user.mobile, json!({})).await;
    assert_eq!(alerts().await, 3);
}

#[tokio::test]
async fn the_operator_chooses_what_a_conflict_does_and_what_clients_may_choose() {
    let server =
        Server::with(&["--on-conflict", "take-over", "--client-on-conflict", "none"]).await;
    let first = server.register("9012345678").await;
    assert_eq!(
        server
            .login(&first.mobile, json!({}))
            .await
            .at("/login/outcome"),
        "LOGGED_IN"
    );
    // A stale token makes its bearer a client, not the service.
    let login = "mutation { login(input: { mobile: \"9012345678\", username: \"SavingsBank\", onConflict: REJECT }) \
         { outcome } }";
    assert_eq!(
        server
            .run_as(Some(&first.token), login, json!({}))
            .await
            .code(),
        "FORBIDDEN"
    );
}

#[tokio::test]
async fn ending_a_session_twice_is_the_same_as_once() {
    let server = Server::start().await;
    let user = server.register("9012345678").await;
    let next = server
        .login(&user.mobile, json!({ "onConflict": "TAKE_OVER" }))
        .await
        .text("/login/token");
    let end = async |bearer: &str| {
        let query = "mutation($key: ID!) { invalidateSession(input: { sessionKey: $key }) \
             { session { sessionKey endReason } user { activeSession { status } alerts { nodes { kind } } } } }";
        server
            .run_as(Some(bearer), query, json!({ "key": user.session }))
            .await
    };
    // The ended session was replaced: ending it again changes nothing, and leaves the active one alone.
    for bearer in [&user.token, &next, &user.token] {
        let ended = end(bearer).await;
        assert_eq!(ended.at("/invalidateSession/session/endReason"), "REPLACED");
        assert_eq!(
            ended.at("/invalidateSession/user/activeSession/status"),
            "ACTIVE"
        );
        assert_eq!(
            *ended.at("/invalidateSession/user/alerts/nodes"),
            json!([{ "kind": "SESSION_REPLACED" }])
        );
    }
}
