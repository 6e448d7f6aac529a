//! Devices that log in at the same instant.

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{Server, Users};

const DEVICES: usize = 64;
const ROUNDS: usize = 100;

const LOG_OUT: &str =
    "mutation($key: ID!) { invalidateSession(input: { sessionKey: $key }) { message } }";

#[tokio::test(flavor = "multi_thread")]
async fn of_64_logins_at_once_exactly_one_wins_under_reject() {
    let server = Server::start().await;
    let user = server.register("9012345678").await;
    let mut active = user.session.clone();
    for _ in 0..ROUNDS {
        server
            .run(LOG_OUT, json!({ "key": active }))
            .await
            .text("/invalidateSession/message");
        let logins = join_all((0..DEVICES).map(|device| {
            server.login(
                &user.mobile,
                json!({ "userAgent": format!("device {device}") }),
            )
        }))
        .await;
        let won: Vec<_> = logins
            .iter()
            .filter(|login| login.at("/login/outcome") == "LOGGED_IN")
            .collect();
        assert_eq!(won.len(), 1);
        active = won[0].text("/login/session/sessionKey");
        assert_eq!(server.status(&won[0].text("/login/token")).await, "ACTIVE");
        for lost in logins
            .iter()
            .filter(|login| login.at("/login/outcome") != "LOGGED_IN")
        {
            assert!(lost.at("/login/token").is_null());
        }
    }
    gapless(&server, &user.mobile).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_logins_at_once_exactly_one_is_valid_at_the_end_under_take_over() {
    let server = Server::start().await;
    let user = server.register("9012345678").await;
    let mut active = user.session.clone();
    for _ in 0..ROUNDS {
        server
            .run(LOG_OUT, json!({ "key": active }))
            .await
            .text("/invalidateSession/message");
        let logins = join_all(
            (0..DEVICES).map(|_| server.login(&user.mobile, json!({ "onConflict": "TAKE_OVER" }))),
        )
        .await;
        let keys: Vec<_> = logins
            .iter()
            .map(|login| login.text("/login/session/sessionKey"))
            .collect();
        let query =
            "query($keys: [ID!]!) { sessionsByKey(sessionKeys: $keys) { sessionKey isValid } }";
        let sessions = server.run(query, json!({ "keys": keys })).await;
        let sessions = sessions.at("/sessionsByKey").as_array().unwrap();
        let valid: Vec<_> = sessions
            .iter()
            .filter(|session| session["isValid"] == true)
            .collect();
        assert_eq!(valid.len(), 1);
        active = valid[0]["sessionKey"].as_str().unwrap().to_owned();
    }
    gapless(&server, &user.mobile).await;
}

/// Every alert of the log, a hundred at a time: its numbers run from the last down to 1.
async fn gapless(server: &Server, mobile: &str) {
    let query = "query($mobile: String!, $after: String) { user(mobile: $mobile) { alerts(first: 100, after: $after) \
         { nodes { sequence } pageInfo { hasNextPage endCursor } } } }";
    let (mut after, mut sequences) = (json!(null), Vec::new());
    loop {
        let page = server
            .run(query, json!({ "mobile": mobile, "after": after }))
            .await;
        let nodes = page.at("/user/alerts/nodes").as_array().unwrap();
        sequences.extend(
            nodes
                .iter()
                .map(|alert| alert["sequence"].as_u64().unwrap()),
        );
        if page.at("/user/alerts/pageInfo/hasNextPage") == false {
            break;
        }
        after = page.at("/user/alerts/pageInfo/endCursor").clone();
    }
    let last = sequences[0];
    assert_eq!(sequences, (1..=last).rev().collect::<Vec<_>>());
}
