//! GraphQL over HTTP: POST with a JSON body and GET for queries. The same path accepts the upgrade
//! to a WebSocket and streams server-sent events.

use std::{
    borrow::Cow,
    sync::{Arc, LazyLock},
};

use async_graphql::parser::types::OperationType;
use axum::{
    extract::Query,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};

use super::{
    AppState,
    body::{self, RequestBody},
    client::{client, credentials_from_headers},
    cookies::Repeated,
    event_stream,
    handler::Call,
    misplaced_credentials,
    negotiate::MediaType,
    response::{self, HttpError},
    verify::TOKEN_PREFIX,
    websocket,
};
use crate::graphql::{
    self, CookieSlot, DecodeError, ErrorCode, OperationRequest, Parameters, PreparedOperation,
    Sender,
};

/// Responds to a request for `/graphql`.
pub(super) async fn respond(
    state: &AppState,
    call: Call<'_>,
    head: Parts,
    body: &mut RequestBody,
) -> Response {
    let result = match head.method {
        Method::POST => post(state, call, &head, body).await,
        // The body of a response to HEAD is not sent.
        Method::GET | Method::HEAD => get(state, call, head).await,
        _ => {
            let allow = [(header::ALLOW, HeaderValue::from_static("GET,HEAD,POST"))];
            return (StatusCode::METHOD_NOT_ALLOWED, allow).into_response();
        }
    };
    result.unwrap_or_else(IntoResponse::into_response)
}

/// Executes the operation in the body of a POST.
async fn post(
    state: &AppState,
    call: Call<'_>,
    head: &Parts,
    body: &mut RequestBody,
) -> Result<Response, HttpError> {
    let media_type = negotiate(&head.headers)?;
    body::check_headers(&head.headers)?;
    let Credentials { text, by_cookie } = credentials(state, call, head)?;
    let is_plain = media_type != MediaType::EventStream;
    let cookie = is_plain.then(|| Arc::new(CookieSlot::new(by_cookie)));
    let sender = Sender {
        client: client(&state.client_addresses, &head.headers, call.peer.address),
        credentials: text.map(Cow::into_owned),
        cookie: cookie.clone(),
        request_id: call.id.clone(),
    };
    let body = body.read(&state.limits).await?;
    let request = OperationRequest::from_body(&body)?;
    check_extensions(state, &sender, &request)?;
    let operation = state.api.prepare(request);
    let mut response = execute(state, operation, sender, media_type).await;
    let change = cookie.and_then(|cookie| cookie.take());
    let value = change.and_then(|change| call.cookie.change(change, state.service.now()));
    if let Some(value) = value {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    Ok(response)
}

/// Executes the query in the parameters of a GET, or upgrades the connection to a WebSocket.
async fn get(state: &AppState, call: Call<'_>, mut head: Parts) -> Result<Response, HttpError> {
    let Call { peer, id, .. } = call;
    let credentials = credentials(state, call, &head)?.text.map(Cow::into_owned);
    let client = client(&state.client_addresses, &head.headers, peer.address);
    let sender = Sender {
        client,
        credentials,
        cookie: None,
        request_id: id.clone(),
    };
    if websocket::is_requested(&head.headers) {
        head.extensions.insert(peer.connected.clone());
        return websocket::upgrade(state, sender, head).await;
    }
    let media_type = negotiate(&head.headers)?;
    let Ok(Query(parameters)) = Query::<Parameters>::try_from_uri(&head.uri) else {
        return Err(DecodeError::RepeatedEntry.into());
    };
    let request = OperationRequest::from_parameters(parameters)?;
    check_extensions(state, &sender, &request)?;
    let operation = state.api.prepare(request);
    if operation.is_rejected() {
        return Ok(execute(state, operation, sender, media_type).await);
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
    Ok(execute(state, operation, sender, media_type).await)
}

async fn execute(
    state: &AppState,
    operation: PreparedOperation,
    sender: Sender,
    media_type: MediaType,
) -> Response {
    match media_type {
        MediaType::EventStream => event_stream::respond(state, operation, sender).await,
        MediaType::GraphQL | MediaType::Json => {
            response::respond(state.api.execute(operation, sender).await, media_type)
        }
    }
}

/// The credentials of a request.
struct Credentials<'a> {
    text: Option<Cow<'a, str>>,
    /// Whether they come from the cookie.
    by_cookie: bool,
}

/// Returns the credentials of a request: those in its `Authorization` header, or else the token in
/// the session's cookie, if the page that has sent the request is known to be trusted.
///
/// In development mode, a request without credentials comes from the service. So that a wrong token
/// never makes its sender the service, a request is rejected there if its credentials are in a
/// place that the server does not read.
fn credentials<'a>(
    state: &AppState,
    call: Call<'_>,
    head: &'a Parts,
) -> Result<Credentials<'a>, HttpError> {
    let Parts { headers, uri, .. } = head;
    if let Some(text) = credentials_from_headers(headers) {
        return Ok(Credentials {
            text: Some(text),
            by_cookie: false,
        });
    }
    if call.accepts_cookie {
        let found = call.cookie.find(headers);
        let found = found.map_err(|_| HttpError::bad_request(Repeated::MESSAGE))?;
        // A cookie has a session's token. A service key, which scripts may know, is none.
        if let Some(token) = found.filter(|text| text.starts_with(TOKEN_PREFIX)) {
            return Ok(Credentials {
                text: Some(token.into()),
                by_cookie: true,
            });
        }
    }
    if state.api.trusts_anyone() && misplaced_credentials::in_request(headers, uri) {
        return Err(HttpError::bad_request(misplaced_credentials::IN_REQUEST));
    }
    Ok(Credentials {
        text: None,
        by_cookie: false,
    })
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
