//! The operations that run on one socket.

use std::{
    collections::HashMap,
    pin::Pin,
    task::{Context, Poll, ready},
};

use async_graphql::Response;
use futures_util::{
    Stream, StreamExt,
    stream::{AbortHandle, Abortable, BoxStream, SelectAll},
};

use super::protocol::{OperationId, ServerMessage};
use crate::graphql::was_executed;

/// Served in turn: of those that have something to send, the one that sent last waits for the others.
#[derive(Default)]
pub(super) struct Operations {
    running: SelectAll<Abortable<Running>>,
    by_id: HashMap<OperationId, AbortHandle>,
}

impl Operations {
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn contains(&self, id: &OperationId) -> bool {
        self.by_id.contains_key(id)
    }

    pub(super) fn start(&mut self, id: OperationId, responses: BoxStream<'static, Response>) {
        let running = Running { id: id.clone(), responses, state: State::Fresh };
        let (running, handle) = futures_util::stream::abortable(running);
        self.running.push(running);
        self.by_id.insert(id, handle);
    }

    /// Ends an operation, in silence. Of one that has ended already there is nothing left to end.
    pub(super) fn cancel(&mut self, id: &OperationId) {
        if let Some(handle) = self.by_id.remove(id) {
            handle.abort();
        }
    }

    /// The next message of any operation; never, while none runs.
    pub(super) async fn next(&mut self) -> ServerMessage {
        loop {
            match self.running.next().await {
                Some(message) => {
                    if let ServerMessage::Error { id, .. } | ServerMessage::Complete { id } = &message {
                        self.by_id.remove(id);
                    }
                    return message;
                }
                None => std::future::pending().await,
            }
        }
    }
}

/// One operation, as the messages that it comes to.
struct Running {
    id: OperationId,
    responses: BoxStream<'static, Response>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was sent yet.
    Fresh,
    UnderWay,
    Over,
}

impl Stream for Running {
    type Item = ServerMessage;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<ServerMessage>> {
        if self.state == State::Over {
            return Poll::Ready(None);
        }
        let response = ready!(self.responses.poll_next_unpin(context));
        let id = self.id.clone();
        let is_first = std::mem::replace(&mut self.state, State::UnderWay) == State::Fresh;
        let message = match response {
            Some(response) if is_first && !was_executed(&response) => {
                self.state = State::Over;
                ServerMessage::Error { id, payload: response.errors }
            }
            Some(payload) => ServerMessage::Next { id, payload },
            None => {
                self.state = State::Over;
                ServerMessage::Complete { id }
            }
        };
        Poll::Ready(Some(message))
    }
}
