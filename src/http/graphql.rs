//! GraphQL over HTTP: POST with a JSON body, GET for queries, and on the same path the upgrade to a WebSocket and the
//! streams of server-sent events.

use std::sync::LazyLock;

use async_graphql::{ParseRequestError, Request, parser::types::OperationType};
use async_graphql_axum::GraphQLRequest;
use axum::{
    body::{Bytes, HttpBody},
    extract::{self, FromRequest, FromRequestParts, Query, State},
    http::{HeaderMap, Method, StatusCode, header, request},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use tokio::time::timeout;

use super::{
    AppState,
    client::{FromConnection, credentials_in},
    event_stream,
    negotiate::{HttpError, MediaType, respond},
    websocket,
};
use crate::{
    graphql::{self, Operation},
    service::Client,
};

pub(super) async fn post(
    State(parts): State<AppState>,
    FromConnection(client): FromConnection,
    request: extract::Request,
) -> Result<Response, HttpError> {
    let media_type = acceptable(request.headers())?;
    if !is_json(request.headers()) {
        // What a form may send needs no preflight, so any site's page could (GraphQL over HTTP, 5.3).
        return Err(HttpError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UNSUPPORTED_MEDIA_TYPE",
            "The Content-Type must be application/json.",
        ));
    }
    let credentials = credentials_in(request.headers());
    let body = read_body(&parts, request).await?;
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(HttpError::bad(
            "Batches are not supported: send one operation a request.",
        ));
    }
    // Of the head nothing more is needed: without a content type a body is read as JSON.
    let mut json = extract::Request::new(body.into());
    *json.method_mut() = Method::POST;
    let request = GraphQLRequest::<HttpError>::from_request(json, &())
        .await?
        .into_inner();
    execute(&parts, client, credentials, request, media_type).await
}

async fn read_body(parts: &AppState, request: extract::Request) -> Result<Bytes, HttpError> {
    let (most, within) = (parts.limits.max_body, parts.limits.request_timeout);
    let too_large = || {
        let message = format!("The body must be at most {most} bytes.");
        HttpError::new(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", message)
    };
    // Before any of it is read: a client that asks first (RFC 9110, 10.1.1) need not send it.
    if request.body().size_hint().lower() > most.get() as u64 {
        return Err(too_large());
    }
    let Ok(body) = timeout(within, Bytes::from_request(request, &())).await else {
        let message = format!("The body must arrive within {} s.", within.as_secs());
        return Err(HttpError::new(
            StatusCode::REQUEST_TIMEOUT,
            "REQUEST_TIMEOUT",
            message,
        ));
    };
    body.map_err(|error| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        _ => HttpError::bad("The body did not arrive whole."),
    })
}

impl From<ParseRequestError> for HttpError {
    fn from(_: ParseRequestError) -> Self {
        Self::bad("The body must be a JSON object with a string `query`.")
    }
}

/// What a GET's query string may hold. `variables` is JSON.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    query: String,
    operation_name: Option<String>,
    variables: Option<String>,
}

pub(super) async fn get(
    State(parts): State<AppState>,
    FromConnection(client): FromConnection,
    request: extract::Request,
) -> Result<Response, HttpError> {
    let (mut head, _) = request.into_parts();
    if asks_for_websocket(&head.headers) {
        return Ok(websocket::upgrade(&parts, client, head).await);
    }
    let media_type = acceptable(&head.headers)?;
    let mut request = read_parameters(&mut head).await?;
    if !is_for_get(&mut request, media_type) {
        let refusal = HttpError::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "METHOD_NOT_ALLOWED",
            "GET is for queries: send a mutation by POST, and a subscription over a WebSocket or as an event stream.",
        );
        return Ok(([(header::ALLOW, "POST")], refusal).into_response());
    }
    execute(
        &parts,
        client,
        credentials_in(&head.headers),
        request,
        media_type,
    )
    .await
}

/// An upgrade to anything else may be passed over (RFC 9110, 7.8).
fn asks_for_websocket(headers: &HeaderMap) -> bool {
    let offered = headers
        .get_all(header::UPGRADE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    offered
        .flat_map(|value| value.split(','))
        .any(|protocol| protocol.trim().eq_ignore_ascii_case("websocket"))
}

/// Whether the request holds nothing to execute but queries, and subscriptions where those can be answered.
fn is_for_get(request: &mut Request, media_type: MediaType) -> bool {
    let runs = request.operation_name.clone();
    let Ok(document) = request.parsed_query() else {
        // The executor says where it is wrong.
        return true;
    };
    document.operations.iter().all(|(name, operation)| {
        let is_another = runs
            .as_deref()
            .is_some_and(|runs| name.is_some_and(|name| name.as_str() != runs));
        is_another
            || match operation.node.ty {
                OperationType::Query => true,
                OperationType::Mutation => false,
                OperationType::Subscription => media_type == MediaType::EventStream,
            }
    })
}

async fn read_parameters(head: &mut request::Parts) -> Result<Request, HttpError> {
    let Ok(Query(parameters)) = Query::<Parameters>::from_request_parts(head, &()).await else {
        return Err(HttpError::bad(
            "The parameter `query` must be given, and each parameter once.",
        ));
    };
    let mut request = Request::new(parameters.query);
    request.operation_name = parameters.operation_name;
    if let Some(variables) = parameters.variables {
        request.variables = serde_json::from_str(&variables)
            .map_err(|_| HttpError::bad("The parameter `variables` must be a JSON object."))?;
    }
    Ok(request)
}

async fn execute(
    parts: &AppState,
    client: Client,
    credentials: Option<String>,
    request: Request,
    media_type: MediaType,
) -> Result<Response, HttpError> {
    if request.query.trim().is_empty() {
        return Err(HttpError::bad("`query` must be given."));
    }
    let operation = Operation {
        request,
        client,
        credentials,
    };
    Ok(match media_type {
        MediaType::EventStream => event_stream::respond(parts, operation),
        MediaType::GraphQL | MediaType::Json => {
            respond(&parts.api.execute(operation).await, media_type)
        }
    })
}

fn acceptable(headers: &HeaderMap) -> Result<MediaType, HttpError> {
    MediaType::accepted(headers).ok_or_else(|| {
        HttpError::new(
            StatusCode::NOT_ACCEPTABLE,
            "NOT_ACCEPTABLE",
            "Accept must take application/graphql-response+json, application/json or text/event-stream.",
        )
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let Some(content_type) = content_type else {
        return false;
    };
    let mut parts = content_type.split(';').map(str::trim);
    let is_utf8 = |parameter: &str| match parameter.split_once('=') {
        Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
            value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    };
    parts
        .next()
        .is_some_and(|name| name.eq_ignore_ascii_case("application/json"))
        && parts.all(is_utf8)
}

/// Printed once: building the schema takes longer than most requests.
static SDL: LazyLock<String> = LazyLock::new(graphql::sdl);

pub(super) async fn sdl() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
        SDL.as_str(),
    )
}
