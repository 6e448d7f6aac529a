//! GraphQL over WebSocket, subprotocol `graphql-transport-ws`.

mod connection;
mod operations;
mod protocol;

use axum::{
    extract::{FromRequestParts, WebSocketUpgrade},
    http::{header::SEC_WEBSOCKET_PROTOCOL, request},
    response::{IntoResponse, Response},
};

use self::{
    connection::{Access, Connection},
    protocol::SUBPROTOCOL,
};
use super::{AppState, client::credentials_from_headers, response::HttpError, serve::Connected};
use crate::service::Client;

/// The size of a socket's read buffer in bytes. With the default, each idle socket would hold 128
/// KiB. Clients send short messages, and a longer message is read in parts.
const READ_BUFFER_SIZE: usize = 1024;

/// Accepts the handshake of a WebSocket, and serves the socket in a separate task.
pub(super) async fn upgrade(
    state: &AppState,
    client: Client,
    mut head: request::Parts,
) -> Response {
    let offered = head.headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let mut offered = offered
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    if !offered.any(|protocol| protocol.trim() == SUBPROTOCOL) {
        let message = format!("The WebSocket subprotocol must be {SUBPROTOCOL}.");
        return HttpError::bad_request(message).into_response();
    }
    let Ok(upgrade) = WebSocketUpgrade::from_request_parts(&mut head, &()).await else {
        let message = "The request is not a WebSocket handshake (RFC 6455, 4.2.1).";
        return HttpError::bad_request(message).into_response();
    };
    let permit = match state.sockets.try_acquire(client.address) {
        Ok(permit) => permit,
        Err(exceeded) => return exceeded.into_response(),
    };
    // The socket outlives the request, so it also takes the permit of the TCP connection.
    let connected = head.extensions.remove::<Connected>();
    let limits = state.limits;
    let (api, shutdown) = (state.api.clone(), state.shutdown.clone());
    let access = Access::Pending {
        header_credentials: credentials_from_headers(&head.headers),
    };
    upgrade
        .protocols([SUBPROTOCOL])
        .read_buffer_size(READ_BUFFER_SIZE)
        .write_buffer_size(0)
        .max_message_size(limits.max_body.get())
        .max_frame_size(limits.max_body.get())
        .on_upgrade(move |socket| {
            let stop = shutdown.token();
            let connection = Box::new(Connection {
                socket,
                api,
                client,
                limits,
                stop,
                access,
                permits: (permit, connected),
            });
            shutdown.track(connection.serve())
        })
}
