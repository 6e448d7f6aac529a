//! Whether the first device listens, and what decides if it is away.

use std::time::Duration;

use serde_json::{Value, json};
use sessiond_test_support::{AlertSubscription, SERVICE_KEY, TestServer, within_deadline};

use super::{login, login_as, server_with_phone};

async fn is_listening(server: &TestServer, session: &str) -> Value {
    let query = "query($key: ID!) { node(id: $key) { ... on Session { isListening } } }";
    let response = server
        .run_as_service(query, json!({ "key": session }))
        .await;
    response.data("/node/isListening").clone()
}

/// Reads until the server has noticed that a stream was closed.
async fn wait_until_silent(server: &TestServer, session: &str) {
    within_deadline(async {
        while is_listening(server, session).await != false {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_session_listens_while_a_stream_of_its_own_is_open() {
    let (server, phone) = server_with_phone(&[]).await;
    assert_eq!(is_listening(&server, &phone.session).await, false);
    // A stream of the service is not one of the session.
    let socket = server.socket(Some(SERVICE_KEY)).await;
    let _by_service = AlertSubscription::start(socket, &phone.mobile).await;
    assert_eq!(is_listening(&server, &phone.session).await, false);

    let first = AlertSubscription::start_own(server.socket(Some(&phone.token)).await).await;
    let second = AlertSubscription::start_own(server.socket(Some(&phone.token)).await).await;
    assert_eq!(is_listening(&server, &phone.session).await, true);
    drop(first);
    assert_eq!(is_listening(&server, &phone.session).await, true);
    drop(second);
    wait_until_silent(&server, &phone.session).await;
}

#[tokio::test]
async fn if_the_holder_is_away_the_other_policy_decides() {
    let flags = [
        "--on-conflict=ask",
        "--if-away=take-over",
        "--away-after=2m",
    ];
    let (server, phone) = server_with_phone(&flags).await;
    let present = login(&server, "tablet", json!({})).await;
    assert_eq!(present.data("/login/outcome"), "AWAITING_APPROVAL");
    server.advance(Duration::from_secs(119));
    let present = login(&server, "tablet", json!({})).await;
    assert_eq!(present.data("/login/outcome"), "AWAITING_APPROVAL");

    server.advance(Duration::from_secs(1));
    let alerts = AlertSubscription::start_own(server.socket(Some(&phone.token)).await).await;
    server.advance(Duration::from_mins(3));
    let listening = login(&server, "tablet", json!({})).await;
    assert_eq!(listening.data("/login/outcome"), "AWAITING_APPROVAL");
    drop(alerts);
    wait_until_silent(&server, &phone.session).await;
    let away = login(&server, "laptop", json!({})).await;
    assert_eq!(away.data("/login/outcome"), "LOGGED_IN");
    assert_eq!(server.session_status(&phone.token).await, "ENDED");
}

#[tokio::test]
async fn a_client_chooses_what_happens_if_the_holder_is_away_only_as_the_operator_allows() {
    let take_over = json!({ "ifAway": "TAKE_OVER" });
    let (server, _) = server_with_phone(&["--on-conflict=ask"]).await;
    let forbidden = login(&server, "tablet", take_over.clone()).await;
    assert_eq!(forbidden.error_code(), "FORBIDDEN");
    server.advance(Duration::from_mins(2));
    let without = login(&server, "tablet", json!({})).await;
    assert_eq!(without.data("/login/outcome"), "AWAITING_APPROVAL");
    let by_service = login_as(&server, Some(SERVICE_KEY), "laptop", take_over.clone()).await;
    assert_eq!(by_service.data("/login/outcome"), "LOGGED_IN");

    let flags = ["--on-conflict=reject", "--client-if-away=ask,take-over"];
    let (server, _) = server_with_phone(&flags).await;
    let refused = login(&server, "tablet", take_over.clone()).await;
    assert_eq!(refused.data("/login/outcome"), "REFUSED");
    server.advance(Duration::from_mins(2));
    let away = login(&server, "tablet", take_over).await;
    assert_eq!(away.data("/login/outcome"), "LOGGED_IN");
}
