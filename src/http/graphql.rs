//! GraphQL over HTTP: POST with a JSON body, GET for queries, and the upgrade to a WebSocket on the same path.

use std::sync::LazyLock;

use async_graphql::{Request, parser::types::OperationType};
use axum::{
    body::Bytes,
    extract::{FromRequestParts, Query, State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header, request},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::{
    Parts,
    client::{FromConnection, credentials_in},
    negotiate::{MediaType, Refusal, respond},
    websocket,
};
use crate::{graphql, service::Client};

pub(super) async fn post(
    State(parts): State<Parts>,
    FromConnection(client): FromConnection,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let media_type = acceptable(&headers)?;
    if !is_json(&headers) {
        // What a form may send needs no preflight, so any site's page could (GraphQL over HTTP, 5.3).
        return Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UNSUPPORTED_MEDIA_TYPE",
            "The Content-Type must be application/json.",
        ));
    }
    let body = body.map_err(|error| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "PAYLOAD_TOO_LARGE",
            format!("The body must be at most {} bytes.", super::BODY),
        ),
        _ => Refusal::bad("The body did not arrive whole."),
    })?;
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(Refusal::bad("Batches are not supported: send one operation a request."));
    }
    let request = serde_json::from_slice(&body)
        .map_err(|_| Refusal::bad("The body must be a JSON object with a string `query`."))?;
    execute(&parts, client, &headers, request, media_type).await
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
    State(parts): State<Parts>,
    FromConnection(client): FromConnection,
    request: axum::extract::Request,
) -> Result<Response, Refusal> {
    let (mut head, _) = request.into_parts();
    if head.headers.contains_key(header::UPGRADE) {
        return Ok(websocket::upgrade(&parts, client, head).await);
    }
    let media_type = acceptable(&head.headers)?;
    let mut request = read_parameters(&mut head).await?;
    // One that cannot be parsed is answered by the executor, which says where it is wrong.
    let runs = request.operation_name.clone();
    let is_query = request.parsed_query().is_ok_and(|document| {
        let mut operations = document.operations.iter();
        operations.all(|(name, operation)| {
            operation.node.ty == OperationType::Query
                || runs.as_deref().is_some_and(|runs| name.is_some_and(|name| name != runs))
        })
    });
    if !is_query && request.parsed_query().is_ok() {
        let refusal = Refusal::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "METHOD_NOT_ALLOWED",
            "GET is for queries: send a mutation by POST, and a subscription over a WebSocket.",
        );
        return Ok(([(header::ALLOW, "POST")], refusal).into_response());
    }
    execute(&parts, client, &head.headers, request, media_type).await
}

async fn read_parameters(head: &mut request::Parts) -> Result<Request, Refusal> {
    let Ok(Query(parameters)) = Query::<Parameters>::from_request_parts(head, &()).await else {
        return Err(Refusal::bad("The parameter `query` must be given."));
    };
    let mut request = Request::new(parameters.query);
    request.operation_name = parameters.operation_name;
    if let Some(variables) = parameters.variables {
        request.variables = serde_json::from_str(&variables)
            .map_err(|_| Refusal::bad("The parameter `variables` must be a JSON object."))?;
    }
    Ok(request)
}

async fn execute(
    parts: &Parts,
    client: Client,
    headers: &HeaderMap,
    request: Request,
    media_type: MediaType,
) -> Result<Response, Refusal> {
    if request.query.trim().is_empty() {
        return Err(Refusal::bad("`query` must be given."));
    }
    let response = match parts.service.authenticate(credentials_in(headers).as_deref()).await {
        Ok(caller) => match graphql::prepare(request, caller) {
            Ok(request) => parts.schema.execute(request.data(client)).await,
            Err(response) => *response,
        },
        Err(error) => graphql::failure(error),
    };
    Ok(respond(response, media_type))
}

fn acceptable(headers: &HeaderMap) -> Result<MediaType, Refusal> {
    MediaType::accepted(headers).ok_or_else(|| {
        Refusal::new(
            StatusCode::NOT_ACCEPTABLE,
            "NOT_ACCEPTABLE",
            "Accept must take application/graphql-response+json or application/json.",
        )
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let Some(content_type) = content_type else { return false };
    let mut parts = content_type.split(';').map(str::trim);
    let is_utf8 = |parameter: &str| match parameter.split_once('=') {
        Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
            value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    };
    parts.next().is_some_and(|name| name.eq_ignore_ascii_case("application/json")) && parts.all(is_utf8)
}

/// Printed once: building the schema takes longer than most requests.
static SDL: LazyLock<String> = LazyLock::new(graphql::sdl);

pub(super) async fn sdl() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], SDL.as_str())
}
