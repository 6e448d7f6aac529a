//! GraphQL over HTTP: POST with a JSON body and GET for queries. The same path accepts the upgrade
//! to a WebSocket and streams server-sent events.

use std::sync::LazyLock;

use async_graphql::parser::types::OperationType;
use axum::{
    extract::{self, FromRequestParts, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};

use super::{
    AppState, body,
    client::{ExtractClient, credentials_from_headers},
    event_stream, misplaced_credentials,
    negotiate::MediaType,
    response::{HttpError, respond},
    websocket,
};
use crate::graphql::{
    self, DecodeError, ErrorCode, OperationRequest, Parameters, PreparedOperation, Sender,
};

/// Executes the operation in the body of a POST.
pub(super) async fn post(
    State(state): State<AppState>,
    ExtractClient(client): ExtractClient,
    request: extract::Request,
) -> Result<Response, HttpError> {
    let media_type = negotiate(request.headers())?;
    body::check_headers(request.headers())?;
    let credentials = credentials(&state, request.headers(), request.uri())?;
    let sender = Sender {
        client,
        credentials,
    };
    let body = body::read(&state, request).await?;
    let request = OperationRequest::from_body(&body)?;
    check_extensions(&state, &sender, &request)?;
    let operation = state.api.prepare(request);
    Ok(execute(&state, operation, sender, media_type).await)
}

/// Executes the query in the parameters of a GET, or upgrades the connection to a WebSocket.
pub(super) async fn get(
    State(state): State<AppState>,
    ExtractClient(client): ExtractClient,
    request: extract::Request,
) -> Result<Response, HttpError> {
    let (mut head, _) = request.into_parts();
    let credentials = credentials(&state, &head.headers, &head.uri)?;
    if websocket::is_requested(&head.headers) {
        return websocket::upgrade(&state, client, credentials, head).await;
    }
    let media_type = negotiate(&head.headers)?;
    let sender = Sender {
        client,
        credentials,
    };
    let Ok(Query(parameters)) = Query::<Parameters>::from_request_parts(&mut head, &()).await
    else {
        return Err(DecodeError::RepeatedEntry.into());
    };
    let request = OperationRequest::from_parameters(parameters)?;
    check_extensions(&state, &sender, &request)?;
    let operation = state.api.prepare(request);
    if operation.is_rejected() {
        return Ok(execute(&state, operation, sender, media_type).await);
    }
    if operation.could_be(OperationType::Mutation) {
        return Err(method_not_allowed(
            "GET is only for queries. Send a mutation by POST.",
        ));
    }
    if operation.could_be(OperationType::Subscription) && media_type != MediaType::EventStream {
        return Err(method_not_allowed(
            "A GET with a subscription needs the header `Accept: text/event-stream`. Or send it \
             over a WebSocket at this path (subprotocol graphql-transport-ws).",
        ));
    }
    Ok(execute(&state, operation, sender, media_type).await)
}

async fn execute(
    state: &AppState,
    operation: PreparedOperation,
    sender: Sender,
    media_type: MediaType,
) -> Response {
    match media_type {
        MediaType::EventStream => event_stream::respond(state, operation, sender),
        MediaType::GraphQL | MediaType::Json => {
            respond(state.api.execute(operation, sender).await, media_type)
        }
    }
}

/// Returns the credentials of a request.
///
/// In development mode, a request without credentials comes from the service. So that a wrong token
/// never makes its sender the service, a request is rejected there if its credentials are in a
/// place that the server does not read.
fn credentials(
    state: &AppState,
    headers: &HeaderMap,
    uri: &Uri,
) -> Result<Option<String>, HttpError> {
    let credentials = credentials_from_headers(headers);
    let is_service = credentials.is_none() && state.api.trusts_anyone();
    if is_service && misplaced_credentials::in_request(headers, uri) {
        return Err(HttpError::bad_request(misplaced_credentials::IN_REQUEST));
    }
    Ok(credentials)
}

/// Rejects a request for the same reason if its credentials are in `extensions`.
fn check_extensions(
    state: &AppState,
    sender: &Sender,
    request: &OperationRequest,
) -> Result<(), HttpError> {
    let is_service = sender.credentials.is_none() && state.api.trusts_anyone();
    if is_service && misplaced_credentials::in_object(&request.extensions) {
        return Err(HttpError::bad_request(misplaced_credentials::IN_REQUEST));
    }
    Ok(())
}

fn method_not_allowed(message: &str) -> HttpError {
    let code = ErrorCode::MethodNotAllowed;
    HttpError::new(StatusCode::METHOD_NOT_ALLOWED, code, message)
        .with_header(header::ALLOW, HeaderValue::from_static("POST"))
}

fn negotiate(headers: &HeaderMap) -> Result<MediaType, HttpError> {
    MediaType::accepted(headers).ok_or_else(|| {
        HttpError::new(
            StatusCode::NOT_ACCEPTABLE,
            ErrorCode::NotAcceptable,
            "Accept must allow application/graphql-response+json, application/json or \
             text/event-stream.",
        )
    })
}

/// The printed schema. It is printed only once, because building the schema takes longer than most
/// requests.
static SDL: LazyLock<String> = LazyLock::new(graphql::sdl);

/// Returns the schema in the schema definition language.
pub(super) async fn sdl() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
        SDL.as_str(),
    )
}
