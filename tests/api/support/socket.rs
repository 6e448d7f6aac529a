use std::{net::SocketAddr, time::Duration};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest, protocol::CloseFrame},
};

use super::{Answer, soon};

/// A `graphql-transport-ws` client that reads only when it is asked to.
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Socket {
    /// Opens a socket, and sends nothing.
    pub async fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address).await.unwrap()
    }

    /// Opens a socket, where there is a place for it.
    pub async fn try_connect(address: SocketAddr) -> Result<Self, Error> {
        let mut request = format!("ws://{address}/graphql")
            .into_client_request()
            .unwrap();
        let protocol = "graphql-transport-ws".parse().unwrap();
        request
            .headers_mut()
            .insert("sec-websocket-protocol", protocol);
        let (stream, response) = soon(connect_async(request)).await?;
        assert_eq!(
            response.headers()["sec-websocket-protocol"],
            "graphql-transport-ws"
        );
        Ok(Self { stream })
    }

    /// The status that a handshake is refused with.
    pub async fn refused(address: SocketAddr) -> u16 {
        match Self::try_connect(address).await.map(|_| ()) {
            Err(Error::Http(response)) => response.status().as_u16(),
            other => panic!("not refused: {other:?}"),
        }
    }

    /// Opens a socket, initialised with these credentials.
    pub async fn open(address: SocketAddr, bearer: Option<&str>) -> Self {
        let mut socket = Self::connect(address).await;
        let payload = bearer.map(|bearer| json!({ "authorization": format!("Bearer {bearer}") }));
        socket
            .send(json!({ "type": "connection_init", "payload": payload }))
            .await;
        assert_eq!(socket.receive().await["type"], "connection_ack");
        socket
    }

    /// The code that a socket is closed with once it is initialised with this `authorization`.
    pub async fn refused_with(address: SocketAddr, authorization: Value) -> u16 {
        let mut socket = Self::connect(address).await;
        let payload = json!({ "authorization": authorization });
        socket
            .send(json!({ "type": "connection_init", "payload": payload }))
            .await;
        socket.closed().await.code.into()
    }

    pub async fn send(&mut self, message: Value) {
        self.transmit(Message::text(message.to_string())).await;
    }

    /// Sends a frame of any kind.
    pub async fn transmit(&mut self, message: Message) {
        soon(self.stream.send(message)).await.unwrap();
    }

    /// Sends without end, and reads nothing, until nothing more has been taken for `pause`.
    pub async fn flood(&mut self, message: Value, pause: Duration) {
        let message = Message::text(message.to_string());
        while let Ok(sent) = tokio::time::timeout(pause, self.stream.send(message.clone())).await {
            sent.unwrap();
        }
    }

    /// Starts an operation.
    pub async fn operate(&mut self, id: &str, query: &str) {
        self.send(json!({ "type": "subscribe", "id": id, "payload": { "query": query } }))
            .await;
    }

    /// The next message.
    pub async fn receive(&mut self) -> Value {
        self.receive_or_end().await.expect("the socket is open")
    }

    /// The next message; `None` where the connection has ended without a word.
    pub async fn receive_or_end(&mut self) -> Option<Value> {
        loop {
            match soon(self.stream.next()).await?.ok()? {
                Message::Text(text) => return Some(serde_json::from_str(&text).unwrap()),
                Message::Close(frame) => panic!("the server closed the socket: {frame:?}"),
                _ => {}
            }
        }
    }

    /// Waits for a ping. It is answered once the socket is read again.
    pub async fn pinged(&mut self) {
        while !matches!(
            soon(self.stream.next())
                .await
                .expect("the socket is open")
                .unwrap(),
            Message::Ping(_)
        ) {}
    }

    /// The frame that the server closes the socket with; messages before it are passed over.
    pub async fn closed(&mut self) -> CloseFrame {
        loop {
            if let Message::Close(frame) = soon(self.stream.next())
                .await
                .expect("a close frame comes")
                .unwrap()
            {
                return frame.expect("the close frame has a code");
            }
        }
    }

    /// Subscribes to `sessionAlerts`. A query that follows it is answered once the subscription is under way.
    pub async fn subscribe(mut self, arguments: &str) -> Subscription {
        let query = format!(
            "subscription {{ sessionAlerts{arguments} {{ id sequence kind message attempt {{ id userAgent ipAddress }} \
             session {{ sessionKey status }} }} }}"
        );
        self.send(json!({ "type": "subscribe", "id": "alerts", "payload": { "query": query } }))
            .await;
        Subscription { socket: self }
    }
}

/// A socket with one subscription.
pub struct Subscription {
    socket: Socket,
}

impl Subscription {
    /// Subscribes to what happens from now on: returns once nothing that happens later can be missed.
    pub async fn live(socket: Socket, mobile: &str) -> Self {
        let mut subscription = socket.subscribe(&format!("(mobile: \"{mobile}\")")).await;
        subscription.settle().await;
        subscription
    }

    /// Waits until the server has taken up the subscription: it reads one socket's messages in order, and joins the
    /// channel before it answers what came later.
    pub async fn settle(&mut self) {
        // Several times: of streams that are ready together the socket serves any one first.
        for id in ["settle-1", "settle-2", "settle-3", "settle-4"] {
            let query = "{ currentSession { id } }";
            self.socket
                .send(json!({ "type": "subscribe", "id": id, "payload": { "query": query } }))
                .await;
            while self.socket.receive().await != json!({ "type": "complete", "id": id }) {}
        }
    }

    /// The next alert.
    pub async fn alert(&mut self) -> Value {
        self.alert_or_end().await.expect("the socket is open")
    }

    /// The next alert; `None` where the node is gone.
    pub async fn alert_or_end(&mut self) -> Option<Value> {
        let message = self.socket.receive_or_end().await?;
        assert_eq!(message["type"], "next", "{message}");
        Some(
            Answer(message["payload"].clone())
                .at("/sessionAlerts")
                .clone(),
        )
    }

    /// The kind of the next alert.
    pub async fn kind(&mut self) -> String {
        self.alert().await["kind"].as_str().unwrap().to_owned()
    }

    /// The stream ends here.
    pub async fn completes(&mut self) {
        assert_eq!(
            self.socket.receive().await,
            json!({ "type": "complete", "id": "alerts" })
        );
    }

    /// The error that the subscription was refused with.
    pub async fn refusal(&mut self) -> Answer {
        let message = self.socket.receive().await;
        assert_eq!(message["type"], "next", "{message}");
        Answer(message["payload"].clone())
    }

    pub async fn closed(&mut self) -> CloseFrame {
        self.socket.closed().await
    }
}
