//! Scenarios of a clock that is set back, for servers on either store.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{Account, TestServer, within_deadline};

const MINUTE: Duration = Duration::from_mins(1);
const STEP: Duration = Duration::from_hours(1);

/// The end of each open session of the user, newest first.
async fn session_ends(server: &TestServer, mobile: &str) -> Vec<Value> {
    let user = server
        .user(mobile, "sessions { nodes { expiresAt endedAt } }")
        .await;
    let sessions = user["sessions"]["nodes"].as_array().unwrap();
    let open = sessions
        .iter()
        .filter(|session| session["endedAt"].is_null());
    open.map(|session| session["expiresAt"].clone()).collect()
}

/// Waits until the maintenance task has corrected every open session of the user, whose ends were
/// `before`.
async fn wait_for_correction(server: &TestServer, mobile: &str, before: &[Value]) {
    within_deadline(async {
        loop {
            let now = session_ends(server, mobile).await;
            assert_eq!(now.len(), before.len(), "no session ends by the step");
            if now.iter().zip(before).all(|(now, before)| now != before) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

async fn refused_login(server: &TestServer, mobile: &str) {
    server.raise_alert(mobile, "Second device").await;
}

/// After a step back by an hour, an idle session, a session in use and a waiting login live no
/// longer than their whole limits, and a repeated conflict raises its alert.
pub async fn limits_hold_after_the_clock_is_set_back(server: &TestServer) {
    let idle = server.create_user("9012345601").await;
    let used = server.create_user("9012345602").await;
    let asked = server.create_user("9012345603").await;
    server.advance(2 * MINUTE);
    assert_eq!(server.verify_status(&used.token).await, 200);
    refused_login(server, &used.mobile).await;
    let input = json!({ "onConflict": "ASK", "userAgent": "Second device" });
    let waiting = server.login(&asked.mobile, input).await;
    let waiting = waiting.data_str("/login/token");
    let mut before = Vec::new();
    for user in [&idle, &used, &asked] {
        before.push(session_ends(server, &user.mobile).await);
    }

    server.set_back(STEP);
    refused_login(server, &used.mobile).await;
    let alerts = server.alert_log(&used.mobile).await;
    assert_eq!(alerts.len(), 2, "the second alert is not silenced");
    for (user, before) in [&idle, &used, &asked].into_iter().zip(&before) {
        wait_for_correction(server, &user.mobile, before).await;
    }
    assert_eq!(server.session_status(&waiting).await, "PENDING");
    server.advance(2 * MINUTE);
    assert_eq!(server.session_status(&waiting).await, "ENDED");

    server.advance(18 * MINUTE);
    assert_eq!(server.verify_status(&used.token).await, 200);
    server.advance(10 * MINUTE);
    assert_eq!(server.verify_status(&idle.token).await, 401);
    assert_eq!(server.verify_status(&used.token).await, 200);
    server.advance(30 * MINUTE);
    assert_eq!(server.verify_status(&used.token).await, 401);
}

/// The clock is set back while no server runs.
pub async fn limits_hold_after_the_clock_is_set_back_between_runs(mut server: TestServer) {
    let Account { mobile, token, .. } = server.create_user("9012345601").await;
    let before = session_ends(&server, &mobile).await;
    server.stop().await;
    server.set_back(STEP);
    let server = server.start_again().await;
    wait_for_correction(&server, &mobile, &before).await;
    server.advance(30 * MINUTE);
    assert_eq!(server.verify_status(&token).await, 401);
}
