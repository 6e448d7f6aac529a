//! The operations that run on one socket.

use std::{
    collections::HashMap,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_util::{
    Stream, StreamExt,
    stream::{AbortHandle, Abortable, BoxStream, SelectAll},
};

use super::protocol::{OperationId, ServerMessage};
use crate::graphql::{Event, was_executed};

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

    pub(super) fn start(&mut self, id: OperationId, events: BoxStream<'static, Event>) {
        let running = Running {
            id: id.clone(),
            events,
            state: State::Fresh,
        };
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

    /// The next message of any operation; `None` while none runs.
    pub(super) async fn next(&mut self) -> Option<ServerMessage> {
        let message = self.running.next().await?;
        if let ServerMessage::Error { id, .. } | ServerMessage::Complete { id } = &message {
            self.by_id.remove(id);
        }
        Some(message)
    }
}

/// One operation, as the messages that it comes to.
struct Running {
    id: OperationId,
    events: BoxStream<'static, Event>,
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

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<ServerMessage>> {
        if self.state == State::Over {
            return Poll::Ready(None);
        }
        // One that is cut short by a shutdown says nothing more.
        let Some(event) = ready!(self.events.poll_next_unpin(context)) else {
            return Poll::Ready(None);
        };
        let id = self.id.clone();
        let is_first = std::mem::replace(&mut self.state, State::UnderWay) == State::Fresh;
        let message = match event {
            Event::Next(response) if is_first && !was_executed(&response) => {
                self.state = State::Over;
                ServerMessage::Error {
                    id,
                    payload: response.errors,
                }
            }
            Event::Next(response) => ServerMessage::Next {
                id,
                payload: *response,
            },
            Event::Complete => {
                self.state = State::Over;
                ServerMessage::Complete { id }
            }
        };
        Poll::Ready(Some(message))
    }
}
