//! GraphQL over server-sent events, distinct connections mode (`PROTOCOL.md` of
//! github.com/enisdenjo/graphql-sse). Each response is a `next` event, even a response with errors.
//! A `complete` event follows the last response.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use async_graphql::Response as GraphQLResult;
use axum::{
    http::{HeaderName, HeaderValue},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_util::{Stream, StreamExt, stream::BoxStream};
use serde_json::json;

use super::{
    AppState, connection_limits::LimitExceeded, lost_peers::comment_interval,
    socket_limits::SocketPermit,
};
use crate::{
    graphql::{PreparedOperation, Sender, StreamItem, is_request_error},
    metrics::{InUse, SocketKind},
    request_id::{self, RequestId},
};

/// Prevents a proxy (nginx and compatible ones) from buffering the whole response.
const UNBUFFERED: (HeaderName, HeaderValue) = (
    HeaderName::from_static("x-accel-buffering"),
    HeaderValue::from_static("no"),
);

/// Executes an operation, and responds with a stream of its events.
pub(super) async fn respond(
    state: &AppState,
    operation: PreparedOperation,
    sender: Sender,
) -> Response {
    let permit = match acquire(state, &sender).await {
        Ok(permit) => permit,
        Err(exceeded) => return exceeded.into_response(),
    };
    // A shutdown ends a subscription's stream without a `complete` event, so the client reconnects.
    let stop = state.shutdown.token();
    let events = Events {
        items: state.api.execute_until_revoked(operation, sender, stop),
        _permit: permit,
        _open: InUse::of(|metrics| metrics.sockets(SocketKind::EventStream)),
        request: request_id::current(),
    };
    let keep_alive = KeepAlive::new().interval(comment_interval(&state.limits));
    ([UNBUFFERED], Sse::new(events).keep_alive(keep_alive)).into_response()
}

/// Returns a permit for the stream. Beyond the ordinary share, the sender needs the token of an active
/// session.
async fn acquire(state: &AppState, sender: &Sender) -> Result<SocketPermit, LimitExceeded> {
    let address = sender.client.address;
    match state.sockets.try_acquire(address) {
        Err(LimitExceeded::Node) => {}
        result => return result,
    }
    let caller = state.api.authenticate(sender.credentials.as_deref()).await;
    let user = caller
        .ok()
        .and_then(|caller| state.api.active_user(&caller))
        .ok_or(LimitExceeded::Node)?;
    state.sockets.try_acquire_for(address, user)
}

/// The events of one stream. The limiter counts the stream as open until it is dropped.
struct Events {
    items: BoxStream<'static, StreamItem>,
    _permit: SocketPermit,
    _open: InUse,
    /// The id of the request, which has ended when the events are sent.
    request: Option<RequestId>,
}

impl Stream for Events {
    type Item = Result<Event, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { items, request, .. } = &mut *self;
        let _entered = request_id::enter(request);
        let item = items.poll_next_unpin(context);
        item.map(|item| {
            item.map(|item| match item {
                StreamItem::Response(response) => next_event(&response),
                StreamItem::Json(json) => Ok(Event::default().event("next").data(json)),
                // Two empty lines of data, because axum writes no `data` line for an empty text,
                // and an `EventSource` ignores an event without data.
                StreamItem::Complete => Ok(Event::default().event("complete").data("\n")),
            })
        })
    }
}

/// Returns the `next` event of a response. A request error has no `data` (GraphQL specification,
/// 7.1.2).
fn next_event(response: &GraphQLResult) -> Result<Event, axum::Error> {
    let event = Event::default().event("next");
    if is_request_error(response) {
        event.json_data(json!({ "errors": response.errors }))
    } else {
        event.json_data(response)
    }
}
