//! Clients that hang up while their logins are committed.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use futures_util::future::join_all;
use serde_json::json;
use sessiond_test_support::{MongoDatabase, ServerProcess, within};
use tokio::time::timeout;

use crate::start_node;

const USERS: usize = 6;
const HANG_UPS: usize = 300;

/// A login takes a few milliseconds. Each client waits for a random part of this time.
const MAX_PATIENCE: Duration = Duration::from_millis(12);

/// The time within which each user must be able to log in afterwards.
const NEXT_LOGIN_TIMEOUT: Duration = Duration::from_secs(2);

async fn hang_up(node: &ServerProcess, mobile: &str, patience: Duration) -> bool {
    let input = json!({ "onConflict": "TAKE_OVER", "userAgent": "impatient" });
    timeout(patience, node.try_login(mobile, input))
        .await
        .is_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_hang_up_amid_a_commit_leave_nobody_waiting() {
    let database = MongoDatabase::new().await;
    let node = start_node(&database.uri, &[]).await;
    let mobiles: Vec<_> = (0..USERS).map(|user| format!("901234520{user}")).collect();
    for mobile in &mobiles {
        node.create_user(mobile).await;
    }
    let random = RandomState::new();
    let clients = mobiles.iter().enumerate().map(async |(user, mobile)| {
        let mut hang_ups = 0;
        for attempt in 0..HANG_UPS / USERS {
            let bits = random.hash_one((user, attempt)) % 1000;
            let patience = MAX_PATIENCE.mul_f64(bits as f64 / 1000.0);
            hang_ups += usize::from(hang_up(&node, mobile, patience).await);
        }
        hang_ups
    });
    let hang_ups: usize = join_all(clients).await.into_iter().sum();
    assert!(hang_ups > HANG_UPS / 2, "only {hang_ups} clients hung up");

    let logins = mobiles.iter().map(async |mobile| {
        let login = node.login(mobile, json!({ "onConflict": "TAKE_OVER" }));
        let login = within(NEXT_LOGIN_TIMEOUT, login).await;
        let key = login.data_str("/login/session/sessionKey");
        assert_eq!(node.valid_sessions_of(mobile).await, [key]);
        let alerts = node.assert_gapless_log(mobile).await;
        let sessions = node.all_nodes(mobile, "sessions", "sessionKey").await;
        assert_eq!(sessions.len() as u64, alerts + 1);
    });
    join_all(logins).await;
}
