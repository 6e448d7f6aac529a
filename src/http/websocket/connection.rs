//! One WebSocket, from its upgrade to its close frame.

use std::{future, pin::pin, sync::Arc, time::Duration};

use axum::extract::ws::{Message, WebSocket};
use futures_util::{FutureExt, future::BoxFuture};
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tungstenite::Error as SocketError;

use super::{
    super::{misplaced_credentials, serve::Connected, socket_limits::SocketPermit},
    heartbeat::{Beat, Heartbeat},
    init::{MISPLACED, take_credentials},
    operations::Operations,
    protocol::{ClientMessage, Close, OperationId, ServerMessage},
};
use crate::{
    access::{Caller, ServiceKey},
    config::ConnectionLimits,
    error_chain::ErrorChain,
    graphql::{Api, OperationRequest, Sender, UncheckedRequest},
    log_limit::LogLimit,
    metrics::{self, InUse, SocketKind},
    request_id::RequestId,
    service::{Client, Error},
};

/// The time within which the peer must respond to a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A message that takes longer to send waits for the peer to read earlier ones.
const SLOW_SEND: Duration = Duration::from_secs(1);

/// An open WebSocket, with the parts that execute its operations.
pub(super) struct Connection {
    pub socket: WebSocket,
    pub api: Api,
    pub client: Client,
    /// The id of the handshake, which the operations share.
    pub request_id: RequestId,
    pub limits: ConnectionLimits,
    pub stop: CancellationToken,
    pub access: Access,
    /// The permits of the socket and of its TCP connection. Both count as open until the permits
    /// are dropped.
    pub permits: (SocketPermit, Option<Connected>),
}

/// Whether the client may start operations, and with which credentials.
pub(super) enum Access {
    /// The client has not sent `connection_init`. The upgrade request had these credentials.
    Pending { header_credentials: Option<String> },
    /// The client may start operations with these credentials, which may be a service key.
    Granted {
        credentials: Option<String>,
        key: Option<Arc<ServiceKey>>,
    },
}

/// The reason why the server stops serving a socket.
enum End {
    /// The peer closed the socket or disconnected.
    ByPeer,
    /// The server closes the socket.
    ByServer(Close),
}

impl End {
    /// The close code of the server. `None` if the peer has closed the socket.
    const fn code(&self) -> Option<u16> {
        match self {
            Self::ByPeer => None,
            Self::ByServer(close) => Some(close.code()),
        }
    }
}

impl From<Close> for End {
    fn from(close: Close) -> Self {
        Self::ByServer(close)
    }
}

impl Connection {
    /// Serves the socket until it ends. `self` is boxed because a future stores its arguments
    /// twice.
    pub(super) async fn serve(mut self: Box<Self>) {
        let open = InUse::of(|metrics| metrics.sockets(SocketKind::WebSocket));
        // The running operations end here, before the close frame is sent.
        let end = self.run().await;
        drop(open);
        metrics::record(|metrics| metrics.socket_closed(end.code()));
        if let End::ByServer(close) = &end {
            let deadline = if *close == Close::Stalled {
                self.limits.stall_timeout
            } else {
                CLOSE_TIMEOUT
            };
            let frame = Message::Close(Some(close.frame()));
            let _ = timeout(deadline, self.socket.send(frame)).await;
        }
        // Read until the peer's close frame or the end of the stream. Closing a connection with
        // unread data would reset it, and the peer would lose the server's close frame.
        let drain = async { while let Some(Ok(_)) = self.socket.recv().await {} };
        let _ = timeout(CLOSE_TIMEOUT, drain).await;
        drop(self.permits);
    }

    /// Serves the socket until the reason to end it. The work of each event is in a box, so that an
    /// idle socket does not hold the memory for it.
    async fn run(&mut self) -> End {
        let mut operations = Operations::default();
        let stop = self.stop.clone();
        let mut stopped = pin!(stop.cancelled().fuse());
        // The time until `connection_init` must have arrived, and then until the next beat.
        let mut timer = pin!(sleep(self.limits.init_timeout));
        let mut heartbeat = Heartbeat::new(&self.limits);
        let mut interrupted = self.end_of_trial();
        loop {
            let result = tokio::select! {
                () = &mut stopped => return self.finish(&mut operations).await,
                close = &mut interrupted => return close.into(),
                () = &mut timer => {
                    let (beat, wait) = heartbeat.elapsed();
                    let result = Box::pin(self.handle_timeout(beat)).await;
                    timer.as_mut().reset(Instant::now() + wait);
                    result
                }
                received = self.socket.recv() => {
                    heartbeat.heard();
                    let was_open = self.is_open();
                    let result = match received {
                        Some(Ok(message)) => Box::pin(self.receive(message, &mut operations)).await,
                        Some(Err(error)) => Err(read_error(error)),
                        None => Err(End::ByPeer),
                    };
                    if let Access::Granted { key, .. } = &mut self.access
                        && !was_open
                    {
                        timer.as_mut().reset(Instant::now() + self.limits.keep_alive);
                        interrupted = match key.take() {
                            Some(key) => {
                                let revoked = self.api.key_revoked(key);
                                revoked.map(|()| Close::KeyRevoked).boxed()
                            }
                            None => future::pending().boxed(),
                        };
                    }
                    result
                }
                Some(message) = operations.next() => {
                    let started = Instant::now();
                    let result = Box::pin(self.send(&message)).await;
                    // A peer that was slow to read has read something, and may be late to respond.
                    if started.elapsed() >= SLOW_SEND {
                        heartbeat.heard();
                    }
                    result
                }
            };
            if let Err(end) = result {
                return end;
            }
        }
    }

    /// Returns a future that completes if a socket on trial must make room for another one. It is in
    /// a box, because most sockets are neither on trial nor belong to a service key.
    fn end_of_trial(&self) -> BoxFuture<'static, Close> {
        match self.permits.0.trial_ended() {
            Some(ended) => ended
                .cancelled_owned()
                .map(|()| Close::TooManySockets)
                .boxed(),
            None => future::pending().boxed(),
        }
    }

    /// Returns whether the client may start operations.
    const fn is_open(&self) -> bool {
        matches!(self.access, Access::Granted { .. })
    }

    /// Sends the results of the running queries and mutations, and reads no further messages.
    async fn finish(&mut self, operations: &mut Operations) -> End {
        while let Some(message) = operations.next().await {
            if let Err(end) = Box::pin(self.send(&message)).await {
                return end;
            }
        }
        Close::GoingAway.into()
    }

    /// Handles a timeout. Ends the socket if `connection_init` is missing, or if the peer has not
    /// responded to a ping. Pings the peer otherwise, if it is time.
    async fn handle_timeout(&mut self, beat: Beat) -> Result<(), End> {
        match (&self.access, beat) {
            (Access::Pending { .. }, _) => Err(Close::InitTimeout.into()),
            (Access::Granted { .. }, Beat::Ping) => {
                self.transmit(Message::Ping(Vec::new().into())).await
            }
            (Access::Granted { .. }, Beat::Responded) => Ok(()),
            (Access::Granted { .. }, Beat::Lost) => Err(End::ByPeer),
        }
    }

    async fn receive(&mut self, message: Message, operations: &mut Operations) -> Result<(), End> {
        let text = match message {
            Message::Text(text) => text,
            Message::Binary(_) => {
                return Err(Close::BadRequest("Messages must be text".into()).into());
            }
            // The WebSocket library responds to pings.
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
            Message::Close(_) => return Err(End::ByPeer),
        };
        match ClientMessage::parse(&text) {
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
            Err(reason) => Err(Close::BadRequest(reason).into()),
        }
    }

    /// Handles `connection_init`.
    async fn open(&mut self, mut payload: Map<String, Value>) -> Result<(), End> {
        let Access::Pending { header_credentials } = &mut self.access else {
            return Err(Close::SecondInit.into());
        };
        let credentials = take_credentials(&mut payload)
            .map_err(|reason| Close::BadRequest(reason.into()))?
            .or_else(|| header_credentials.take());
        // A session that has ended may still query the reason why it ended.
        let caller = match self.api.authenticate(credentials.as_deref()).await {
            Ok(caller) => caller,
            Err(error) => {
                log_failure(&error);
                return Err(Close::TryAgainLater.into());
            }
        };
        let user = self.api.active_user(&caller);
        let key = match caller {
            Caller::InvalidCredentials => return Err(Close::Forbidden.into()),
            // Without credentials, it is the key of development mode, which is never revoked.
            Caller::Service(key) => credentials.is_some().then_some(key),
            Caller::Session(_) | Caller::Anonymous => None,
        };
        if !self.permits.0.end_trial(user) {
            return Err(Close::TooManySockets.into());
        }
        self.access = Access::Granted { credentials, key };
        self.send(&ServerMessage::ConnectionAck).await
    }

    /// Handles `subscribe`.
    fn start(
        &mut self,
        id: OperationId,
        request: UncheckedRequest,
        operations: &mut Operations,
    ) -> Result<(), End> {
        let Access::Granted { credentials, .. } = &self.access else {
            return Err(Close::Unauthorized.into());
        };
        if operations.contains(&id) {
            return Err(Close::DuplicateId(id).into());
        }
        if operations.len() >= self.limits.max_subscriptions.get() {
            return Err(Close::TooManyOperations.into());
        }
        let request = OperationRequest::try_from(request)
            .map_err(|error| Close::BadRequest(error.to_string().into()))?;
        let is_service = credentials.is_none() && self.api.trusts_anyone();
        if is_service && misplaced_credentials::in_object(&request.extensions) {
            return Err(Close::BadRequest(MISPLACED.into()).into());
        }
        let sender = Sender {
            client: self.client.clone(),
            credentials: credentials.clone(),
            cookie: None,
            request_id: self.request_id.clone(),
        };
        let operation = self.api.prepare(request);
        let items = self
            .api
            .execute_stream(operation, sender, self.stop.clone());
        operations.start(id, items);
        Ok(())
    }

    async fn send(&mut self, message: &ServerMessage) -> Result<(), End> {
        match message.to_text() {
            Ok(text) => self.transmit(Message::Text(text.into())).await,
            Err(error) => {
                tracing::error!(%error, "could not serialize a WebSocket message");
                Err(End::ByPeer)
            }
        }
    }

    /// Sends one frame. The server does not read or send other frames on this socket meanwhile. So
    /// for a client that does not read, the server holds only one message and the items that the
    /// operations have read ahead.
    async fn transmit(&mut self, message: Message) -> Result<(), End> {
        match timeout(self.limits.stall_timeout, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::ByPeer),
            Err(_) => Err(Close::Stalled.into()),
        }
    }
}

/// The failed authentications. While the store is away, each of them fails.
static FAILURES: LogLimit = LogLimit::new();

fn log_failure(error: &Error) {
    let error = ErrorChain(error);
    if let Some(count) = FAILURES.record(std::time::Instant::now()) {
        tracing::error!(%error, count, "could not authenticate a WebSocket");
    }
}

/// Returns the end of a socket that cannot be read.
fn read_error(error: axum::Error) -> End {
    match error.into_inner().downcast_ref() {
        Some(SocketError::Capacity(_)) => Close::TooLong.into(),
        Some(SocketError::Utf8(_)) => Close::NotText.into(),
        Some(SocketError::Protocol(error)) if !is_disconnect(error) => Close::ProtocolError.into(),
        _ => End::ByPeer,
    }
}

/// Returns whether the peer disconnected without a close frame, which tungstenite reports as a
/// protocol error.
fn is_disconnect(error: &tungstenite::error::ProtocolError) -> bool {
    matches!(
        error,
        tungstenite::error::ProtocolError::ResetWithoutClosingHandshake
    )
}
