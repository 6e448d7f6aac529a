//! The handshake of a WebSocket, and the `connection_init` that follows it.

use reqwest::header::HeaderValue;
use serde_json::json;
use sessiond_test_support::{MOBILE, Socket, TestServer};

use crate::websocket::close_frame;

pub(crate) fn upgrade_request(
    server: &TestServer,
    version: &str,
    protocol: &str,
) -> reqwest::RequestBuilder {
    server
        .get("/graphql")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", version)
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("sec-websocket-protocol", protocol)
}

#[tokio::test]
async fn only_the_current_subprotocol_and_websocket_version_are_accepted() {
    let server = TestServer::start().await;
    let upgrade = async |version, protocol| {
        let request = upgrade_request(&server, version, protocol);
        request.send().await.unwrap()
    };
    let both = upgrade("13", "graphql-ws, graphql-transport-ws").await;
    assert_eq!(both.status(), 101);
    assert_eq!(
        both.headers()["sec-websocket-protocol"],
        HeaderValue::from_static("graphql-transport-ws")
    );
    assert_eq!(upgrade("13", "graphql-ws").await.status(), 400);
    assert_eq!(upgrade("8", "graphql-transport-ws").await.status(), 400);
}

#[tokio::test]
async fn an_operation_before_the_init_closes_the_socket_with_4401() {
    let server = TestServer::with_service_key().await;
    let mut socket = Socket::connect(server.address).await;
    socket.start("1", "{ __typename }").await;
    assert_eq!(socket.closed().await, close_frame(4401, "Unauthorized"));
}

#[tokio::test]
async fn an_init_with_invalid_credentials_closes_the_socket() {
    let server = TestServer::with_service_key().await;
    let user = server.create_user(MOBILE).await;
    for (authorization, code) in [
        (json!("Bearer sd1_nonsense"), 4403),
        (json!(format!("Token {}", user.token)), 4403),
        (json!(""), 4403),
        (json!(7), 4400),
    ] {
        let rejected = Socket::rejected_init(server.address, authorization.clone()).await;
        assert_eq!(rejected, code, "{authorization}");
    }
}

#[tokio::test]
async fn an_init_needs_no_credentials_and_may_spell_the_header_in_any_case() {
    let server = TestServer::with_service_key().await;
    let user = server.create_user(MOBILE).await;
    for payload in [
        json!(null),
        json!({}),
        json!({ "Authorization": format!("bearer {}", user.token) }),
    ] {
        let mut socket = Socket::connect(server.address).await;
        socket.init(payload).await;
        assert_eq!(socket.receive().await, json!({ "type": "connection_ack" }));
    }
}

#[tokio::test]
async fn a_socket_without_an_init_is_closed_with_4408() {
    let server = TestServer::with_flags(&["--init-timeout=1s"]).await;
    let mut socket = Socket::connect(server.address).await;
    assert_eq!(
        socket.closed().await,
        close_frame(4408, "Connection initialisation timeout")
    );
}
