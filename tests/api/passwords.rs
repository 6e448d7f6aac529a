//! Credentials are checked before the rules.

use serde_json::{Value, json};

use crate::support::{Answer, SERVICE_KEY, Server};

const CREATE: &str = "mutation { createUser(input: { mobile: \"9012345678\", username: \"SavingsBank\", \
     password: \"correct horse\" }) { token session { sessionKey } } }";
const LOGIN: &str = "mutation($input: LoginInput!) { login(input: $input) { outcome token } }";
const SET: &str = "mutation($old: String, $new: String!) { setPassword(input: { mobile: \"9012345678\", \
     oldPassword: $old, newPassword: $new }) { message user { activeSession { status } } } }";

async fn server() -> (Server, String) {
    let server = Server::secured().await;
    let token = server
        .run(CREATE, json!({}))
        .await
        .text("/createUser/token");
    (server, token)
}

async fn login(server: &Server, bearer: Option<&str>, change: Value) -> Answer {
    let mut input =
        json!({ "mobile": "9012345678", "username": "SavingsBank", "password": "correct horse" });
    input
        .as_object_mut()
        .unwrap()
        .extend(change.as_object().unwrap().clone());
    server
        .run_as(bearer, LOGIN, json!({ "input": input }))
        .await
}

#[tokio::test]
async fn a_wrong_number_name_or_password_is_answered_alike_and_alerts_nobody() {
    let (server, _) = server().await;
    let wrong = login(&server, None, json!({ "password": "wrong horse" })).await;
    assert_eq!(wrong.code(), "INVALID_CREDENTIALS");
    for change in [
        json!({ "mobile": "9099999999" }),
        json!({ "username": "Savings" }),
        json!({ "password": null }),
        json!({ "password": "" }),
        json!({ "onConflict": "TAKE_OVER", "password": "wrong horse" }),
    ] {
        assert_eq!(login(&server, None, change).await, wrong);
    }
    let query =
        "{ user(mobile: \"9012345678\") { sessions { totalCount } alerts { nodes { id } } } }";
    let user = server.run_as(Some(SERVICE_KEY), query, json!({})).await;
    assert_eq!(
        *user.at("/user"),
        json!({ "sessions": { "totalCount": 1 }, "alerts": { "nodes": [] } })
    );
    assert_eq!(
        login(&server, None, json!({})).await.at("/login/outcome"),
        "REFUSED"
    );
}

#[tokio::test]
async fn the_service_needs_no_password_but_one_that_it_gives_is_checked() {
    let (server, _) = server().await;
    let service = Some(SERVICE_KEY);
    let without = login(
        &server,
        service,
        json!({ "password": null, "onConflict": "TAKE_OVER" }),
    )
    .await;
    assert_eq!(without.at("/login/outcome"), "LOGGED_IN");
    assert_eq!(
        login(&server, service, json!({ "password": "wrong horse" }))
            .await
            .code(),
        "INVALID_CREDENTIALS"
    );
}

#[tokio::test]
async fn failed_logins_are_limited_by_number_and_the_service_is_not() {
    let (server, _) = server().await;
    for _ in 0..10 {
        let wrong = login(&server, None, json!({ "password": "wrong horse" })).await;
        assert_eq!(wrong.code(), "INVALID_CREDENTIALS");
    }
    let limited = loop {
        let answer = login(&server, None, json!({ "password": "wrong horse" })).await;
        if answer.code() != "INVALID_CREDENTIALS" {
            break answer;
        }
    };
    assert_eq!(limited.code(), "RATE_LIMITED");
    assert!(
        limited.0["errors"][0]["extensions"]["retryAfterSeconds"]
            .as_u64()
            .unwrap()
            > 0
    );
    // The right password is not even looked at, and another number is not held up.
    assert_eq!(login(&server, None, json!({})).await.code(), "RATE_LIMITED");
    assert_eq!(
        login(&server, None, json!({ "mobile": "9099999999" }))
            .await
            .code(),
        "INVALID_CREDENTIALS"
    );
    assert_eq!(
        login(&server, Some(SERVICE_KEY), json!({}))
            .await
            .at("/login/outcome"),
        "REFUSED"
    );
}

#[tokio::test]
async fn a_session_changes_its_password_with_the_old_one_and_stays() {
    let (server, token) = server().await;
    let set = |old: Value| {
        server.run_as(
            Some(&token),
            SET,
            json!({ "old": old, "new": "battery staple" }),
        )
    };
    assert_eq!(set(Value::Null).await.invalid_field(), "oldPassword");
    assert_eq!(
        set(json!("wrong horse")).await.code(),
        "INVALID_CREDENTIALS"
    );
    let changed = set(json!("correct horse")).await;
    assert_eq!(
        changed.at("/setPassword/user/activeSession/status"),
        "ACTIVE"
    );
    assert_eq!(
        login(&server, None, json!({})).await.code(),
        "INVALID_CREDENTIALS"
    );
    assert_eq!(
        login(&server, None, json!({ "password": "battery staple" }))
            .await
            .at("/login/outcome"),
        "REFUSED"
    );
    assert_eq!(
        server
            .run(SET, json!({ "new": "battery staple" }))
            .await
            .code(),
        "UNAUTHENTICATED"
    );
}
