//! The question ends with its holder, and the payload of a login describes the holder.

use std::time::Duration;

use serde_json::{Value, json};
use sessiond_test_support::{AlertSubscription, SERVICE_KEY, TestServer};

use super::{login, login_as, server_with_phone};

async fn alerts_of(server: &TestServer, token: &str) -> AlertSubscription {
    AlertSubscription::start_own(server.socket(Some(token)).await).await
}

#[tokio::test]
async fn the_question_ends_in_the_transition_that_ends_its_holder() {
    for end in ["logout", "by the service", "expiry"] {
        let (server, phone) = server_with_phone(&["--on-conflict=ask", "--idle-timeout=1m"]).await;
        let waiting = login(&server, "tablet", json!({}))
            .await
            .data_str("/login/token");
        let mut alerts = alerts_of(&server, &waiting).await;
        match end {
            "logout" => {
                let response = server.invalidate_session_as(Some(&phone.token), &phone.session);
                response.await.data_str("/invalidateSession/message");
            }
            "by the service" => server.invalidate_session(&phone.session).await,
            _ => server.advance(Duration::from_mins(1)),
        }
        assert_eq!(alerts.next_kind().await, "LOGIN_NOT_APPROVED", "{end}");
        alerts.assert_completed().await;
        assert_eq!(server.session_status(&waiting).await, "ENDED");
        let log = server.alert_log(&phone.mobile).await;
        let kinds: Vec<_> = log.iter().map(|(_, kind)| &**kind).collect();
        let ended = if end == "expiry" {
            "SESSION_EXPIRED"
        } else {
            "SESSION_INVALIDATED"
        };
        assert_eq!(kinds, ["LOGIN_PENDING", ended, "LOGIN_NOT_APPROVED"]);
        // It was not denied, so the device may log in at once.
        let login = login(&server, "tablet", json!({})).await;
        assert_eq!(login.data("/login/outcome"), "LOGGED_IN");
    }
}

#[tokio::test]
async fn a_login_shows_as_much_of_the_holder_as_its_caller_may_see() {
    let (server, phone) = server_with_phone(&["--on-conflict=ask"]).await;
    let _alerts = alerts_of(&server, &phone.token).await;
    let reject = json!({ "onConflict": "REJECT" });
    let refused = login(&server, "tablet", reject.clone()).await;
    let device = refused.data("/login/holder/device/label").clone();
    assert_eq!(
        *refused.data("/login/holder"),
        json!({ "isListening": Value::Null, "lastSeenAt": Value::Null, "device": { "label": device } })
    );
    let waiting = login(&server, "tablet", json!({})).await;
    assert_eq!(*waiting.data("/login/holder/isListening"), true);
    assert_eq!(*waiting.data("/login/holder/lastSeenAt"), Value::Null);
    let by_service = login_as(&server, Some(SERVICE_KEY), "tablet", reject).await;
    assert_eq!(*by_service.data("/login/holder/isListening"), true);
    assert!(by_service.data("/login/holder/lastSeenAt").is_string());

    server.invalidate_session(&phone.session).await;
    let logged_in = login(&server, "tablet", json!({})).await;
    assert_eq!(*logged_in.data("/login/holder"), Value::Null);
}
