//! GraphQL over server-sent events, distinct connections mode (`PROTOCOL.md` of github.com/enisdenjo/graphql-sse):
//! each response is a `next` event, errors of any kind included, and a `complete` event follows the last.

use async_graphql::Response as GraphQLResponse;
use axum::{
    http::{HeaderName, HeaderValue},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_util::StreamExt;
use serde_json::json;

use super::AppState;
use crate::graphql::{self as api, Operation};

/// For a proxy that would hold an answer back until it has all of it (nginx, and what follows it).
const UNBUFFERED: (HeaderName, HeaderValue) = (
    HeaderName::from_static("x-accel-buffering"),
    HeaderValue::from_static("no"),
);

pub(super) fn respond(parts: &AppState, operation: Operation) -> Response {
    let permit = match parts.sockets.try_acquire(operation.client.address) {
        Ok(permit) => permit,
        Err(full) => return full.into_response(),
    };
    // A shutdown ends a subscription's stream without a `complete`, so the client tries again.
    let events = parts
        .api
        .execute_stream(operation, parts.shutdown.token())
        .map(|event| match event {
            api::Event::Next(response) => next(&response),
            // Two empty lines of data: of one, axum writes none, and an `EventSource` passes over an event without any.
            api::Event::Complete => Ok(Event::default().event("complete").data("\n")),
        })
        .inspect(move |_| {
            // Held for as long as the stream is.
            let _ = &permit;
        });
    let keep_alive = KeepAlive::new().interval(parts.limits.keep_alive);
    ([UNBUFFERED], Sse::new(events).keep_alive(keep_alive)).into_response()
}

/// Where nothing was executed, there is no `data` to speak of (GraphQL specification, 7.1).
fn next(response: &GraphQLResponse) -> Result<Event, axum::Error> {
    let event = Event::default().event("next");
    if api::was_executed(response) {
        event.json_data(response)
    } else {
        event.json_data(json!({ "errors": response.errors }))
    }
}
