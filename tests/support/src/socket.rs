//! A client of the `graphql-transport-ws` protocol.

use std::{net::SocketAddr, time::Duration};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest, protocol::CloseFrame},
};

use crate::{GraphQlResponse, merge, within_deadline};

/// A `graphql-transport-ws` client. It reads only when a method that reads is called.
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Socket {
    /// Opens a WebSocket without initializing it.
    pub async fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address).await.unwrap()
    }

    /// Opens a WebSocket with these headers of the handshake, without initializing it.
    pub async fn connect_with(address: SocketAddr, headers: &[(&'static str, &str)]) -> Self {
        Self::try_connect_with(address, headers).await.unwrap()
    }

    /// Opens a WebSocket without initializing it. An error is an error of the handshake.
    pub async fn try_connect(address: SocketAddr) -> Result<Self, Error> {
        Self::try_connect_with(address, &[]).await
    }

    /// Opens a WebSocket with these headers of the handshake. An error is an error of the handshake.
    pub async fn try_connect_with(
        address: SocketAddr,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Error> {
        let mut request = format!("ws://{address}/graphql")
            .into_client_request()
            .unwrap();
        let protocol = "graphql-transport-ws".parse().unwrap();
        request
            .headers_mut()
            .insert("sec-websocket-protocol", protocol);
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let (stream, response) = within_deadline(connect_async(request)).await?;
        assert_eq!(
            response.headers()["sec-websocket-protocol"],
            "graphql-transport-ws"
        );
        Ok(Self { stream })
    }

    /// The HTTP status of a handshake that the server rejects.
    pub async fn rejected_handshake(address: SocketAddr) -> u16 {
        match Self::try_connect(address).await.map(|_| ()) {
            Err(Error::Http(response)) => response.status().as_u16(),
            other => panic!("the handshake was not rejected: {other:?}"),
        }
    }

    /// Opens a WebSocket and initializes it with these credentials.
    pub async fn open(address: SocketAddr, bearer: Option<&str>) -> Self {
        let payload = bearer.map(|bearer| json!({ "authorization": format!("Bearer {bearer}") }));
        let mut socket = Self::connect(address).await;
        socket.init(json!(payload)).await;
        assert_eq!(socket.receive().await, json!({ "type": "connection_ack" }));
        socket
    }

    /// The close code of a WebSocket that is initialized with a rejected `authorization`.
    pub async fn rejected_init(address: SocketAddr, authorization: Value) -> u16 {
        let mut socket = Self::connect(address).await;
        socket.init(json!({ "authorization": authorization })).await;
        socket.closed().await.0
    }

    /// Sends `connection_init` with this payload.
    pub async fn init(&mut self, payload: Value) {
        self.send(json!({ "type": "connection_init", "payload": payload }))
            .await;
    }

    /// Sends a message as JSON text.
    pub async fn send(&mut self, message: Value) {
        self.send_frame(Message::text(message.to_string())).await;
    }

    /// Sends a frame of any kind.
    pub async fn send_frame(&mut self, message: Message) {
        within_deadline(self.stream.send(message)).await.unwrap();
    }

    /// Sends the same message repeatedly without reading, until the server accepts no byte for
    /// `pause`.
    pub async fn flood(&mut self, message: Value, pause: Duration) {
        let message = Message::text(message.to_string());
        while let Ok(sent) = tokio::time::timeout(pause, self.stream.send(message.clone())).await {
            sent.unwrap();
        }
    }

    /// Starts an operation.
    pub async fn start(&mut self, id: &str, query: &str) {
        self.start_with(id, query, json!({})).await;
    }

    /// Starts an operation with variables.
    pub async fn start_with(&mut self, id: &str, query: &str, variables: Value) {
        let payload = json!({ "query": query, "variables": variables });
        self.send(json!({ "type": "subscribe", "id": id, "payload": payload }))
            .await;
    }

    /// Executes a query or a mutation. No other operation of this socket may be running.
    pub async fn run(&mut self, query: &str, variables: Value) -> GraphQlResponse {
        self.start_with("run", query, variables).await;
        let response = GraphQlResponse(next_payload(self.receive().await));
        self.assert_completed("run").await;
        response
    }

    /// Sends `complete`, with which the client ends an operation.
    pub async fn complete(&mut self, id: &str) {
        self.send(json!({ "type": "complete", "id": id })).await;
    }

    /// The next message.
    pub async fn receive(&mut self) -> Value {
        self.try_receive().await.expect("the socket is open")
    }

    /// The next message. `None` if the connection ended without a close frame.
    pub async fn try_receive(&mut self) -> Option<Value> {
        loop {
            match within_deadline(self.stream.next()).await?.ok()? {
                Message::Text(text) => return Some(serde_json::from_str(&text).unwrap()),
                Message::Close(frame) => panic!("the server closed the socket: {frame:?}"),
                _ => {}
            }
        }
    }

    /// Panics if the next message does not complete the operation.
    pub async fn assert_completed(&mut self, id: &str) {
        assert_eq!(
            self.receive().await,
            json!({ "type": "complete", "id": id })
        );
    }

    /// Reads messages until the operation is complete.
    pub async fn wait_for_complete(&mut self, id: &str) {
        while self.receive().await != json!({ "type": "complete", "id": id }) {}
    }

    /// Reads until a ping arrives. The pong is sent with the next read.
    pub async fn wait_for_ping(&mut self) {
        while !matches!(self.next_frame().await, Message::Ping(_)) {}
    }

    /// Reads until the server closes the socket. Returns the code and the reason.
    pub async fn closed(&mut self) -> (u16, String) {
        loop {
            if let Message::Close(frame) = self.next_frame().await {
                let CloseFrame { code, reason } = frame.expect("the close frame has a code");
                return (code.into(), reason.as_str().to_owned());
            }
        }
    }

    /// Waits for a message or the end of the socket. Returns the close code, or 0 for a message.
    pub async fn next_message_or_close(&mut self) -> u16 {
        loop {
            match self.next_frame().await {
                Message::Text(_) => return 0,
                Message::Close(frame) => return frame.map_or(1005, |frame| frame.code.into()),
                _ => {}
            }
        }
    }

    async fn next_frame(&mut self) -> Message {
        within_deadline(self.stream.next())
            .await
            .expect("the socket is open")
            .unwrap()
    }

    /// Subscribes to `sessionAlerts` with these arguments, an object.
    pub async fn subscribe_to_alerts(mut self, arguments: Value) -> AlertSubscription {
        let query = "subscription($mobile: String, $after: ID) {
            sessionAlerts(mobile: $mobile, after: $after) {
            id sequence kind message foldedCount attempt { id userAgent ipAddress }
            session { sessionKey status } } }";
        self.start_with(AlertSubscription::ID, query, arguments)
            .await;
        AlertSubscription { socket: self }
    }
}

/// A socket with one subscription to `sessionAlerts`.
pub struct AlertSubscription {
    socket: Socket,
}

impl AlertSubscription {
    const ID: &str = "alerts";

    /// Subscribes to the alerts of `mobile`. The subscription receives every later alert.
    pub async fn start(socket: Socket, mobile: &str) -> Self {
        let query = "query($mobile: String!) { user(mobile: $mobile) { alertCursor } }";
        let arguments = json!({ "mobile": mobile });
        Self::start_at_cursor(socket, query, "/user/alertCursor", arguments).await
    }

    /// Subscribes a session, which may be pending, to the alerts of its user. The subscription
    /// receives every later alert that concerns the session.
    pub async fn start_own(socket: Socket) -> Self {
        let query = "{ currentSession { user { alertCursor } } }";
        Self::start_at_cursor(socket, query, "/currentSession/user/alertCursor", json!({})).await
    }

    async fn start_at_cursor(
        mut socket: Socket,
        cursor_query: &str,
        cursor: &str,
        mut arguments: Value,
    ) -> Self {
        let response = socket.run(cursor_query, arguments.clone()).await;
        merge(&mut arguments, json!({ "after": response.data(cursor) }));
        let mut subscription = socket.subscribe_to_alerts(arguments.clone()).await;
        // Wait until the server has authorized the subscription, because the test may end its
        // session next. One query is not enough: the server polls the operations of a socket in any
        // order.
        let socket = &mut subscription.socket;
        for id in ["wait-1", "wait-2", "wait-3", "wait-4"] {
            socket.start_with(id, cursor_query, arguments.clone()).await;
            socket.wait_for_complete(id).await;
        }
        subscription
    }

    /// The next alert.
    pub async fn next_alert(&mut self) -> Value {
        self.try_next_alert().await.expect("the socket is open")
    }

    /// The next alert. `None` if the connection ended without a close frame.
    pub async fn try_next_alert(&mut self) -> Option<Value> {
        let response = GraphQlResponse(next_payload(self.socket.try_receive().await?));
        Some(response.data("/sessionAlerts").clone())
    }

    /// The kind of the next alert.
    pub async fn next_kind(&mut self) -> String {
        let alert = self.next_alert().await;
        alert["kind"].as_str().unwrap().to_owned()
    }

    /// Panics if the next message does not complete the subscription.
    pub async fn assert_completed(&mut self) {
        self.socket.assert_completed(Self::ID).await;
    }

    /// The response of a subscription that the server rejects.
    pub async fn rejection(&mut self) -> GraphQlResponse {
        GraphQlResponse(next_payload(self.socket.receive().await))
    }

    /// Reads until the server closes the socket. Returns the code and the reason.
    pub async fn closed(&mut self) -> (u16, String) {
        self.socket.closed().await
    }
}

/// The payload of a `next` message.
fn next_payload(mut message: Value) -> Value {
    assert_eq!(message["type"], "next", "{message}");
    message["payload"].take()
}
