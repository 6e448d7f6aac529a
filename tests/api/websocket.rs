//! The socket's own life: how it opens, what is spoken on it, and how it ends.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Server, Socket, Subscription, Users};

#[tokio::test]
async fn a_shutdown_closes_sockets_with_1001_and_loses_no_alert() {
    let mut server = Server::start().await;
    let user = server.register("9012345678").await;
    let mut alerts = Subscription::live(server.socket(Some(&user.token)).await, &user.mobile).await;
    server.login(&user.mobile, json!({})).await;
    let alert = alerts.alert().await;
    server
        .login(&user.mobile, json!({ "userAgent": "at the last moment" }))
        .await;
    server.stop().await;
    let frame = alerts.closed().await;
    assert_eq!(
        (u16::from(frame.code), frame.reason.as_str()),
        (1001, "The server is shutting down")
    );

    let server = server.restart_stopped().await;
    let after = format!("(after: {})", alert["id"]);
    let mut alerts = server
        .socket(Some(&user.token))
        .await
        .subscribe(&after)
        .await;
    assert_eq!(
        alerts.alert().await["attempt"]["userAgent"],
        "at the last moment"
    );
}

/// The close code that a message, sent on a socket that is open, is answered with.
async fn closed_after(server: &Server, messages: &[&str]) -> u16 {
    let mut socket = server.socket(None).await;
    for message in messages {
        socket.transmit(Message::text(*message)).await;
    }
    socket.closed().await.code.into()
}

#[tokio::test]
async fn what_the_protocol_does_not_know_closes_the_socket_with_its_code() {
    let server = Server::start().await;
    let long_id = format!(r#"{{"type":"complete","id":"{}"}}"#, "i".repeat(129));
    for message in [
        "",
        "{",
        "[]",
        "{}",
        r#"{"type":7}"#,
        r#"{"type":"start","id":"1","payload":{"query":"{ __typename }"}}"#,
        r#"{"type":"next","id":"1","payload":{}}"#,
        r#"{"type":"subscribe","payload":{"query":"{ __typename }"}}"#,
        r#"{"type":"subscribe","id":"","payload":{"query":"{ __typename }"}}"#,
        r#"{"type":"subscribe","id":7,"payload":{"query":"{ __typename }"}}"#,
        r#"{"type":"subscribe","id":"1"}"#,
        r#"{"type":"subscribe","id":"1","payload":{}}"#,
        r#"{"type":"subscribe","id":"1","payload":{"query":null}}"#,
        r#"{"type":"subscribe","id":"1","payload":{"query":"{ __typename }","variables":[]}}"#,
        r#"{"type":"subscribe","id":"1","payload":{"query":"{ __typename }","operationName":7}}"#,
        r#"{"type":"subscribe","id":"1","payload":{"query":"{ __typename }","extensions":"x"}}"#,
        r#"["subscribe","1",{"query":"{ __typename }"}]"#,
        r#"{"type":"subscribe","id":"1","payload":["{ __typename }"]}"#,
        r#"{"type":"ping","payload":"x"}"#,
        r#"{"type":"complete"}"#,
        &long_id,
    ] {
        assert_eq!(closed_after(&server, &[message]).await, 4400, "{message}");
    }
    let mut binary = server.socket(None).await;
    binary.transmit(Message::binary(r#"{"type":"ping"}"#)).await;
    assert_eq!(u16::from(binary.closed().await.code), 4400);
    assert_eq!(
        closed_after(&server, &[r#"{"type":"connection_init"}"#]).await,
        4429
    );
}

#[tokio::test]
async fn nothing_is_executed_before_the_init_or_with_credentials_that_open_nothing() {
    let server = Server::secured().await;
    let mut socket = Socket::connect(server.address).await;
    socket.operate("1", "{ __typename }").await;
    let frame = socket.closed().await;
    assert_eq!(
        (u16::from(frame.code), frame.reason.as_str()),
        (4401, "Unauthorized")
    );

    let user = server.register("9012345678").await;
    for (authorization, code) in [
        (json!("Bearer sd1_nonsense"), 4403),
        (json!(format!("Token {}", user.token)), 4403),
        (json!(""), 4403),
        (json!(7), 4400),
    ] {
        assert_eq!(
            Socket::refused_with(server.address, authorization.clone()).await,
            code,
            "{authorization}"
        );
    }
    // Whoever logs in has no credentials yet, and the header's name is as the client spells it.
    for payload in [
        json!(null),
        json!({}),
        json!({ "Authorization": format!("bearer {}", user.token) }),
    ] {
        let mut socket = Socket::connect(server.address).await;
        socket
            .send(json!({ "type": "connection_init", "payload": payload }))
            .await;
        assert_eq!(socket.receive().await, json!({ "type": "connection_ack" }));
    }
}

#[tokio::test]
async fn a_socket_that_sends_no_init_is_closed_with_4408() {
    let server = Server::with(&["--init-timeout=1s"]).await;
    let mut socket = Socket::connect(server.address).await;
    let frame = socket.closed().await;
    assert_eq!(
        (u16::from(frame.code), frame.reason.as_str()),
        (4408, "Connection initialisation timeout")
    );
}

#[tokio::test]
async fn an_id_is_one_operations_until_that_is_complete() {
    let server = Server::start().await;
    let user = server.register("9012345678").await;
    let listen = "subscription { sessionAlerts(mobile: \"9012345678\") { sequence } }";
    let mut socket = server.socket(None).await;
    for _ in 0..3 {
        socket.operate("one", "{ __typename }").await;
        assert_eq!(
            socket.receive().await["payload"],
            json!({ "data": { "__typename": "Query" } })
        );
        assert_eq!(
            socket.receive().await,
            json!({ "type": "complete", "id": "one" })
        );
        // The client ends this one, so the server says nothing.
        socket.operate("two", listen).await;
        socket
            .send(json!({ "type": "complete", "id": "two" }))
            .await;
    }
    socket
        .send(json!({ "type": "complete", "id": "never started" }))
        .await;
    socket.operate("two", listen).await;
    // Of the four subscriptions with that id only the last one is there to hear.
    let mut told = 0;
    for device in 0..20 {
        server
            .login(
                &user.mobile,
                json!({ "userAgent": format!("device {device}") }),
            )
            .await;
        let id = format!("query {device}");
        socket.operate(&id, "{ currentSession { id } }").await;
        loop {
            match socket.receive().await {
                message if message == json!({ "type": "complete", "id": id }) => break,
                message if message["id"] == "two" => {
                    assert!(
                        message["payload"]["data"]["sessionAlerts"]["sequence"].as_u64()
                            > Some(told)
                    );
                    told = message["payload"]["data"]["sessionAlerts"]["sequence"]
                        .as_u64()
                        .unwrap();
                }
                _ => {}
            }
        }
    }
    assert!(told > 0, "it heard some of them by now");
    socket.operate("two", "{ __typename }").await;
    let frame = socket.closed().await;
    assert_eq!(
        (u16::from(frame.code), frame.reason.as_str()),
        (4409, "Subscriber for two already exists")
    );
    assert_eq!(server.status(&user.token).await, "ACTIVE");
}

#[tokio::test]
async fn an_operation_that_is_not_executed_comes_back_as_an_error() {
    let server = Server::start().await;
    let mut socket = server.socket(None).await;
    for query in [
        "",
        "{",
        "{ nope }",
        "subscription { nope }",
        "query($a: Int!) { nodes(ids: []) { id } }",
        "subscription { a: sessionAlerts { id } b: sessionAlerts { id } }",
        "subscription { ...F } fragment F on Subscription { a: sessionAlerts { id } ... { b: sessionAlerts { id } } }",
    ] {
        socket.operate("1", query).await;
        let message = socket.receive().await;
        assert_eq!(
            (&message["type"], &message["id"]),
            (&json!("error"), &json!("1")),
            "{message}"
        );
        let errors = message["payload"].as_array().unwrap();
        assert!(!errors.is_empty());
        for error in errors {
            assert_eq!(error["extensions"]["code"], "BAD_REQUEST", "{error}");
            // One sentence, and no drawing of the parser's.
            assert!(
                !error["message"].as_str().unwrap().contains('\n'),
                "{error}"
            );
        }
    }
    // A field that fails is part of an execution.
    socket.operate("1", "{ user(mobile: \"x\") { id } }").await;
    let message = socket.receive().await;
    assert_eq!(message["type"], "next", "{message}");
    assert_eq!(
        message["payload"]["errors"][0]["extensions"]["code"],
        "INVALID_INPUT"
    );
    assert_eq!(
        socket.receive().await,
        json!({ "type": "complete", "id": "1" })
    );
}

#[tokio::test]
async fn a_ping_is_answered_with_its_payload() {
    let server = Server::start().await;
    // Before the init, too.
    let mut socket = Socket::connect(server.address).await;
    socket.send(json!({ "type": "ping" })).await;
    assert_eq!(socket.receive().await, json!({ "type": "pong" }));
    socket.send(json!({ "type": "pong" })).await;
    socket
        .send(json!({ "type": "ping", "payload": { "at": 7 } }))
        .await;
    assert_eq!(
        socket.receive().await,
        json!({ "type": "pong", "payload": { "at": 7 } })
    );
}

#[tokio::test]
async fn queries_and_mutations_run_over_the_socket_too() {
    let server = Server::start().await;
    let user = server.register("9012345678").await;
    let mut socket = server.socket(None).await;
    let login = "mutation Login($mobile: String!) { login(input: { mobile: $mobile, username: \"SavingsBank\" }) \
         { outcome } } query Other { __typename }";
    let payload = json!({ "query": login, "operationName": "Login", "variables": { "mobile": "9012345678" } });
    socket
        .send(json!({ "type": "subscribe", "id": "1", "payload": payload }))
        .await;
    assert_eq!(
        socket.receive().await["payload"]["data"]["login"]["outcome"],
        "REFUSED"
    );
    assert_eq!(
        socket.receive().await,
        json!({ "type": "complete", "id": "1" })
    );
    assert_eq!(server.status(&user.token).await, "ACTIVE");
}

#[tokio::test]
async fn a_busy_subscription_starves_no_other() {
    let server = Server::start().await;
    let user = server.register("9012345678").await;
    let mut alerts = Subscription::live(server.socket(None).await, &user.mobile).await;
    for device in 0..=200 {
        server
            .login(
                &user.mobile,
                json!({ "userAgent": format!("device {device}") }),
            )
            .await;
    }
    let first = alerts.alert().await["id"].clone();
    let replay = format!(
        "subscription {{ sessionAlerts(mobile: \"9012345678\", after: {first}) {{ sequence }} }}"
    );
    let mut socket = server.socket(None).await;
    socket.operate("a", &replay).await;
    socket.operate("b", &replay).await;
    socket.operate("query", "{ __typename }").await;
    let mut seen = std::collections::HashMap::<String, u64>::new();
    let count = |seen: &std::collections::HashMap<String, u64>, id: &str| {
        seen.get(id).copied().unwrap_or(0)
    };
    while count(&seen, "a").max(count(&seen, "b")) < 200 {
        let message: Value = socket.receive().await;
        *seen
            .entry(message["id"].as_str().unwrap().to_owned())
            .or_default() += 1;
    }
    assert_eq!(
        count(&seen, "query"),
        2,
        "its answer and its end came while both replays ran: {seen:?}"
    );
    assert!(
        count(&seen, "a").min(count(&seen, "b")) > 0,
        "they take turns: {seen:?}"
    );
}

#[tokio::test]
async fn only_the_current_subprotocol_is_spoken_and_a_foreign_page_is_refused() {
    let server = Server::start().await;
    let upgrade_of = |version: &'static str, protocol: &'static str| {
        server
            .get("/graphql")
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", version)
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("sec-websocket-protocol", protocol)
    };
    let upgrade = |protocol| upgrade_of("13", protocol);
    let both = upgrade("graphql-ws, graphql-transport-ws")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (
            both.status().as_u16(),
            &both.headers()["sec-websocket-protocol"]
        ),
        (101, &"graphql-transport-ws".parse().unwrap())
    );
    assert_eq!(upgrade("graphql-ws").send().await.unwrap().status(), 400);
    assert_eq!(
        upgrade_of("8", "graphql-transport-ws")
            .send()
            .await
            .unwrap()
            .status(),
        400
    );
    let foreign = upgrade("graphql-transport-ws").header("origin", "https://evil.example.com");
    assert_eq!(foreign.send().await.unwrap().status(), 403);
}
