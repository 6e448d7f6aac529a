//! GraphQL over WebSocket, subprotocol `graphql-transport-ws`.

mod connection;
mod heartbeat;
mod init;
mod operations;
mod protocol;

use std::future;

use axum::{
    extract::{FromRequestParts, WebSocketUpgrade},
    http::{HeaderMap, HeaderValue, StatusCode, header, request},
    response::{IntoResponse, Response},
};

use self::{
    connection::{Access, Connection},
    protocol::SUBPROTOCOL,
};
use super::{
    AppState,
    header_list::{self, contains},
    response::HttpError,
    serve::Connected,
};
use crate::{
    graphql::{ErrorCode, Sender},
    request_id::InRequest,
};

/// The size of a socket's read buffer in bytes. With the default, each idle socket would hold 128
/// KiB. Clients send short messages, and a longer message is read in parts.
const READ_BUFFER_SIZE: usize = 1024;

/// The version of the WebSocket protocol (RFC 6455, 4.1).
const VERSION: &str = "13";

/// Returns whether a request is a handshake of a WebSocket. A server may ignore an upgrade to
/// another protocol (RFC 9110, 7.8).
pub(super) fn is_requested(headers: &HeaderMap) -> bool {
    contains(headers, &header::UPGRADE, "websocket")
}

/// Accepts the handshake of a WebSocket, and serves the socket in a separate task.
///
/// # Errors
/// The response to a handshake that is not accepted.
pub(super) async fn upgrade(
    state: &AppState,
    sender: Sender,
    mut head: request::Parts,
) -> Result<Response, HttpError> {
    let offers_subprotocol = header_list::texts(&head.headers, &header::SEC_WEBSOCKET_PROTOCOL)
        .any(|protocol| protocol == SUBPROTOCOL);
    if !offers_subprotocol {
        let message = format!("The WebSocket subprotocol must be {SUBPROTOCOL}.");
        return Err(HttpError::bad_request(message));
    }
    if !contains(&head.headers, &header::SEC_WEBSOCKET_VERSION, VERSION) {
        // RFC 6455, 4.4
        let message = format!("The WebSocket version must be {VERSION}.");
        let code = ErrorCode::BadRequest;
        let error = HttpError::new(StatusCode::UPGRADE_REQUIRED, code, message);
        let version = HeaderValue::from_static(VERSION);
        return Err(error.with_header(header::SEC_WEBSOCKET_VERSION, version));
    }
    reduce_handshake(&mut head.headers);
    let Ok(upgrade) = WebSocketUpgrade::from_request_parts(&mut head, &()).await else {
        let message = "The request is not a WebSocket handshake (RFC 6455, 4.2.1).";
        return Err(HttpError::bad_request(message));
    };
    let permit = match state.sockets.try_acquire_on_trial(sender.client.address) {
        Ok(permit) => permit,
        Err(exceeded) => return Ok(exceeded.into_response()),
    };
    // The socket outlives the request, so it also takes the permit of the TCP connection.
    let connected = head.extensions.remove::<Connected>();
    let limits = state.limits;
    let (api, shutdown) = (state.api.clone(), state.shutdown.clone());
    let Sender {
        client,
        credentials: header_credentials,
        request_id,
        cookie: _,
    } = sender;
    let access = Access::Pending { header_credentials };
    Ok(upgrade
        .protocols([SUBPROTOCOL])
        .read_buffer_size(READ_BUFFER_SIZE)
        .write_buffer_size(0)
        .max_message_size(limits.max_body.get())
        .max_frame_size(limits.max_body.get())
        .on_upgrade(move |socket| {
            let stop = shutdown.token();
            let id = request_id.clone();
            let connection = Box::new(Connection {
                socket,
                api,
                client,
                request_id,
                limits,
                stop,
                access,
                permits: (permit, connected),
            });
            // In a task of its own, because the task of axum takes more memory: it has room for the
            // handshake too.
            shutdown.spawn(InRequest::new(id, connection.serve()));
            future::ready(())
        }))
}

/// Reduces the lists of a handshake to the items that it needs. The extractor of axum 0.8 reads
/// only the first header, and compares the whole list with `websocket`, although further protocols
/// and options are allowed (RFC 6455, 4.2.1).
fn reduce_handshake(headers: &mut HeaderMap) {
    for (name, item) in [
        (header::UPGRADE, "websocket"),
        (header::CONNECTION, "upgrade"),
        (header::SEC_WEBSOCKET_VERSION, VERSION),
    ] {
        if contains(headers, &name, item) {
            headers.insert(name, HeaderValue::from_static(item));
        }
    }
}
