//! Devices that log in at the same instant at two processes.

use bson::doc;
use futures_util::future::join_all;
use serde_json::json;
use sessiond_test_support::{MOBILE, MongoDatabase, MongoServer, ServerProcess, within_deadline};

use crate::start_node;

const DEVICES: usize = 64;
const ROUNDS: usize = 100;

/// Under TAKE_OVER each of the 64 logins is a commit, and all of them change the same user.
const TAKE_OVER_ROUNDS: usize = 20;

async fn two_nodes(database: &MongoDatabase) -> [ServerProcess; 2] {
    [
        start_node(&database.uri, &[]).await,
        start_node(&database.uri, &[]).await,
    ]
}

/// A node that has changed a user decides on the state in its memory, so each of its commits follows
/// the one before at once. Another node has to read the user first, which takes the slow server as long
/// as a commit.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_logs_users_in_again_and_again_does_not_keep_out_another_node() {
    let Some(server) = MongoServer::start_own(&["--enable-test-commands"]).await else {
        return;
    };
    let uri = server.uri("races");
    let [busy, other] = [start_node(&uri, &[]).await, start_node(&uri, &[]).await];
    let users: Vec<_> = (0..8).map(|user| format!("901234510{user}")).collect();
    for mobile in &users {
        busy.create_user(mobile).await;
    }
    let slow = doc! {
        "configureFailPoint": "failCommand",
        "mode": "alwaysOn",
        "data": {
            "failCommands": ["find", "update", "findAndModify"],
            "blockConnection": true,
            "blockTimeMS": 100,
        },
    };
    let admin = server.database("admin").await;
    admin.run_command(slow).await.unwrap();
    let take_over = |device: String| json!({ "onConflict": "TAKE_OVER", "deviceId": device });
    let writers = join_all(users.iter().map(async |mobile| {
        for attempt in 0.. {
            let login = busy
                .login(mobile, take_over(format!("busy {attempt}")))
                .await;
            assert_eq!(login.data("/login/outcome"), "LOGGED_IN");
        }
    }));
    let logins = async {
        for round in 0..3 {
            let round = users.iter().map(async |mobile| {
                let login = other
                    .login(mobile, take_over(format!("other {round}")))
                    .await;
                assert_eq!(login.data("/login/outcome"), "LOGGED_IN");
            });
            within_deadline(join_all(round)).await;
        }
    };
    tokio::select! {
        _ = writers => unreachable!("the writers never end"),
        () = logins => {}
    }
    for mobile in &users {
        busy.assert_gapless_log(mobile).await;
    }
}

/// All logins have the same user agent and address, so together they raise one alert a minute. A
/// round therefore needs few commits.
#[tokio::test(flavor = "multi_thread")]
async fn of_64_concurrent_logins_at_two_processes_exactly_one_succeeds_under_reject() {
    let database = MongoDatabase::new().await;
    let nodes = two_nodes(&database).await;
    let mut active = nodes[0].create_user(MOBILE).await.session;
    for round in 0..ROUNDS {
        nodes[round % 2].invalidate_session(&active).await;
        let logins =
            join_all((0..DEVICES).map(|device| nodes[device % 2].login(MOBILE, json!({})))).await;
        let (succeeded, others): (Vec<_>, Vec<_>) = logins
            .iter()
            .partition(|login| login.data("/login/outcome") == "LOGGED_IN");
        assert_eq!(succeeded.len(), 1);
        active = succeeded[0].data_str("/login/session/sessionKey");
        for login in others {
            assert!(login.data("/login/token").is_null());
        }
    }
    assert_eq!(nodes[1].valid_sessions_of(MOBILE).await, [active]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_concurrent_logins_at_two_processes_one_session_is_valid_under_take_over() {
    let database = MongoDatabase::new().await;
    let nodes = two_nodes(&database).await;
    let mut active = nodes[0].create_user(MOBILE).await.session;
    for round in 0..TAKE_OVER_ROUNDS {
        nodes[round % 2].invalidate_session(&active).await;
        let logins = join_all((0..DEVICES).map(|device| {
            let input =
                json!({ "onConflict": "TAKE_OVER", "deviceId": format!("device {device}") });
            // If the outcome of a login is unknown, the retry is decided after that login. The key
            // of the last session is therefore always known.
            nodes[device % 2].login_with_retries(MOBILE, input)
        }))
        .await;
        let keys: Vec<_> = logins
            .iter()
            .map(|login| login.data_str("/login/session/sessionKey"))
            .collect();
        let mut valid = nodes[(round + 1) % 2].valid_sessions(&keys).await;
        assert_eq!(valid.len(), 1);
        active = valid.remove(0);
    }
    assert_eq!(nodes[1].valid_sessions_of(MOBILE).await, [active]);
    nodes[0].assert_gapless_log(MOBILE).await;
}
