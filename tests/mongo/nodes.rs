//! Several nodes on one database: the same product as on one file.

use futures_util::future::join_all;
use serde_json::json;

use super::{
    node::is_unavailable,
    server::Database,
    support::{Server, Subscription, Users},
};

async fn two_nodes() -> (Database, Server, Server) {
    let database = Database::new().await;
    let flag = format!("--database={}", database.uri);
    // Their clock stands still, years before that of the server, which forgets by its own.
    let flags = [&*flag, "--retention=3650d"];
    let nodes = (Server::with(&flags).await, Server::with(&flags).await);
    (database, nodes.0, nodes.1)
}

#[tokio::test]
async fn a_login_at_one_node_is_heard_at_the_other() {
    let (_database, here, there) = two_nodes().await;
    let user = here.register("9012345678").await;
    let mut alerts = Subscription::live(there.socket(Some(&user.token)).await, &user.mobile).await;
    let refused = here
        .login(&user.mobile, json!({ "userAgent": "Thunder Client" }))
        .await;
    assert_eq!(refused.at("/login/outcome"), "REFUSED");
    let alert = alerts.alert().await;
    assert_eq!(
        (alert["kind"].as_str(), alert["sequence"].as_u64()),
        (Some("LOGIN_REFUSED"), Some(1))
    );
    assert_eq!(alert["attempt"]["userAgent"], "Thunder Client");
    here.login(&user.mobile, json!({ "onConflict": "TAKE_OVER" }))
        .await
        .text("/login/token");
    assert_eq!(alerts.kind().await, "SESSION_REPLACED");
    alerts.completes().await;
    assert_eq!(there.status(&user.token).await, "ENDED");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_logins_at_once_over_two_nodes_exactly_one_wins() {
    const ROUNDS: usize = 5;
    let (_database, here, there) = two_nodes().await;
    let user = here.register("9012345678").await;
    let mut active = user.session.clone();
    for _ in 0..ROUNDS {
        let end =
            "mutation($key: ID!) { invalidateSession(input: { sessionKey: $key }) { message } }";
        there
            .run(end, json!({ "key": active }))
            .await
            .text("/invalidateSession/message");
        let logins = join_all((0..64).map(async |device| {
            let node = if device % 2 == 0 { &here } else { &there };
            loop {
                // Each of them is a commit. One that waited for too long was not the first.
                let login = node
                    .login(
                        &user.mobile,
                        json!({ "userAgent": format!("device {device}") }),
                    )
                    .await;
                if !is_unavailable(&login) {
                    break login;
                }
            }
        }))
        .await;
        let won: Vec<_> = logins
            .iter()
            .filter(|login| login.at("/login/outcome") == "LOGGED_IN")
            .collect();
        assert_eq!(won.len(), 1);
        active = won[0].text("/login/session/sessionKey");
    }
}
