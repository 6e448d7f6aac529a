//! The operations that run on one socket.

use std::collections::HashMap;

use futures_util::{
    StreamExt,
    stream::{self, AbortHandle, Abortable, BoxStream, SelectAll},
};

use super::protocol::{OperationId, ServerMessage};
use crate::graphql::{StreamItem, is_request_error};

/// The running operations of one socket. They take turns: an operation that has sent a message
/// waits until the other operations with a message have sent one.
#[derive(Default)]
pub(super) struct Operations {
    running: SelectAll<Abortable<BoxStream<'static, ServerMessage>>>,
    by_id: HashMap<OperationId, AbortHandle>,
}

impl Operations {
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn contains(&self, id: &OperationId) -> bool {
        self.by_id.contains_key(id)
    }

    pub(super) fn start(&mut self, id: OperationId, items: BoxStream<'static, StreamItem>) {
        let (running, handle) = stream::abortable(messages(id.clone(), items));
        self.running.push(running);
        self.by_id.insert(id, handle);
    }

    /// Ends an operation without a message. Does nothing if the operation has already ended.
    pub(super) fn cancel(&mut self, id: &OperationId) {
        if let Some(handle) = self.by_id.remove(id) {
            handle.abort();
        }
    }

    /// Returns the next message of any operation, or `None` while no operation runs.
    pub(super) async fn next(&mut self) -> Option<ServerMessage> {
        let message = self.running.next().await?;
        if let ServerMessage::Error { id, .. } | ServerMessage::Complete { id } = &message {
            self.by_id.remove(id);
        }
        Some(message)
    }
}

/// Returns the messages of one operation. If a shutdown ends the operation, no message follows.
fn messages(
    id: OperationId,
    items: BoxStream<'static, StreamItem>,
) -> BoxStream<'static, ServerMessage> {
    // The state is `None` after the last message.
    let first = Some((items, true));
    stream::unfold(first, move |state| {
        let id = id.clone();
        async move {
            let (mut items, is_first) = state?;
            Some(match items.next().await? {
                StreamItem::Response(response) if is_first && is_request_error(&response) => {
                    let payload = response.errors;
                    (ServerMessage::Error { id, payload }, None)
                }
                StreamItem::Response(response) => {
                    let payload = response;
                    (ServerMessage::Next { id, payload }, Some((items, false)))
                }
                StreamItem::Json(payload) => (
                    ServerMessage::NextJson { id, payload },
                    Some((items, false)),
                ),
                StreamItem::Complete => (ServerMessage::Complete { id }, None),
            })
        }
    })
    .boxed()
}
