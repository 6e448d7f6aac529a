//! Logins at a node that has the user in memory, after another node has changed the user. The change
//! stream may not have reached the first node yet, so each login comes immediately after the change.

use serde_json::json;
use sessiond_test_support::{Account, MOBILE, MongoDatabase, TestServer};

struct Nodes {
    _database: MongoDatabase,
    first: TestServer,
    second: TestServer,
    /// The user, whom the first node has in memory.
    user: Account,
}

impl Nodes {
    async fn start() -> Self {
        let database = MongoDatabase::new().await;
        let flag = format!("--database={}", database.uri);
        let flags = [&*flag, "--retention=3650d"];
        let first = TestServer::with_flags(&flags).await;
        let second = TestServer::with_flags(&flags).await;
        let user = first.create_user(MOBILE).await;
        Self {
            _database: database,
            first,
            second,
            user,
        }
    }
}

#[tokio::test]
async fn two_nodes_in_turn_take_over_the_session_of_the_other() {
    let nodes = Nodes::start().await;
    let mut replaced = nodes.user.token.clone();
    for turn in 0..10 {
        let node = [&nodes.second, &nodes.first][turn % 2];
        let input = json!({ "onConflict": "TAKE_OVER", "userAgent": format!("device {turn}") });
        let login = node.login(MOBILE, input).await;
        assert_eq!(login.data("/login/outcome"), "LOGGED_IN");
        assert_eq!(nodes.first.verify_status(&replaced).await, 401);
        replaced = login.data_str("/login/token");
        assert_eq!(nodes.second.verify_status(&replaced).await, 200);
    }
    assert_eq!(nodes.first.assert_gapless_log(MOBILE).await, 10);
}

#[tokio::test]
async fn a_session_of_another_node_refuses_the_login() {
    let nodes = Nodes::start().await;
    nodes.second.invalidate_session(&nodes.user.session).await;
    let other = nodes.second.login(MOBILE, json!({})).await;
    assert_eq!(other.data("/login/outcome"), "LOGGED_IN");
    let refused = nodes.first.login(MOBILE, json!({})).await;
    assert_eq!(refused.data("/login/outcome"), "REFUSED");
}

#[tokio::test]
async fn a_session_that_ended_at_another_node_does_not_refuse_the_login() {
    let nodes = Nodes::start().await;
    nodes.second.invalidate_session(&nodes.user.session).await;
    let login = nodes.first.login(MOBILE, json!({})).await;
    assert_eq!(login.data("/login/outcome"), "LOGGED_IN");
}

#[tokio::test]
async fn a_freeze_at_another_node_refuses_the_login() {
    let nodes = Nodes::start().await;
    let query = "mutation { freezeUser(input: {}) { message } }";
    let frozen = nodes
        .second
        .run_as(Some(&nodes.user.token), query, json!({}));
    frozen.await.data_str("/freezeUser/message");
    let input = json!({ "onConflict": "TAKE_OVER" });
    let login = nodes.first.login(MOBILE, input).await;
    assert_eq!(login.error_code(), "FROZEN");
}

#[tokio::test]
async fn a_user_who_was_deleted_at_another_node_cannot_log_in() {
    let nodes = Nodes::start().await;
    nodes.second.delete_user(MOBILE).await;
    let input = json!({ "onConflict": "TAKE_OVER" });
    let login = nodes.first.login(MOBILE, input).await;
    assert_eq!(login.error_code(), "INVALID_CREDENTIALS");
}

#[tokio::test]
async fn the_new_owner_of_a_number_logs_in_at_the_node_that_remembers_the_former_one() {
    let nodes = Nodes::start().await;
    nodes.second.delete_user(MOBILE).await;
    let owner = nodes.second.create_user(MOBILE).await;
    let input = json!({ "onConflict": "TAKE_OVER" });
    let login = nodes.first.login(MOBILE, input).await;
    assert_eq!(login.data("/login/outcome"), "LOGGED_IN");
    assert_eq!(nodes.second.verify_status(&owner.token).await, 401);
}
