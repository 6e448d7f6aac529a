//! Devices that log in at the same instant at two processes.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::{
    node::{Node, is_unavailable},
    server::Database,
    support::Answer,
};

const DEVICES: usize = 64;
const ROUNDS: usize = 100;

/// Under TAKE_OVER each of the 64 logins is a commit, and all of them are the same user's.
const TAKE_OVER_ROUNDS: usize = 20;

async fn two_nodes(database: &Database) -> [Node; 2] {
    [
        Node::start(&database.uri, &[]).await,
        Node::start(&database.uri, &[]).await,
    ]
}

/// Logs in, again where the node was too busy to say what became of it: whoever tries again comes after what was left
/// undecided, so the last session is always one whose key was told.
async fn decided(node: &Node, input: Value) -> Answer {
    loop {
        let login = node.login("9012345678", input.clone()).await;
        if !is_unavailable(&login) {
            return login;
        }
    }
}

/// The devices look alike, and so raise one alert a minute between them: a round is few commits.
#[tokio::test(flavor = "multi_thread")]
async fn of_64_logins_at_two_processes_exactly_one_opens_a_session_under_reject() {
    let database = Database::new().await;
    let nodes = two_nodes(&database).await;
    let mut active = nodes[0].register("9012345678").await;
    for round in 0..ROUNDS {
        nodes[round % 2].end(&active).await;
        let logins =
            join_all((0..DEVICES).map(|device| nodes[device % 2].login("9012345678", json!({}))))
                .await;
        let won: Vec<_> = logins
            .iter()
            .filter(|login| login.at("/login/outcome") == "LOGGED_IN")
            .collect();
        assert_eq!(won.len(), 1);
        active = won[0].text("/login/session/sessionKey");
        assert_eq!(
            logins
                .iter()
                .filter(|login| login.at("/login/token").is_null())
                .count(),
            DEVICES - 1
        );
    }
    assert_eq!(nodes[1].valid_of("9012345678").await, [active]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_logins_at_two_processes_exactly_one_session_is_left_under_take_over() {
    let database = Database::new().await;
    let nodes = two_nodes(&database).await;
    let mut active = nodes[0].register("9012345678").await;
    for round in 0..TAKE_OVER_ROUNDS {
        nodes[round % 2].end(&active).await;
        let logins = join_all((0..DEVICES).map(|device| {
            let input =
                json!({ "onConflict": "TAKE_OVER", "deviceId": format!("device {device}") });
            decided(&nodes[device % 2], input)
        }))
        .await;
        let keys: Vec<_> = logins
            .iter()
            .map(|login| login.text("/login/session/sessionKey"))
            .collect();
        let mut valid = nodes[(round + 1) % 2].valid(&keys).await;
        assert_eq!(valid.len(), 1);
        active = valid.remove(0);
    }
    assert_eq!(nodes[1].valid_of("9012345678").await, [active]);
    let log = nodes[0].log("9012345678").await;
    assert!(
        log.iter()
            .map(|(sequence, _)| *sequence)
            .eq(1..=log.len() as u64),
        "the log has a gap"
    );
}
