//! The sockets that are reserved for tokens of active sessions.

use reqwest::StatusCode;
use serde_json::{Value, json};
use sessiond_test_support::{
    AlertSubscription, EVENT_STREAM, EventStream, MOBILE, SERVICE_KEY, Socket, TestServer,
};

/// One of ten sockets is reserved.
const TEN_SOCKETS: &str = "--max-sockets=10";

const SUBSCRIPTION: &str = "subscription { sessionAlerts { kind } }";

/// A server whose ordinary sockets are all open, and these sockets.
async fn full_server() -> (TestServer, Vec<Socket>) {
    let server = TestServer::with_service_key_and_flags(&[TEN_SOCKETS]).await;
    let mut strangers = Vec::new();
    for _ in 0..9 {
        strangers.push(Socket::open(server.address, None).await);
    }
    (server, strangers)
}

/// Opens a WebSocket with these credentials, and expects it to be closed.
async fn refused_socket(server: &TestServer, payload: Value) -> (u16, String) {
    let mut socket = Socket::connect(server.address).await;
    socket.init(payload).await;
    socket.closed().await
}

async fn event_stream_status(server: &TestServer, bearer: Option<&str>) -> StatusCode {
    let mut request = server.post("/graphql").header("accept", EVENT_STREAM);
    if let Some(bearer) = bearer {
        request = request.bearer_auth(bearer);
    }
    let response = request.json(&json!({ "query": SUBSCRIPTION })).send().await;
    response.unwrap().status()
}

#[tokio::test]
async fn a_node_that_is_full_of_strangers_still_serves_a_holder() {
    let (server, _strangers) = full_server().await;
    let phone = server.create_user(MOBILE).await;
    let too_many = "The server has too many open WebSockets";
    for payload in [
        json!({}),
        json!({ "authorization": format!("Bearer {SERVICE_KEY}") }),
    ] {
        let refused = refused_socket(&server, payload).await;
        assert_eq!(refused, (1013, too_many.to_owned()));
    }
    for bearer in [None, Some(SERVICE_KEY)] {
        let status = event_stream_status(&server, bearer).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    }

    let socket = server.socket(Some(&phone.token)).await;
    let mut alerts = AlertSubscription::start_own(socket).await;
    // The holder cannot be pushed out.
    assert_eq!(Socket::rejected_handshake(server.address).await, 503);
    let ask = json!({ "onConflict": "ASK", "userAgent": "Tablet" });
    let waiting = server.login(MOBILE, ask).await;
    assert_eq!(alerts.next_kind().await, "LOGIN_PENDING");
    // A session that waits holds nothing yet.
    let token = waiting.data_str("/login/token");
    let status = event_stream_status(&server, Some(&token)).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_node_that_is_full_of_strangers_still_serves_a_holder_over_server_sent_events() {
    let (server, _strangers) = full_server().await;
    let phone = server.create_user(MOBILE).await;
    let mut events = EventStream::open(&server, Some(&phone.token), SUBSCRIPTION, json!({})).await;
    let ask = json!({ "onConflict": "ASK", "userAgent": "Tablet" });
    server.login(MOBILE, ask).await;
    let alert = events.next().await;
    assert_eq!(alert["data"]["sessionAlerts"]["kind"], "LOGIN_PENDING");
}

#[tokio::test]
async fn a_socket_that_does_not_say_who_it_is_makes_room_for_a_holder() {
    let (server, mut strangers) = full_server().await;
    let phone = server.create_user(MOBILE).await;
    let mut silent = Socket::connect(server.address).await;
    let alerts = AlertSubscription::start_own(server.socket(Some(&phone.token)).await).await;
    assert_eq!(silent.closed().await.0, 1013);
    // Those that were there before stay.
    let stranger = strangers.last_mut().unwrap();
    let answer = stranger.run("{ __typename }", json!({})).await;
    assert_eq!(answer.data("/__typename"), "Query");
    drop(alerts);
}
