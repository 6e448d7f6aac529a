//! The failed logins of a number count at every node and after a restart.

use std::time::Duration;

use bson::{Document, doc};
use serde_json::json;
use sessiond::{
    domain::Mobile,
    store::{FailedLogin, Store},
};
use sessiond_test_support::{
    ApiClient, GraphQlResponse, MOBILE, MongoDatabase, OTHER_MOBILE, fixtures::START,
};

use crate::start_node;

const INTERVAL: Duration = Duration::from_hours(1);

const LOGIN: &str = "mutation($input: LoginInput!) { login(input: $input) { outcome } }";

fn failure(mobile: &Mobile) -> FailedLogin {
    FailedLogin {
        mobile: mobile.clone(),
        remaining: INTERVAL,
        interval: INTERVAL,
        longest: INTERVAL * 4,
    }
}

async fn guess(node: &ApiClient, mobile: &str) -> GraphQlResponse {
    let input = json!({ "mobile": mobile, "username": "Ada", "password": "wrong lantern 8" });
    node.run_as(None, LOGIN, json!({ "input": input })).await
}

#[tokio::test]
async fn a_number_that_is_blocked_at_one_node_is_blocked_at_another_after_one_guess() {
    const LIMIT: usize = 3;
    let database = MongoDatabase::new().await;
    let flags = ["--max-failed-logins-per-mobile=3"];
    let first = start_node(&database.uri, &flags).await;
    let second = start_node(&database.uri, &flags).await;
    for _ in 0..LIMIT {
        let failed = guess(&first, MOBILE).await;
        assert_eq!(failed.error_code(), "INVALID_CREDENTIALS");
    }
    // The second node learns of the failures with its first one.
    let failed = guess(&second, MOBILE).await;
    assert_eq!(failed.error_code(), "INVALID_CREDENTIALS");
    let other = guess(&second, OTHER_MOBILE).await;
    assert_eq!(other.error_code(), "INVALID_CREDENTIALS");
    for node in [&first, &second] {
        let blocked = guess(node, MOBILE).await;
        assert_eq!(blocked.error_code(), "RATE_LIMITED");
    }
    // One failure more than the limit makes the second node wait for one interval more.
    let blocked = guess(&second, MOBILE).await;
    let retry_after = &blocked.error()["extensions"]["retryAfterSeconds"];
    assert!(retry_after.as_u64().unwrap() > 30, "{retry_after}");
}

#[tokio::test]
async fn a_number_is_still_blocked_after_a_restart_of_every_node() {
    let database = MongoDatabase::new().await;
    let flags = ["--max-failed-logins-per-mobile=2"];
    let node = start_node(&database.uri, &flags).await;
    for _ in 0..2 {
        let failed = guess(&node, MOBILE).await;
        assert_eq!(failed.error_code(), "INVALID_CREDENTIALS");
    }
    node.kill();
    let node = start_node(&database.uri, &flags).await;
    let blocked = guess(&node, MOBILE).await;
    assert_eq!(blocked.error_code(), "RATE_LIMITED");
    let other = guess(&node, OTHER_MOBILE).await;
    assert_eq!(other.error_code(), "INVALID_CREDENTIALS");
}

#[tokio::test]
async fn failures_of_two_nodes_at_the_same_time_all_count_up_to_a_bound() {
    let database = MongoDatabase::new().await;
    let stores = [database.open_store().await, database.open_store().await];
    let mobile = Mobile::parse(MOBILE).unwrap();
    let failure = failure(&mobile);
    let record = async |store: &dyn Store| store.record_failed_login(&failure, START).await;
    let (first, second) = tokio::join!(record(&stores[0]), record(&stores[1]));
    first.and(second).unwrap();
    let third = record(&stores[1]).await.unwrap();
    assert!(2 * INTERVAL < third && third <= 3 * INTERVAL, "{third:?}");
    for _ in 0..9 {
        assert!(record(&stores[0]).await.unwrap() <= 4 * INTERVAL);
    }

    let kept = stores[1].failed_logins(START, 9).await.unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].mobile, mobile);
    assert!(3 * INTERVAL < kept[0].remaining && kept[0].remaining <= 4 * INTERVAL);
}

#[tokio::test]
async fn a_failure_that_was_stored_before_the_clock_was_set_back_counts_up_to_the_bound() {
    let database = MongoDatabase::new().await;
    let (store, raw) = (database.open_store().await, database.raw().await);
    let mobile = Mobile::parse(MOBILE).unwrap();
    let later = bson::DateTime::from_millis(bson::DateTime::now().timestamp_millis() + (1 << 40));
    raw.collection::<Document>("failed_logins")
        .insert_one(doc! { "_id": mobile.as_str(), "count_until": later })
        .await
        .unwrap();
    let counted = store.record_failed_login(&failure(&mobile), START).await;
    assert_eq!(counted.unwrap(), 4 * INTERVAL);
}

#[tokio::test]
async fn a_deletion_removes_the_failed_logins_of_the_number() {
    let database = MongoDatabase::new().await;
    let node = start_node(&database.uri, &[]).await;
    let user = node.create_user(MOBILE).await;
    let failed = guess(&node, &user.mobile).await;
    assert_eq!(failed.error_code(), "INVALID_CREDENTIALS");
    let stored = database.raw().await.collection::<Document>("failed_logins");
    assert_eq!(stored.count_documents(doc! {}).await.unwrap(), 1);
    node.delete_user(&user.mobile).await;
    assert_eq!(stored.count_documents(doc! {}).await.unwrap(), 0);
}
