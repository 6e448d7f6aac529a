//! One socket, from its upgrade to its close frame.

use std::{pin::pin, time::Duration};

use axum::extract::ws::{Message, WebSocket};
use futures_util::FutureExt;
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tungstenite::Error as SocketError;

use super::{
    super::{client::credentials, connection_limits::ConnectionPermit, serve::Connected},
    operations::Operations,
    protocol::{ClientMessage, Close, OperationId, Payload, ServerMessage},
};
use crate::{
    access::Caller,
    config::Limits,
    error_chain::ErrorChain,
    graphql::{Api, Operation},
    service::Client,
};

/// How long a peer may take to answer a close frame.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

pub(super) struct Connection {
    pub socket: WebSocket,
    pub api: Api,
    pub client: Client,
    pub limits: Limits,
    pub stop: CancellationToken,
    pub access: Access,
    /// Held for as long as the socket is open.
    pub held: (ConnectionPermit, Option<Connected>),
}

/// Whether operations may come, and as whose.
pub(super) enum Access {
    /// Not before `connection_init`. The credentials are the upgrade request's.
    Closed {
        from_header: Option<String>,
    },
    Open {
        credentials: Option<String>,
    },
}

/// Why a socket is served no longer.
enum End {
    /// The peer closed it, or is gone.
    ByPeer,
    ByServer(Close),
}

impl From<Close> for End {
    fn from(close: Close) -> Self {
        Self::ByServer(close)
    }
}

impl Connection {
    /// Serves the socket until it ends. In a box: a future holds what it is given twice.
    pub(super) async fn serve(mut self: Box<Self>) {
        // What runs ends with this, before the peer is told.
        let end = self.run().await;
        if let End::ByServer(close) = &end {
            let patience = if *close == Close::Stalled {
                self.limits.stall_timeout
            } else {
                CLOSE_WITHIN
            };
            let frame = Message::Close(Some(close.frame()));
            let _ = timeout(patience, self.socket.send(frame)).await;
        }
        // The peer's close frame, or its end: dropping what it sent unread would reset the connection, and lose ours.
        let drain = async { while let Some(Ok(_)) = self.socket.recv().await {} };
        let _ = timeout(CLOSE_WITHIN, drain).await;
        drop(self.held);
    }

    async fn run(&mut self) -> End {
        let mut operations = Operations::default();
        let stop = self.stop.clone();
        let mut stopped = pin!(stop.cancelled().fuse());
        let mut alarm = pin!(sleep(self.limits.init_timeout));
        let mut was_heard = false;
        loop {
            let done = tokio::select! {
                () = &mut stopped => return self.finish(&mut operations).await,
                () = &mut alarm => {
                    alarm.as_mut().reset(Instant::now() + self.limits.keep_alive);
                    self.check_on_peer(std::mem::take(&mut was_heard)).await
                }
                received = self.socket.recv() => {
                    was_heard = true;
                    match received {
                        Some(Ok(message)) => self.receive(message, &mut operations).await,
                        Some(Err(error)) => Err(fault(error)),
                        None => Err(End::ByPeer),
                    }
                }
                Some(message) = operations.next() => self.send(&message).await,
            };
            if let Err(end) = done {
                return end;
            }
        }
    }

    /// Takes up nothing more, and sends what the queries and mutations that run come to.
    async fn finish(&mut self, operations: &mut Operations) -> End {
        while let Some(message) = operations.next().await {
            if let Err(end) = self.send(&message).await {
                return end;
            }
        }
        Close::GoingAway.into()
    }

    /// Asks the peer for a sign of life, where it gave the last one.
    async fn check_on_peer(&mut self, was_heard: bool) -> Result<(), End> {
        match &self.access {
            Access::Closed { .. } => Err(Close::InitTimeout.into()),
            Access::Open { .. } if was_heard => {
                self.transmit(Message::Ping(Vec::new().into())).await
            }
            Access::Open { .. } => Err(End::ByPeer),
        }
    }

    async fn receive(&mut self, message: Message, operations: &mut Operations) -> Result<(), End> {
        let text = match message {
            Message::Text(text) => text,
            Message::Binary(_) => return Err(Close::BadRequest("Messages must be text").into()),
            // Pings are answered beneath.
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
            Message::Close(_) => return Err(End::ByPeer),
        };
        match ClientMessage::read(&text) {
            Ok(ClientMessage::ConnectionInit { payload }) => {
                self.open(payload.unwrap_or_default()).await
            }
            Ok(ClientMessage::Ping { payload }) => {
                self.send(&ServerMessage::Pong { payload }).await
            }
            Ok(ClientMessage::Pong { .. }) => Ok(()),
            Ok(ClientMessage::Subscribe { id, payload }) => self.start(id, payload, operations),
            Ok(ClientMessage::Complete { id }) => {
                operations.cancel(&id);
                Ok(())
            }
            Err(problem) => Err(Close::BadRequest(problem).into()),
        }
    }

    async fn open(&mut self, payload: Map<String, Value>) -> Result<(), End> {
        let Access::Closed { from_header } = &mut self.access else {
            return Err(Close::SecondInit.into());
        };
        let stated = payload
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        let credentials = match stated {
            None | Some((_, Value::Null)) => from_header.take(),
            Some((_, Value::String(text))) => Some(credentials(text)),
            Some(_) => return Err(Close::BadRequest("`authorization` must be text").into()),
        };
        // One whose session has ended may still ask how.
        match self.api.authenticate(credentials.as_deref()).await {
            Ok(Caller::InvalidCredentials) => return Err(Close::Forbidden.into()),
            Ok(Caller::Service | Caller::Session(_) | Caller::Anonymous) => {}
            Err(error) => {
                tracing::error!(error = %ErrorChain(&error), "a socket could not be opened");
                return Err(Close::TryAgainLater.into());
            }
        }
        self.access = Access::Open { credentials };
        self.send(&ServerMessage::ConnectionAck).await
    }

    fn start(
        &mut self,
        id: OperationId,
        payload: Payload,
        operations: &mut Operations,
    ) -> Result<(), End> {
        let Access::Open { credentials } = &self.access else {
            return Err(Close::Unauthorized.into());
        };
        if operations.contains(&id) {
            return Err(Close::DuplicateId(id).into());
        }
        if operations.len() >= self.limits.max_subscriptions.get() {
            return Err(Close::TooManyOperations.into());
        }
        let operation = Operation {
            request: payload.into(),
            client: self.client.clone(),
            credentials: credentials.clone(),
        };
        operations.start(id, self.api.execute_stream(operation, self.stop.clone()));
        Ok(())
    }

    async fn send(&mut self, message: &ServerMessage) -> Result<(), End> {
        match serde_json::to_string(message) {
            Ok(text) => self.transmit(Message::Text(text.into())).await,
            Err(error) => {
                tracing::error!(%error, "a message could not be written");
                Err(End::ByPeer)
            }
        }
    }

    /// Nothing else is read or sent meanwhile, so a client that does not read holds one message, and what its
    /// operations have read ahead.
    async fn transmit(&mut self, message: Message) -> Result<(), End> {
        match timeout(self.limits.stall_timeout, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::ByPeer),
            Err(_) => Err(Close::Stalled.into()),
        }
    }
}

/// What a socket that cannot be read is closed with.
fn fault(error: axum::Error) -> End {
    match error.into_inner().downcast_ref() {
        Some(SocketError::Capacity(_)) => Close::TooLong.into(),
        Some(SocketError::Utf8(_)) => Close::NotText.into(),
        Some(SocketError::Protocol(problem)) if !is_gone(problem) => Close::ProtocolError.into(),
        _ => End::ByPeer,
    }
}

/// A peer that went without a close frame is told of as a fault of the protocol.
fn is_gone(problem: &tungstenite::error::ProtocolError) -> bool {
    matches!(
        problem,
        tungstenite::error::ProtocolError::ResetWithoutClosingHandshake
    )
}
