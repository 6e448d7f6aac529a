//! The socket's own life: how it opens, and how it ends.

use serde_json::json;

use crate::support::{Server, Socket, Subscription, Users};

#[tokio::test]
async fn a_shutdown_closes_sockets_with_1001_and_loses_no_alert() {
    let mut server = Server::start().await;
    let user = server.register("9012345678").await;
    let mut alerts = Subscription::live(server.socket(Some(&user.token)).await, &user.mobile).await;
    server.login(&user.mobile, json!({})).await;
    let alert = alerts.alert().await;
    server.login(&user.mobile, json!({ "userAgent": "at the last moment" })).await;
    server.stop().await;
    let frame = alerts.closed().await;
    assert_eq!((u16::from(frame.code), frame.reason.as_str()), (1001, "The server is shutting down"));

    let server = server.restart_stopped().await;
    let after = format!("(after: {})", alert["id"]);
    let mut alerts = server.socket(Some(&user.token)).await.subscribe(&after).await;
    assert_eq!(alerts.alert().await["attempt"]["userAgent"], "at the last moment");
}

#[tokio::test]
async fn a_socket_that_sends_no_init_is_closed_with_4408() {
    let server = Server::start().await;
    let mut socket = Socket::connect(server.address).await;
    assert_eq!(u16::from(socket.closed().await.code), 4408);
}

#[tokio::test]
async fn queries_and_mutations_run_over_the_socket_too() {
    let server = Server::start().await;
    let user = server.register("9012345678").await;
    let mut socket = server.socket(None).await;
    let login =
        "mutation { login(input: { mobile: \"9012345678\", username: \"SavingsBank\" }) { outcome } }";
    socket.send(json!({ "type": "subscribe", "id": "1", "payload": { "query": login } })).await;
    assert_eq!(socket.receive().await["payload"]["data"]["login"]["outcome"], "REFUSED");
    assert_eq!(socket.receive().await, json!({ "type": "complete", "id": "1" }));
    assert_eq!(server.status(&user.token).await, "ACTIVE");
}

#[tokio::test]
async fn only_the_current_subprotocol_is_spoken_and_a_foreign_page_is_refused() {
    let server = Server::start().await;
    let upgrade = |protocol: &'static str| {
        server
            .get("/graphql")
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("sec-websocket-protocol", protocol)
    };
    let both = upgrade("graphql-ws, graphql-transport-ws").send().await.unwrap();
    assert_eq!(
        (both.status().as_u16(), &both.headers()["sec-websocket-protocol"]),
        (101, &"graphql-transport-ws".parse().unwrap())
    );
    assert_eq!(upgrade("graphql-ws").send().await.unwrap().status(), 400);
    let foreign = upgrade("graphql-transport-ws").header("origin", "https://evil.example.com");
    assert_eq!(foreign.send().await.unwrap().status(), 403);
}
