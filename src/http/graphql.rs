//! GraphQL over HTTP: POST with a JSON body and GET for queries. The same path accepts the upgrade
//! to a WebSocket and streams server-sent events.

use std::sync::LazyLock;

use async_graphql::parser::types::OperationType;
use axum::{
    body::{Bytes, HttpBody},
    extract::{self, FromRequest, FromRequestParts, Query, State},
    http::{HeaderMap, StatusCode, header, request},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use tokio::time::timeout;

use super::{
    AppState,
    client::{ExtractClient, credentials_from_headers},
    event_stream,
    negotiate::MediaType,
    response::{HttpError, respond},
    websocket,
};
use crate::graphql::{self, ErrorCode, OperationRequest, PreparedOperation, Sender};

/// Executes the operation in the body of a POST.
pub(super) async fn post(
    State(state): State<AppState>,
    ExtractClient(client): ExtractClient,
    request: extract::Request,
) -> Result<Response, HttpError> {
    let media_type = negotiate(request.headers())?;
    if !has_json_body(request.headers()) {
        // A page of any site can send a form, which has another type, without a CORS preflight
        // (GraphQL over HTTP, 5.3).
        return Err(HttpError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ErrorCode::UnsupportedMediaType,
            "The Content-Type must be application/json.",
        ));
    }
    let sender = Sender {
        client,
        credentials: credentials_from_headers(request.headers()),
    };
    let body = read_body(&state, request).await?;
    let operation = state.api.prepare(decode_body(&body)?);
    Ok(execute(&state, operation, sender, media_type).await)
}

/// Executes the query in the parameters of a GET, or upgrades the connection to a WebSocket.
pub(super) async fn get(
    State(state): State<AppState>,
    ExtractClient(client): ExtractClient,
    request: extract::Request,
) -> Result<Response, HttpError> {
    let (mut head, _) = request.into_parts();
    if requests_websocket(&head.headers) {
        return Ok(websocket::upgrade(&state, client, head).await);
    }
    let media_type = negotiate(&head.headers)?;
    let sender = Sender {
        client,
        credentials: credentials_from_headers(&head.headers),
    };
    let operation = state.api.prepare(decode_parameters(&mut head).await?);
    let is_rejected = operation.could_be(OperationType::Mutation)
        || (operation.could_be(OperationType::Subscription)
            && media_type != MediaType::EventStream);
    if is_rejected {
        let error = HttpError::new(
            StatusCode::METHOD_NOT_ALLOWED,
            ErrorCode::MethodNotAllowed,
            "GET is only for queries. Send a mutation by POST, and a subscription over a WebSocket \
             or as an event stream.",
        );
        return Ok(([(header::ALLOW, "POST")], error).into_response());
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

async fn read_body(state: &AppState, request: extract::Request) -> Result<Bytes, HttpError> {
    let (limit, deadline) = (state.limits.max_body, state.limits.request_timeout);
    let too_large = || {
        HttpError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            ErrorCode::PayloadTooLarge,
            format!("The body must be at most {limit} bytes."),
        )
    };
    // Check before reading the body, so that a client with `Expect: 100-continue` does not send it
    // (RFC 9110, 10.1.1).
    if request.body().size_hint().lower() > limit.get() as u64 {
        return Err(too_large());
    }
    let Ok(body) = timeout(deadline, Bytes::from_request(request, &())).await else {
        return Err(HttpError::new(
            StatusCode::REQUEST_TIMEOUT,
            ErrorCode::RequestTimeout,
            format!("The body must arrive within {} s.", deadline.as_secs()),
        ));
    };
    body.map_err(|error| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        _ => HttpError::bad_request("The body did not arrive completely."),
    })
}

fn decode_body(body: &[u8]) -> Result<OperationRequest, HttpError> {
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(HttpError::bad_request(
            "Batches are not supported. Send one operation in each request.",
        ));
    }
    let request = serde_json::from_slice(body).map_err(|_| {
        HttpError::bad_request("The body must be a JSON object with a string `query`.")
    })?;
    require_query(request)
}

/// The parameters of a GET. `variables` is JSON.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    query: String,
    operation_name: Option<String>,
    variables: Option<String>,
}

async fn decode_parameters(head: &mut request::Parts) -> Result<OperationRequest, HttpError> {
    let Ok(Query(parameters)) = Query::<Parameters>::from_request_parts(head, &()).await else {
        return Err(HttpError::bad_request(
            "Send the parameter `query`, and send each parameter only once.",
        ));
    };
    let variables = parameters
        .variables
        .map(|text| serde_json::from_str(&text))
        .transpose()
        .map_err(|_| HttpError::bad_request("The parameter `variables` must be a JSON object."))?;
    require_query(OperationRequest {
        query: parameters.query,
        operation_name: parameters.operation_name,
        variables: variables.unwrap_or_default(),
        ..OperationRequest::default()
    })
}

/// Rejects a request with an empty query.
fn require_query(request: OperationRequest) -> Result<OperationRequest, HttpError> {
    if request.query.trim().is_empty() {
        return Err(HttpError::bad_request("`query` must not be empty."));
    }
    Ok(request)
}

/// Returns whether a GET requests an upgrade to a WebSocket. A server may ignore an upgrade to
/// another protocol (RFC 9110, 7.8).
fn requests_websocket(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::UPGRADE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|protocol| protocol.trim().eq_ignore_ascii_case("websocket"))
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

/// Returns whether the body is JSON in UTF-8, the only encoding of JSON (RFC 8259, 8.1).
///
/// Only the type and the charset matter, so other parameters are not validated. A strict parser
/// such as the `mime` crate rejects some that RFC 9110, 5.6.6, allows, for example `v=""`.
fn has_json_body(headers: &HeaderMap) -> bool {
    let Some(content_type) = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
    else {
        return false;
    };
    let mut parts = content_type.split(';').map(str::trim);
    let is_json = parts
        .next()
        .is_some_and(|name| name.eq_ignore_ascii_case("application/json"));
    let is_utf8 = |parameter: &str| match parameter.split_once('=') {
        Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
            value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    };
    is_json && parts.all(is_utf8)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_body_is_recognized_by_its_content_type() {
        for (content_type, is_json) in [
            ("application/json", true),
            ("Application/JSON", true),
            ("application/json;", true),
            ("application/json; charset=utf-8", true),
            ("application/json;charset=UTF-8", true),
            ("application/json; Charset=\"utf-8\"", true),
            ("application/json ; charset=utf-8", true),
            ("application/json; charset=utf-8;", true),
            ("application/json; charset=utf-8 ; v=1", true),
            ("application/json; v=1; charset=utf-8", true),
            (r#"application/json; v=""; charset=utf-8"#, true),
            (r#"application/json; v="a\"b""#, true),
            ("application/json; v", true),
            ("application/json; charset=utf-16", false),
            ("application/json; charset=utf-8; charset=utf-16", false),
            ("application/graphql+json", false),
            ("application/jsonp", false),
            ("text/json", false),
            ("text/plain", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
            assert_eq!(has_json_body(&headers), is_json, "{content_type}");
        }
        assert!(!has_json_body(&HeaderMap::new()));
    }
}
