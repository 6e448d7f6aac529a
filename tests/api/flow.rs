//! The main job, end to end, as the README shows it.

use serde_json::{Value, json};

use crate::support::{Server, Subscription};

#[tokio::test]
async fn a_second_device_is_refused_and_the_first_is_alerted_then_replaced_then_logged_out() {
    let server = Server::start().await;
    let created = server
        .run(
            "mutation { createUser(input: { mobile: \"9012345678\", username: \"SavingsBank\" }) \
             { message token user { mobile username activeSession { sessionKey isValid } } } }",
            json!({}),
        )
        .await;
    assert_eq!(
        created.at("/createUser/message"),
        "User created successfully"
    );
    assert_eq!(created.at("/createUser/user/activeSession/isValid"), true);
    let first = created.text("/createUser/user/activeSession/sessionKey");
    let token = created.text("/createUser/token");

    let read = server
        .run(
            "{ user(mobile: \"9012345678\") { username sessions { nodes \
             { sessionKey userAgent ipAddress isValid createdAt } } } }",
            json!({}),
        )
        .await;
    assert_eq!(
        *read.at("/user"),
        json!({ "username": "SavingsBank", "sessions": { "nodes": [{
            "sessionKey": first,
            "userAgent": "api-test/1",
            "ipAddress": "127.0.0.1",
            "isValid": true,
            "createdAt": "2024-11-22T10:45:47.209Z",
        }] } })
    );

    let mut alerts = Subscription::live(server.socket(Some(&token)).await, "9012345678").await;
    let refused = login(&server, "").await;
    assert_eq!(refused.at("/login/outcome"), "REFUSED");
    assert_eq!(
        refused.at("/login/message"),
        "There is already a session up and running. Please log out and log in again."
    );
    assert_eq!(*refused.at("/login/token"), Value::Null);
    assert_eq!(
        refused.at("/login/user/activeSession/sessionKey").as_str(),
        Some(&*first)
    );
    let alert = alerts.alert().await;
    assert_eq!(alert["kind"], "LOGIN_REFUSED");
    assert_eq!(alert["attempt"]["userAgent"], "Thunder Client");
    assert_eq!(alert["attempt"]["ipAddress"], "::ffff:127.0.0.2");
    assert_eq!(alert["session"]["sessionKey"].as_str(), Some(&*first));

    let taken_over = login(&server, ", onConflict: TAKE_OVER").await;
    assert_eq!(taken_over.at("/login/outcome"), "LOGGED_IN");
    let second = taken_over.text("/login/session/sessionKey");
    assert_eq!(alerts.kind().await, "SESSION_REPLACED");
    alerts.completes().await;
    let old = server
        .run_as(
            Some(&token),
            "{ currentSession { isValid status endReason } }",
            json!({}),
        )
        .await;
    assert_eq!(
        *old.at("/currentSession"),
        json!({ "isValid": false, "status": "ENDED", "endReason": "REPLACED" })
    );

    let invalidate = format!(
        "mutation {{ invalidateSession(input: {{ sessionKey: \"{second}\" }}) {{ message session {{ isValid }} }} }}"
    );
    let logged_out = server.run(&invalidate, json!({})).await;
    assert_eq!(
        *logged_out.at("/invalidateSession"),
        json!({ "message": "Session invalidated successfully.", "session": { "isValid": false } })
    );
    assert_eq!(login(&server, "").await.at("/login/outcome"), "LOGGED_IN");
}

async fn login(server: &Server, choice: &str) -> crate::support::Answer {
    let mutation = format!(
        "mutation {{ login(input: {{ mobile: \"9012345678\", username: \"SavingsBank\", userAgent: \"Thunder Client\", \
         ipAddress: \"::ffff:127.0.0.2\"{choice} }}) \
         {{ outcome message token session {{ sessionKey }} user {{ activeSession {{ sessionKey }} }} }} }}"
    );
    server.run(&mutation, json!({})).await
}
