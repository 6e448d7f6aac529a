//! The bound on the alerts of a user in a minute.

use std::{collections::BTreeMap, time::Duration};

use serde_json::json;
use sessiond_test_support::{AlertSubscription, MOBILE, OTHER_MOBILE, TestServer, within_deadline};

/// Logs in once on each of `count` devices. Returns the number of each outcome and error code.
async fn log_in_on_many(
    server: &TestServer,
    on_conflict: &str,
    count: usize,
) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for number in 0..count {
        let input = json!({ "deviceId": format!("device {number}"), "onConflict": on_conflict });
        let login = server.login(MOBILE, input).await;
        let outcome = if login.has_errors() {
            let seconds = &login.error()["extensions"]["retryAfterSeconds"];
            assert_eq!(*seconds, 60, "{seconds}");
            login.error_code().to_owned()
        } else {
            login.data_str("/login/outcome")
        };
        *counts.entry(outcome).or_default() += 1;
    }
    counts
}

fn counts<const N: usize>(expected: [(&str, usize); N]) -> BTreeMap<String, usize> {
    expected
        .map(|(outcome, count)| (outcome.to_owned(), count))
        .into()
}

#[tokio::test]
async fn refused_logins_of_many_devices_raise_few_alerts_and_each_is_counted() {
    let server = TestServer::start().await;
    let user = server.create_user(MOBILE).await;
    let socket = server.socket(Some(&user.token)).await;
    let mut alerts = AlertSubscription::start(socket, MOBILE).await;

    let outcomes = log_in_on_many(&server, "REJECT", 200).await;
    assert_eq!(outcomes, counts([("REFUSED", 200)]));
    for sequence in 1..=20 {
        let alert = alerts.next_alert().await;
        assert_eq!(alert["sequence"], sequence);
        assert_eq!(alert["foldedCount"], 0);
    }
    assert_eq!(server.assert_gapless_log(MOBILE).await, 20);

    // After the minute, maintenance reports the others, without a request.
    server.advance(Duration::from_mins(1));
    let summary = alerts.next_alert().await;
    assert_eq!(summary["kind"], "LOGIN_REFUSED");
    assert_eq!(summary["sequence"], 21);
    assert_eq!(summary["foldedCount"], 180);
    let message = summary["message"].as_str().unwrap();
    assert!(
        message.ends_with(" 180 refused logins raised no alert of their own."),
        "{message}"
    );
    assert_eq!(summary["session"]["sessionKey"], user.session.as_str());
}

#[tokio::test]
async fn refused_logins_are_reported_even_if_the_clock_is_set_back_before_their_summary() {
    let mut server = TestServer::start().await;
    server.create_user(MOBILE).await;
    log_in_on_many(&server, "REJECT", 25).await;
    server.stop().await;
    // The summary is now due in an hour.
    server.set_back(Duration::from_hours(1));
    let server = server.start_again().await;
    within_deadline(async {
        let fields = "alerts(first: 1) { nodes { kind foldedCount } }";
        let summary = json!([{ "kind": "LOGIN_REFUSED", "foldedCount": 5 }]);
        while server.user(MOBILE, fields).await["alerts"]["nodes"] != summary {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn old_records_are_deleted_even_if_the_summary_of_a_damaged_user_fails() {
    let server = TestServer::start().await;
    server.create_user(OTHER_MOBILE).await;
    let user = server.create_user(MOBILE).await;
    server.invalidate_session(&user.session).await;
    server.advance(Duration::from_hours(24 * 91));
    let server = server
        .restart_with_database(|path| {
            rusqlite::Connection::open(path)
                .unwrap()
                .execute(
                    "UPDATE records SET version = -1, summary_due_at = 1 << 60 \
                     WHERE part = 0 AND mobile = ?",
                    [OTHER_MOBILE],
                )
                .unwrap();
        })
        .await;
    within_deadline(async {
        let fields = "sessions { totalCount }";
        while server.user(MOBILE, fields).await["sessions"]["totalCount"] != 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn logins_of_many_devices_that_ask_are_rejected_beyond_the_bound_and_write_nothing() {
    let server = TestServer::with_flags(&["--max-alerts-per-minute=4"]).await;
    let user = server.create_user(MOBILE).await;
    // Each further question also ends the one before, so it raises two alerts.
    let outcomes = log_in_on_many(&server, "ASK", 200).await;
    assert_eq!(
        outcomes,
        counts([("AWAITING_APPROVAL", 2), ("RATE_LIMITED", 198)])
    );
    let kinds: Vec<_> = server
        .alert_log(MOBILE)
        .await
        .into_iter()
        .map(|(_, kind)| kind)
        .collect();
    assert_eq!(
        kinds,
        ["LOGIN_PENDING", "LOGIN_NOT_APPROVED", "LOGIN_PENDING"]
    );
    let sessions = server.user(MOBILE, "sessions { totalCount }").await;
    assert_eq!(sessions["sessions"]["totalCount"], 3);

    // The alerts of other users, and what the user and the service do, are not limited.
    let attempt = server.last_attempt_id(MOBILE).await;
    let denied = server
        .decide_login_as(Some(&user.token), &attempt, "DENY")
        .await;
    assert_eq!(denied.data("/decideLogin/session/status"), "ENDED");
    let take_over = server
        .login(MOBILE, json!({ "onConflict": "TAKE_OVER" }))
        .await;
    assert_eq!(take_over.data("/login/outcome"), "LOGGED_IN");
    server.create_user(OTHER_MOBILE).await;
    let other = server
        .login(OTHER_MOBILE, json!({ "onConflict": "ASK" }))
        .await;
    assert_eq!(other.data("/login/outcome"), "AWAITING_APPROVAL");

    server.advance(Duration::from_mins(1));
    let asked = server
        .login(MOBILE, json!({ "onConflict": "ASK", "deviceId": "x" }))
        .await;
    assert_eq!(asked.data("/login/outcome"), "AWAITING_APPROVAL");
}

#[tokio::test]
async fn the_next_alert_reports_the_refused_logins_but_not_to_a_waiting_session() {
    let server = TestServer::with_flags(&["--max-alerts-per-minute=2"]).await;
    let user = server.create_user(MOBILE).await;
    let pending = server
        .login(MOBILE, json!({ "onConflict": "ASK", "deviceId": "x" }))
        .await;
    let token = pending.data_str("/login/token");
    let mut own = AlertSubscription::start_own(server.socket(Some(&token)).await).await;
    let outcomes = log_in_on_many(&server, "REJECT", 4).await;
    assert_eq!(outcomes, counts([("REFUSED", 4)]));

    let fields = "alerts(first: 3) { nodes { kind attempt { id } } }";
    let log = server.user(MOBILE, fields).await;
    let nodes = log["alerts"]["nodes"].as_array().unwrap();
    let asked = nodes
        .iter()
        .find(|alert| alert["kind"] == "LOGIN_PENDING")
        .unwrap();
    let id = asked["attempt"]["id"].as_str().unwrap();
    server
        .decide_login_as(Some(&user.token), id, "DENY")
        .await
        .data_str("/decideLogin/message");

    let alert = own.next_alert().await;
    assert_eq!(alert["kind"], "LOGIN_NOT_APPROVED");
    assert_eq!(alert["foldedCount"], 0);
    let message = alert["message"].as_str().unwrap();
    assert!(!message.contains("refused logins"), "{message}");
    let log = server
        .user(MOBILE, "alerts(first: 1) { nodes { kind foldedCount } }")
        .await;
    assert_eq!(
        log["alerts"]["nodes"][0],
        json!({ "kind": "LOGIN_NOT_APPROVED", "foldedCount": 3 })
    );
}
