//! Clients that hang up while their logins are committed.

use std::{
    hash::{BuildHasher, RandomState},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use serde_json::json;
use sessiond_test_support::{DEADLINE, MongoDatabase, ServerProcess, within};
use tokio::time::timeout;

use crate::start_node;

const USERS: usize = 6;
const HANG_UPS: usize = 300;

/// The time within which each user must be able to log in after a hang-up, in addition to
/// [`BUSY_FACTOR`] times that of a login without one: the machine may be busy with other tests.
const NEXT_LOGIN_TIMEOUT: Duration = Duration::from_secs(2);
const BUSY_FACTOR: u32 = 10;

/// Logs in and waits for the response. Returns the key of the session.
async fn log_in(node: &ServerProcess, mobile: &str, limit: Duration) -> String {
    let login = node.login(mobile, json!({ "onConflict": "TAKE_OVER" }));
    let login = within(limit, login).await;
    login.data_str("/login/session/sessionKey")
}

/// Sends a login and hangs up after this time. Returns false if the response came first.
async fn hang_up(node: &ServerProcess, mobile: &str, patience: Duration) -> bool {
    let input = json!({ "onConflict": "TAKE_OVER", "userAgent": "impatient" });
    timeout(patience, node.try_login(mobile, input))
        .await
        .is_err()
}

/// Converts random bits to a number from 0 to 1.
fn fraction(bits: u64) -> f64 {
    f64::from((bits >> 32) as u32) / f64::from(u32::MAX)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs an idle machine and minutes: run `make mongodb-faults`"]
async fn clients_that_hang_up_amid_a_commit_leave_nobody_waiting() {
    let database = MongoDatabase::new().await;
    let node = start_node(&database.uri, &[]).await;
    let mobiles: Vec<_> = (0..USERS).map(|user| format!("901234520{user}")).collect();
    for mobile in &mobiles {
        node.create_user(mobile).await;
    }
    let random = RandomState::new();
    let clients = mobiles.iter().map(async |mobile| {
        let start = Instant::now();
        log_in(&node, mobile, DEADLINE).await;
        let limit = NEXT_LOGIN_TIMEOUT + start.elapsed() * BUSY_FACTOR;
        let mut hang_ups = 0;
        for attempt in 0..HANG_UPS / USERS {
            // A random part of the time that a login takes now.
            let start = Instant::now();
            log_in(&node, mobile, limit).await;
            let part = fraction(random.hash_one((mobile, attempt)));
            let patience = start.elapsed().mul_f64(part);
            hang_ups += usize::from(hang_up(&node, mobile, patience).await);
        }
        let key = log_in(&node, mobile, limit).await;
        assert_eq!(node.valid_sessions_of(mobile).await, [key]);
        let alerts = node.assert_gapless_log(mobile).await;
        let sessions = node.all_nodes(mobile, "sessions", "sessionKey").await;
        assert_eq!(sessions.len() as u64, alerts + 1);
        hang_ups
    });
    let hang_ups: usize = join_all(clients).await.into_iter().sum();
    assert!(hang_ups > HANG_UPS / 2, "only {hang_ups} clients hung up");
}
