//! Whether the first device listens, and what decides if it is away.

use std::time::Duration;

use serde_json::{Value, json};
use sessiond_test_support::{AlertSubscription, SERVICE_KEY, TestServer, within_deadline};
#[cfg(target_os = "linux")]
use sessiond_test_support::{connect_and_send, read_head, vanish};

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
    // Requests are recorded once a minute, so the last one may be a minute later than is known.
    server.advance(Duration::from_secs(179));
    let present = login(&server, "tablet", json!({})).await;
    assert_eq!(present.data("/login/outcome"), "AWAITING_APPROVAL");

    server.advance(Duration::from_secs(1));
    let alerts = AlertSubscription::start_own(server.socket(Some(&phone.token)).await).await;
    server.advance(Duration::from_mins(3));
    let listening = login(&server, "tablet", json!({})).await;
    assert_eq!(listening.data("/login/outcome"), "AWAITING_APPROVAL");
    // A device that listened until now is not away at once.
    drop(alerts);
    wait_until_silent(&server, &phone.session).await;
    let present = login(&server, "tablet", json!({})).await;
    assert_eq!(present.data("/login/outcome"), "AWAITING_APPROVAL");
    server.advance(Duration::from_secs(119));
    let present = login(&server, "tablet", json!({})).await;
    assert_eq!(present.data("/login/outcome"), "AWAITING_APPROVAL");
    server.advance(Duration::from_secs(1));
    let away = login(&server, "laptop", json!({})).await;
    assert_eq!(away.data("/login/outcome"), "LOGGED_IN");
    assert_eq!(server.session_status(&phone.token).await, "ENDED");
}

/// A client of an event stream sends nothing after its request, so only the kernel can notice that it
/// has vanished. Without a limit of the server, that takes a quarter of an hour.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_device_that_vanishes_from_an_event_stream_ceases_to_listen() {
    let flags = ["--keep-alive=1s", "--stall-timeout=1s"];
    let (server, phone) = server_with_phone(&flags).await;
    let query = json!({ "query": "subscription { sessionAlerts { kind } }" }).to_string();
    let request = format!(
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\
         accept: text/event-stream\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{query}",
        phone.token,
        query.len(),
    );
    let mut stream = connect_and_send(server.address, request.as_bytes()).await;
    let head = read_head(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    within_deadline(async {
        while is_listening(&server, &phone.session).await != true {
            tokio::task::yield_now().await;
        }
    })
    .await;
    vanish(&stream);
    wait_until_silent(&server, &phone.session).await;
}

/// A client that does not read sends no pongs either.
#[tokio::test]
async fn a_device_that_vanishes_from_a_web_socket_ceases_to_listen() {
    let (server, phone) = server_with_phone(&["--keep-alive=1s"]).await;
    let _vanished = AlertSubscription::start_own(server.socket(Some(&phone.token)).await).await;
    assert_eq!(is_listening(&server, &phone.session).await, true);
    wait_until_silent(&server, &phone.session).await;
}

#[tokio::test]
async fn after_a_start_no_holder_is_away_before_it_could_connect_again() {
    let flags = [
        "--on-conflict=ask",
        "--if-away=take-over",
        "--away-after=2m",
    ];
    let (server, _phone) = server_with_phone(&flags).await;
    server.advance(Duration::from_mins(10));
    let server = server.restart().await;
    server.advance(Duration::from_secs(119));
    let present = login(&server, "tablet", json!({})).await;
    assert_eq!(present.data("/login/outcome"), "AWAITING_APPROVAL");
    server.advance(Duration::from_secs(1));
    let away = login(&server, "laptop", json!({})).await;
    assert_eq!(away.data("/login/outcome"), "LOGGED_IN");
}

#[tokio::test]
async fn a_holder_that_sends_requests_is_never_away_however_short_the_time_is() {
    let flags = [
        "--on-conflict=ask",
        "--if-away=take-over",
        "--away-after=20s",
    ];
    let (server, phone) = server_with_phone(&flags).await;
    for _ in 0..8 {
        server.advance(Duration::from_secs(9));
        assert_eq!(server.verify_status(&phone.token).await, 200);
        let asked = login(&server, "tablet", json!({})).await;
        assert_eq!(asked.data("/login/outcome"), "AWAITING_APPROVAL");
    }
    server.advance(Duration::from_secs(30));
    let away = login(&server, "laptop", json!({})).await;
    assert_eq!(away.data("/login/outcome"), "LOGGED_IN");
}

#[tokio::test]
async fn a_client_chooses_what_happens_if_the_holder_is_away_only_as_the_operator_allows() {
    let take_over = json!({ "ifAway": "TAKE_OVER" });
    let (server, _) = server_with_phone(&["--on-conflict=ask"]).await;
    let forbidden = login(&server, "tablet", take_over.clone()).await;
    assert_eq!(forbidden.error_code(), "FORBIDDEN");
    server.advance(Duration::from_mins(3));
    let without = login(&server, "tablet", json!({})).await;
    assert_eq!(without.data("/login/outcome"), "AWAITING_APPROVAL");
    let by_service = login_as(&server, Some(SERVICE_KEY), "laptop", take_over.clone()).await;
    assert_eq!(by_service.data("/login/outcome"), "LOGGED_IN");

    let flags = ["--on-conflict=reject", "--client-if-away=ask,take-over"];
    let (server, _) = server_with_phone(&flags).await;
    let refused = login(&server, "tablet", take_over.clone()).await;
    assert_eq!(refused.data("/login/outcome"), "REFUSED");
    server.advance(Duration::from_mins(3));
    let away = login(&server, "tablet", take_over).await;
    assert_eq!(away.data("/login/outcome"), "LOGGED_IN");
}
