//! GraphQL over WebSocket, subprotocol `graphql-transport-ws`, by async-graphql-axum's handler: this module opens the
//! socket with small buffers, and closes it where the handler does not.

use std::time::Duration;

use async_graphql::Data;
use async_graphql_axum::{GraphQLProtocol, GraphQLWebSocket};
use axum::{
    extract::{
        FromRequestParts, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket},
    },
    http::{HeaderValue, header::SEC_WEBSOCKET_PROTOCOL, request},
    response::{IntoResponse, Response},
};
use futures_util::{SinkExt, StreamExt};
use tokio_util::sync::CancellationToken;

use super::{
    BODY, Parts,
    client::{credentials, credentials_in},
    executor::SocketExecutor,
    negotiate::Refusal,
};
use crate::service::Client;

const PROTOCOL: &str = "graphql-transport-ws";

/// How long a client may take to send `connection_init`.
const INIT_WITHIN: Duration = Duration::from_secs(10);

/// How long a peer may take to read the close frame.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// Why the server closes a socket (RFC 6455, section 7.4, and the subprotocol's own codes).
const GOING_AWAY: (u16, &str) = (1001, "The server is shutting down");
const INIT_TIMEOUT: (u16, &str) = (4408, "Connection initialisation timeout");

pub(super) async fn upgrade(parts: &Parts, client: Client, mut head: request::Parts) -> Response {
    let offered = head.headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let mut offered = offered.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    if !offered.any(|protocol| protocol.trim() == PROTOCOL) {
        return Refusal::bad(format!("The WebSocket subprotocol must be {PROTOCOL}.")).into_response();
    }
    // The extractor takes the first protocol that it knows, and it knows an older one too.
    head.headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    let protocol = match GraphQLProtocol::from_request_parts(&mut head, &()).await {
        Ok(protocol) => protocol,
        Err(status) => return status.into_response(),
    };
    let from_header = credentials_in(&head.headers);
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut head, &()).await {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    let executor = SocketExecutor::new(parts.schema.clone(), parts.service.clone());
    let socket = Socket { executor, protocol, client, from_header, stop: parts.shutdown.token() };
    let shutdown = parts.shutdown.clone();
    upgrade
        .protocols([PROTOCOL])
        // The default read buffer holds 128 KiB a socket, however idle. What clients send is short, and longer
        // messages are read piece by piece.
        .read_buffer_size(1024)
        .write_buffer_size(0)
        .max_message_size(BODY)
        .max_frame_size(BODY)
        .on_upgrade(move |stream| shutdown.track(socket.serve(stream)))
}

struct Socket {
    executor: SocketExecutor,
    protocol: GraphQLProtocol,
    client: Client,
    /// Credentials of the upgrade request, for clients that can set its headers.
    from_header: Option<String>,
    stop: CancellationToken,
}

impl Socket {
    async fn serve(self, socket: WebSocket) {
        let Self { executor, protocol, client, from_header, stop } = self;
        let (mut sink, stream) = socket.split();
        let mut data = Data::default();
        data.insert(client);
        let opening = executor.clone();
        let operations = GraphQLWebSocket::new_with_pair(&mut sink, stream, executor.clone(), protocol)
            .with_data(data)
            .on_connection_init(async move |payload: serde_json::Value| {
                let given = payload.get("authorization").and_then(serde_json::Value::as_str);
                opening.open(given.map(credentials).or(from_header));
                Ok(Data::default())
            })
            .serve();
        let never_opened = async {
            tokio::time::sleep(INIT_WITHIN).await;
            if executor.is_open() {
                std::future::pending::<()>().await;
            }
        };
        let (code, reason) = tokio::select! {
            () = operations => return,
            () = stop.cancelled() => GOING_AWAY,
            () = never_opened => INIT_TIMEOUT,
        };
        let frame = CloseFrame { code, reason: reason.into() };
        // A peer that does not read it is gone anyway.
        let _ = tokio::time::timeout(CLOSE_WITHIN, sink.send(Message::Close(Some(frame)))).await;
    }
}
