//! Several nodes on one database behave like one node on a file.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use sessiond_test_support::{AlertSubscription, MOBILE, MongoDatabase, TestServer};

async fn two_nodes() -> (MongoDatabase, TestServer, TestServer) {
    let database = MongoDatabase::new().await;
    let flag = format!("--database={}", database.uri);
    // The TTL indexes use the clock of the database, which is years ahead of the fixed clock of the
    // nodes.
    let flags = [&*flag, "--retention=3650d"];
    let first = TestServer::with_flags(&flags).await;
    let second = TestServer::with_flags(&flags).await;
    (database, first, second)
}

#[tokio::test]
async fn a_login_at_one_node_is_alerted_at_the_other() {
    let (_database, first, second) = two_nodes().await;
    let user = first.create_user(MOBILE).await;
    let socket = second.socket(Some(&user.token)).await;
    let mut alerts = AlertSubscription::start(socket, &user.mobile).await;

    first.raise_alert(&user.mobile, "Thunder Client").await;
    let alert = alerts.next_alert().await;
    assert_eq!(alert["kind"], "LOGIN_REFUSED");
    assert_eq!(alert["sequence"], 1);
    assert_eq!(alert["attempt"]["userAgent"], "Thunder Client");

    first
        .login(&user.mobile, json!({ "onConflict": "TAKE_OVER" }))
        .await
        .data_str("/login/token");
    assert_eq!(alerts.next_kind().await, "SESSION_REPLACED");
    alerts.assert_completed().await;
    assert_eq!(second.session_status(&user.token).await, "ENDED");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_concurrent_logins_at_two_nodes_exactly_one_succeeds() {
    const ROUNDS: usize = 5;
    let (_database, first, second) = two_nodes().await;
    let user = first.create_user(MOBILE).await;
    let mut active = user.session.clone();
    for _ in 0..ROUNDS {
        second.invalidate_session(&active).await;
        let logins = join_all((0..64).map(async |device| {
            let node = if device % 2 == 0 { &first } else { &second };
            let input = json!({ "userAgent": format!("device {device}") });
            // Every login is a commit, so a node may be too busy to report its outcome. The login
            // that succeeds does not wait for the others, so its outcome is always known.
            node.login_with_retries(&user.mobile, input).await
        }))
        .await;
        let succeeded: Vec<_> = logins
            .iter()
            .filter(|login| login.data("/login/outcome") == "LOGGED_IN")
            .collect();
        assert_eq!(succeeded.len(), 1);
        active = succeeded[0].data_str("/login/session/sessionKey");
    }
}

#[tokio::test]
async fn the_bound_on_alerts_holds_over_all_nodes_and_the_rest_is_reported() {
    const LOGINS: usize = 30;
    let (_database, first, second) = two_nodes().await;
    let user = first.create_user(MOBILE).await;
    let socket = second.socket(Some(&user.token)).await;
    let mut alerts = AlertSubscription::start(socket, MOBILE).await;
    for device in 0..LOGINS {
        let node = if device % 2 == 0 { &first } else { &second };
        let input = json!({ "deviceId": format!("device {device}") });
        let login = node.login_with_retries(MOBILE, input).await;
        assert_eq!(login.data("/login/outcome"), "REFUSED");
    }
    let ask = json!({ "deviceId": "one more", "onConflict": "ASK" });
    let asked = first.login_with_retries(MOBILE, ask).await;
    assert_eq!(asked.error_code(), "RATE_LIMITED");
    for sequence in 1..=20 {
        assert_eq!(alerts.next_alert().await["sequence"], sequence);
    }

    first.advance(Duration::from_mins(1));
    second.advance(Duration::from_mins(1));
    let summary = alerts.next_alert().await;
    assert_eq!(summary["kind"], "LOGIN_REFUSED");
    assert_eq!(summary["foldedCount"], 10);
    assert_eq!(first.assert_gapless_log(MOBILE).await, 21);
}

#[tokio::test]
async fn a_device_that_asks_at_two_nodes_waits_in_one_session() {
    let (_database, first, second) = two_nodes().await;
    first.create_user(MOBILE).await;
    let mut waiting = Vec::new();
    for node in [&first, &second, &first] {
        let ask = json!({ "deviceId": "tablet", "onConflict": "ASK" });
        let login = node.login_with_retries(MOBILE, ask).await;
        waiting.push((
            login.data_str("/login/session/sessionKey"),
            login.data_str("/login/token"),
        ));
    }
    assert!(waiting.iter().all(|(key, _)| *key == waiting[0].0));
    let query = "{ currentSession { status } }";
    for (_, replaced) in &waiting[..2] {
        let current = second.run_as(Some(replaced), query, json!({})).await;
        assert!(current.data("/currentSession").is_null());
    }
    assert_eq!(second.session_status(&waiting[2].1).await, "PENDING");
    assert_eq!(second.assert_gapless_log(MOBILE).await, 1);
}
