//! Subscribers of alerts: WebSockets with one subscription each (`graphql-transport-ws`), read by
//! tasks of the calling thread.

use std::{net::SocketAddr, time::Instant};

use anyhow::{Context, Result, bail, ensure};
use futures_util::{SinkExt, StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use tokio::{net::TcpStream, sync::mpsc, task::JoinSet};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Message, client::IntoClientRequest, protocol::WebSocketConfig},
};

use crate::operations::ALERTS;

/// The number of sockets that are opened at the same time.
const CONCURRENT_OPENINGS: usize = 64;

/// The size of a socket's read buffer in bytes. The default of 128 KiB would take 1.3 GB for 10,000
/// sockets.
const READ_BUFFER: usize = 1024;

/// A subscriber to open.
#[derive(Debug)]
pub(crate) struct Subscription {
    /// A session's token, or the service key.
    pub(crate) credential: String,
    /// The number of the user. A session does not need it.
    pub(crate) mobile: Option<String>,
    /// Receives the time at which each alert arrives.
    pub(crate) alerts: mpsc::UnboundedSender<Instant>,
}

/// Open sockets. They are closed when this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    readers: JoinSet<Result<()>>,
}

impl Sockets {
    /// Opens sockets, and waits until the server has begun each subscription.
    pub(crate) async fn open(
        &mut self,
        server: SocketAddr,
        subscriptions: Vec<Subscription>,
    ) -> Result<()> {
        let mut opening = stream::iter(subscriptions)
            .map(|subscription| open(server, subscription))
            .buffer_unordered(CONCURRENT_OPENINGS);
        while let Some((socket, alerts)) = opening.try_next().await? {
            self.readers.spawn_local(read(socket, alerts));
        }
        self.check()
    }

    /// Returns an error if the server has closed a socket.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.readers.try_join_next() {
            Some(ended) => ended?,
            None => Ok(()),
        }
    }
}

type Socket = WebSocketStream<TcpStream>;

async fn open(
    server: SocketAddr,
    subscription: Subscription,
) -> Result<(Socket, mpsc::UnboundedSender<Instant>)> {
    let mut request = format!("ws://{server}/graphql").into_client_request()?;
    request
        .headers_mut()
        .insert("sec-websocket-protocol", "graphql-transport-ws".parse()?);
    let stream = TcpStream::connect(server).await?;
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0);
    let (mut socket, _) = client_async_with_config(request, stream, Some(config))
        .await
        .context("a WebSocket was rejected")?;
    let authorization = format!("Bearer {}", subscription.credential);
    let init = json!({
        "type": "connection_init",
        "payload": { "authorization": authorization },
    });
    send(&mut socket, &init).await?;
    expect(&mut socket, "connection_ack").await?;
    let payload = json!({
        "query": ALERTS,
        "variables": { "mobile": subscription.mobile },
    });
    let subscribe = json!({ "type": "subscribe", "id": "alerts", "payload": payload });
    send(&mut socket, &subscribe).await?;
    // The server reads the messages of a socket in their order.
    send(&mut socket, &json!({ "type": "ping" })).await?;
    expect(&mut socket, "pong").await?;
    Ok((socket, subscription.alerts))
}

async fn send(socket: &mut Socket, message: &Value) -> Result<()> {
    Ok(socket.send(Message::text(message.to_string())).await?)
}

async fn expect(socket: &mut Socket, kind: &str) -> Result<()> {
    loop {
        match socket.next().await.context("a socket ended")?? {
            Message::Text(text) => {
                let message: Value = serde_json::from_str(&text)?;
                ensure!(message["type"] == kind, "unexpected message: {text}");
                return Ok(());
            }
            Message::Close(frame) => bail!("the server closed a socket: {frame:?}"),
            _ => {}
        }
    }
}

/// Reads a socket until it ends. Reading also responds to the server's pings.
async fn read(mut socket: Socket, alerts: mpsc::UnboundedSender<Instant>) -> Result<()> {
    while let Some(message) = socket.next().await {
        match message? {
            Message::Text(text) => {
                ensure!(
                    text.starts_with(r#"{"type":"next""#),
                    "unexpected message: {text}"
                );
                // It fails only after the measurement.
                let _ = alerts.send(Instant::now());
            }
            Message::Close(frame) => bail!("the server closed a socket: {frame:?}"),
            _ => {}
        }
    }
    bail!("the server closed a socket")
}
