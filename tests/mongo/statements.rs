//! The statements that requests send to the database. A relay in front of it counts them, so that
//! nothing that a node sends is left out.

use serde_json::json;
use sessiond_test_support::{
    AlertSubscription, MOBILE, MongoDatabase, MongoRelay, ServerProcess, Statement,
};
use uuid::Uuid;

use crate::start_node;

/// A database, a relay in front of it, and a node that uses the database through the relay.
struct Counted {
    database: MongoDatabase,
    relay: MongoRelay,
    node: ServerProcess,
}

impl Counted {
    async fn start() -> Self {
        let database = MongoDatabase::new().await;
        let relay = MongoRelay::start(&database.address()).await;
        let node = start_node(&database.uri_via(relay.address), &[]).await;
        Self {
            database,
            relay,
            node,
        }
    }

    /// The statements about the user of [`MOBILE`] that the node sends while `work` runs. The
    /// periodic statements of the node name no user.
    async fn during<T>(&self, work: impl Future<Output = T>) -> (T, Vec<Statement>) {
        let id = self.node.user(MOBILE, "id").await["id"].clone();
        let id: Uuid = id.as_str().unwrap().parse().unwrap();
        self.relay.take_statements();
        let result = work.await;
        let mut statements = self.relay.take_statements();
        statements.retain(|statement| {
            statement.contains(id.as_bytes()) || statement.contains(MOBILE.as_bytes())
        });
        (result, statements)
    }
}

fn assert_at_most(limit: usize, statements: &[Statement]) {
    assert!(
        !statements.is_empty() && statements.len() <= limit,
        "{} statements, not at most {limit}: {statements:#?}",
        statements.len()
    );
    statements.iter().for_each(assert_names_shard_key);
}

/// Panics if a filter or a new document lacks the shard key of its collection.
fn assert_names_shard_key(statement: &Statement) {
    let shard_key = match &*statement.collection {
        "users" | "mobiles" | "keys" | "failed_logins" => "_id",
        _ => "user",
    };
    let inserted = statement
        .command
        .get_array("documents")
        .into_iter()
        .flatten();
    let inserted = inserted.map(|document| document.as_document().unwrap().clone());
    let named: Vec<_> = statement.filters().into_iter().chain(inserted).collect();
    assert!(!named.is_empty(), "{statement:#?}");
    for document in named {
        assert!(document.contains_key(shard_key), "{statement:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_sends_at_most_three_statements() {
    let counted = Counted::start().await;
    counted.node.create_user(MOBILE).await;
    for (on_conflict, outcome) in [
        ("TAKE_OVER", "LOGGED_IN"),
        ("REJECT", "REFUSED"),
        ("ASK", "AWAITING_APPROVAL"),
    ] {
        let input = json!({ "onConflict": on_conflict, "userAgent": on_conflict });
        let (login, statements) = counted.during(counted.node.login(MOBILE, input)).await;
        assert_eq!(login.data("/login/outcome"), outcome);
        assert_at_most(3, &statements);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_after_one_at_the_same_node_sends_one_statement() {
    let counted = Counted::start().await;
    counted.node.create_user(MOBILE).await;
    for device in 0..3 {
        let input = json!({ "onConflict": "TAKE_OVER", "userAgent": format!("device {device}") });
        let (login, statements) = counted.during(counted.node.login(MOBILE, input)).await;
        assert_eq!(login.data("/login/outcome"), "LOGGED_IN");
        assert_at_most(1, &statements);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_check_sends_one_statement_and_two_if_the_token_opens_no_open_session() {
    let counted = Counted::start().await;
    let ended = counted.node.create_user(MOBILE).await.token;
    let login = counted
        .node
        .login(MOBILE, json!({ "onConflict": "TAKE_OVER" }))
        .await;
    let valid = login.data_str("/login/token");
    let (status, statements) = counted.during(counted.node.verify_status(&valid)).await;
    assert_eq!(status, 200);
    assert_at_most(1, &statements);
    let wrong = format!("{}{}", &valid[..valid.len() - 10], "0123456789");
    for token in [&ended, &wrong] {
        let (status, statements) = counted.during(counted.node.verify_status(token)).await;
        assert_eq!(status, 401);
        assert_at_most(2, &statements);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_by_number_with_the_first_page_of_sessions_sends_three_statements() {
    let counted = Counted::start().await;
    counted.node.create_user(MOBILE).await;
    let fields = "id username activeSession { sessionKey }
        sessions(first: 20) { nodes { sessionKey status } pageInfo { hasNextPage } }";
    let (user, statements) = counted.during(counted.node.user(MOBILE, fields)).await;
    assert_eq!(user["sessions"]["nodes"].as_array().unwrap().len(), 1);
    assert_at_most(3, &statements);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_of_another_node_is_read_with_its_user_and_then_its_session() {
    let counted = Counted::start().await;
    let other = start_node(&counted.database.uri, &[]).await;
    counted.node.create_user(MOBILE).await;
    let mut alerts = AlertSubscription::start(counted.node.service_socket().await, MOBILE).await;
    for device in 0..3 {
        let input = json!({ "onConflict": "TAKE_OVER", "userAgent": format!("device {device}") });
        let alerted = async {
            let login = other.login(MOBILE, input).await;
            assert_eq!(login.data("/login/outcome"), "LOGGED_IN");
            alerts.next_kind().await
        };
        let (kind, statements) = counted.during(alerted).await;
        assert_eq!(kind, "SESSION_REPLACED");
        // The subscription selects the session too.
        assert_at_most(2, &statements);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_sends_one_statement_more_than_the_look_up_of_its_user() {
    let counted = Counted::start().await;
    counted.node.create_user(MOBILE).await;
    let query = "mutation($input: LoginInput!) { login(input: $input) { outcome } }";
    let input = json!({ "mobile": MOBILE, "username": "Ada", "password": "wrong lantern 8" });
    let failed = counted.node.run_as(None, query, json!({ "input": input }));
    let (failed, statements) = counted.during(failed).await;
    assert_eq!(failed.error_code(), "INVALID_CREDENTIALS");
    assert_at_most(3, &statements);
    let counts = |statement: &&Statement| statement.collection == "failed_logins";
    assert_eq!(statements.iter().filter(counts).count(), 1);
}
