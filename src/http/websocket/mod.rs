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
use super::{AppState, client::credentials_in, negotiate::HttpError, serve::Connected};
use crate::service::Client;

pub(super) async fn upgrade(
    parts: &AppState,
    client: Client,
    mut head: request::Parts,
) -> Response {
    let offered = head.headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let mut offered = offered
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    if !offered.any(|protocol| protocol.trim() == SUBPROTOCOL) {
        return HttpError::bad(format!("The WebSocket subprotocol must be {SUBPROTOCOL}."))
            .into_response();
    }
    let Ok(upgrade) = WebSocketUpgrade::from_request_parts(&mut head, &()).await else {
        return HttpError::bad("This is no WebSocket handshake (RFC 6455, 4.2.1).").into_response();
    };
    let permit = match parts.sockets.try_acquire(client.address) {
        Ok(permit) => permit,
        Err(full) => return full.into_response(),
    };
    // It outlives the request.
    let connected = head.extensions.remove::<Connected>();
    let limits = parts.limits;
    let (api, shutdown) = (parts.api.clone(), parts.shutdown.clone());
    let access = Access::Closed {
        from_header: credentials_in(&head.headers),
    };
    upgrade
        .protocols([SUBPROTOCOL])
        // The default read buffer holds 128 KiB a socket, however idle. What clients send is short, and longer
        // messages are read piece by piece.
        .read_buffer_size(1024)
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
                held: (permit, connected),
            });
            shutdown.track(connection.serve())
        })
}
