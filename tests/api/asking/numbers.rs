//! Number matching.

use serde_json::{Value, json};
use sessiond::access::Scope;
use sessiond_test_support::{
    EventStream, GraphQlResponse, MOBILE, SERVICE_KEY, TestKey, TestServer,
};

use super::{QUESTION, decide, last_alert, login, server_with_phone, wrong};

const ASK: &[&str] = &["--on-conflict=ask"];

#[tokio::test]
async fn an_approval_must_name_the_number_that_the_waiting_device_shows() {
    let (server, phone) = server_with_phone(ASK).await;
    let waiting = login(&server, "tablet", json!({})).await;
    assert_eq!(waiting.data("/login/outcome"), "AWAITING_APPROVAL");
    let number = waiting.data("/login/matchNumber").clone();
    assert!((10..=99).contains(&number.as_u64().unwrap()), "{number}");

    let alert = last_alert(&server, Some(&phone.token)).await;
    let choices = alert["attempt"]["matchChoices"].as_array().unwrap().clone();
    assert_eq!(choices.len(), 3);
    assert!(choices.contains(&number), "{number} in {choices:?}");
    let attempt = &alert["attempt"]["id"];
    let without = decide(&server, Some(&phone.token), attempt, "APPROVE", Value::Null).await;
    assert_eq!(without.invalid_field(), "matchNumber");
    let token = waiting.data_str("/login/token");
    assert_eq!(server.session_status(&token).await, "PENDING");

    let right = decide(&server, Some(&phone.token), attempt, "APPROVE", number).await;
    assert_eq!(right.data("/decideLogin/session/status"), "ACTIVE");
    assert_eq!(server.session_status(&token).await, "ACTIVE");
    let decided = last_question(&server, &token).await;
    assert_eq!(decided["attempt"]["id"], *attempt);
    assert_eq!(decided["attempt"]["matchChoices"], Value::Null);
}

/// The last LOGIN_PENDING alert as a session sees it.
async fn last_question(server: &TestServer, token: &str) -> Value {
    let query = format!(
        "query($mobile: String!) {{ user(mobile: $mobile) {{ alerts {{ nodes {{ {QUESTION} }} }} }} }}"
    );
    let response = server
        .run_as(Some(token), &query, json!({ "mobile": MOBILE }))
        .await;
    let alerts = response.data_array("/user/alerts/nodes");
    let mut questions = alerts
        .iter()
        .filter(|alert| alert["kind"] == "LOGIN_PENDING");
    questions.next().unwrap().clone()
}

#[tokio::test]
async fn a_wrong_number_denies_the_login() {
    let (server, phone) = server_with_phone(ASK).await;
    let waiting = login(&server, "tablet", json!({})).await;
    let number = wrong(waiting.data("/login/matchNumber"));
    let alert = last_alert(&server, Some(&phone.token)).await;
    let attempt = &alert["attempt"]["id"];
    let denied = decide(&server, Some(&phone.token), attempt, "APPROVE", number).await;
    assert_eq!(
        *denied.data("/decideLogin"),
        json!({
            "message": "This is not the number that the other device shows, so the login was denied.",
            "session": { "status": "ENDED", "endReason": "NOT_APPROVED" },
        })
    );
    assert_eq!(server.session_status(&phone.token).await, "ACTIVE");
    let alert = last_alert(&server, Some(&phone.token)).await;
    assert_eq!(alert["kind"], "LOGIN_NOT_APPROVED");
}

#[tokio::test]
async fn a_number_that_no_device_shows_denies_the_login_like_any_wrong_one() {
    for impossible in [9, 100, -1, i32::MAX] {
        let (server, phone) = server_with_phone(ASK).await;
        login(&server, "tablet", json!({})).await;
        let alert = last_alert(&server, Some(&phone.token)).await;
        let attempt = &alert["attempt"]["id"];
        let denied = decide(&server, Some(&phone.token), attempt, "APPROVE", impossible).await;
        assert_eq!(
            denied.data("/decideLogin/session/endReason"),
            "NOT_APPROVED"
        );
        let paused = login(&server, "tablet", json!({})).await;
        assert_eq!(*paused.data("/login/retryAfterSeconds"), 60);
    }
}

#[tokio::test]
async fn the_service_may_approve_without_a_number_and_a_wrong_one_denies() {
    for (wrong_number, status) in [(false, "ACTIVE"), (true, "ENDED")] {
        let (server, _) = server_with_phone(ASK).await;
        let waiting = login(&server, "tablet", json!({})).await;
        let number = wrong(waiting.data("/login/matchNumber"));
        let number = wrong_number.then_some(number);
        let alert = last_alert(&server, Some(SERVICE_KEY)).await;
        let attempt = &alert["attempt"]["id"];
        let decided = decide(&server, Some(SERVICE_KEY), attempt, "APPROVE", number).await;
        assert_eq!(decided.data("/decideLogin/session/status"), status);
    }
}

#[tokio::test]
async fn a_denial_ignores_the_number() {
    for is_right in [true, false] {
        let (server, phone) = server_with_phone(ASK).await;
        let waiting = login(&server, "tablet", json!({})).await;
        let right = waiting.data("/login/matchNumber").clone();
        let number = if is_right { right } else { json!(-1) };
        let alert = last_alert(&server, Some(&phone.token)).await;
        let attempt = &alert["attempt"]["id"];
        let denied = decide(&server, Some(&phone.token), attempt, "DENY", number).await;
        assert_eq!(denied.data("/decideLogin/message"), "Login denied.");
    }
}

#[tokio::test]
async fn only_the_waiting_session_sees_its_number_and_only_who_may_decide_sees_the_choices() {
    let keys = [
        TestKey::new("reader", &[Scope::Read]),
        TestKey::new("manager", &[Scope::Read, Scope::Manage]),
    ];
    let server = TestServer::with_service_keys(&keys).await;
    let phone = server.create_user(MOBILE).await;
    let ask = json!({ "onConflict": "ASK", "userAgent": "tablet" });
    let waiting = server.login(MOBILE, ask).await;
    let (key, token) = (
        waiting.data("/login/session/sessionKey").clone(),
        waiting.data_str("/login/token"),
    );

    assert_eq!(
        waiting.data("/login/session/matchNumber"),
        waiting.data("/login/matchNumber")
    );
    let own = "{ currentSession { matchNumber } }";
    let shown = server.run_as(Some(&token), own, json!({})).await;
    assert_eq!(
        shown.data("/currentSession/matchNumber"),
        waiting.data("/login/matchNumber")
    );
    let query = "query($key: ID!) { node(id: $key) { ... on Session { matchNumber } } }";
    for bearer in [SERVICE_KEY, &phone.token] {
        let hidden = server
            .run_as(Some(bearer), query, json!({ "key": key }))
            .await;
        assert_eq!(*hidden.data("/node/matchNumber"), Value::Null);
    }

    let (reader, manager) = (keys[0].secret(), keys[1].secret());
    for (bearer, sees) in [
        (&*phone.token, true),
        (SERVICE_KEY, true),
        (&manager, true),
        (&reader, false),
    ] {
        let alert = last_alert(&server, Some(bearer)).await;
        assert_eq!(
            alert["attempt"]["matchChoices"].is_array(),
            sees,
            "{bearer}"
        );
    }
}

#[tokio::test]
async fn a_stream_shows_the_choices_over_server_sent_events() {
    let (server, phone) = server_with_phone(ASK).await;
    let query = format!("subscription {{ sessionAlerts {{ {QUESTION} }} }}");
    let mut events = EventStream::open(&server, Some(&phone.token), &query, json!({})).await;
    let waiting = login(&server, "tablet", json!({})).await;
    let alert = GraphQlResponse(events.next().await);
    let choices = alert.data_array("/sessionAlerts/attempt/matchChoices");
    assert!(choices.contains(waiting.data("/login/matchNumber")));
    assert_eq!(*alert.data("/sessionAlerts/attempt/isNewDevice"), true);
}

#[tokio::test]
async fn a_device_that_asks_again_shows_the_same_number() {
    let (server, phone) = server_with_phone(ASK).await;
    let first = login(&server, "tablet", json!({})).await;
    let again = login(&server, "tablet", json!({ "userAgent": "tablet/2" })).await;
    assert_ne!(first.data("/login/token"), again.data("/login/token"));
    let number = again.data("/login/matchNumber").clone();
    assert_eq!(*first.data("/login/matchNumber"), number);
    let alert = last_alert(&server, Some(&phone.token)).await;
    let attempt = &alert["attempt"]["id"];
    let approved = decide(&server, Some(&phone.token), attempt, "APPROVE", number).await;
    assert_eq!(approved.data("/decideLogin/session/status"), "ACTIVE");
}

#[tokio::test]
async fn without_number_matching_an_approval_needs_no_number() {
    let (server, phone) = server_with_phone(&["--on-conflict=ask", "--match-numbers=false"]).await;
    let waiting = login(&server, "tablet", json!({})).await;
    assert_eq!(*waiting.data("/login/matchNumber"), Value::Null);
    let alert = last_alert(&server, Some(&phone.token)).await;
    assert_eq!(alert["attempt"]["matchChoices"], Value::Null);
    let attempt = &alert["attempt"]["id"];
    let approved = decide(&server, Some(&phone.token), attempt, "APPROVE", Value::Null).await;
    assert_eq!(approved.data("/decideLogin/session/status"), "ACTIVE");
}
