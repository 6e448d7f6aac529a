//! The bodies of HTTP responses: GraphQL responses, and the errors of requests that are not
//! executed.

use async_graphql::Response as GraphQLResult;
use async_graphql_axum::GraphQLResponse;
use axum::{
    Json,
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::negotiate::MediaType;
use crate::graphql::{DecodeError, ErrorCode, SingleResponse, is_request_error};

/// The header with the number of seconds after which a client should try again. It belongs to each
/// response with status 429 or 503.
pub(super) const RETRY_AFTER: [(HeaderName, HeaderValue); 1] =
    [(header::RETRY_AFTER, HeaderValue::from_static("10"))];

/// The number of headers of a response to a query, with those that the handler adds.
const HEADER_COUNT: usize = 9;

/// Returns the HTTP response to an operation in the negotiated media type, with the HTTP headers
/// that resolvers add.
pub(super) fn respond(response: SingleResponse, media_type: MediaType) -> Response {
    let mut response = match response {
        SingleResponse::Json(body) => {
            let mut response = Response::new(Body::from(body));
            *response.headers_mut() = HeaderMap::with_capacity(HEADER_COUNT);
            response
        }
        SingleResponse::Resolved(response) if is_request_error(&response) => {
            request_error(&response, media_type)
        }
        SingleResponse::Resolved(response) => GraphQLResponse::from(*response).into_response(),
    };
    let content_type = HeaderValue::from_static(media_type.content_type());
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    response
}

/// Returns the response to a request error. It has no `data` (GraphQL over HTTP, 6.4).
fn request_error(response: &GraphQLResult, media_type: MediaType) -> Response {
    let status = request_error_status(response, media_type);
    let retry_after = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(RETRY_AFTER);
    let body = Json(json!({ "errors": response.errors }));
    (status, retry_after, body).into_response()
}

/// Returns the status of a request error. With `application/json`, it is 200 for every GraphQL
/// request that the server could process. With `application/graphql-response+json`, it is 400
/// (GraphQL over HTTP, 6.4). It is also 200 if the hash of a persisted query is not known: the
/// clients of this protocol expect it, and stop at some other statuses instead of sending the text.
fn request_error_status(response: &GraphQLResult, media_type: MediaType) -> StatusCode {
    let has_code = |code: ErrorCode| {
        let code = code.as_str().into();
        let mut extensions = response
            .errors
            .iter()
            .filter_map(|error| error.extensions.as_ref());
        extensions.any(|extensions| extensions.get("code") == Some(&code))
    };
    if has_code(ErrorCode::Internal) {
        StatusCode::INTERNAL_SERVER_ERROR
    } else if has_code(ErrorCode::Unavailable) {
        StatusCode::SERVICE_UNAVAILABLE
    } else if media_type == MediaType::Json || has_code(ErrorCode::PersistedQueryNotFound) {
        StatusCode::OK
    } else {
        StatusCode::BAD_REQUEST
    }
}

/// The error of a request that is rejected before its operation is parsed: a status, a stable code
/// and a sentence.
#[derive(Debug)]
pub(super) struct HttpError {
    status: StatusCode,
    code: ErrorCode,
    message: String,
    header: Option<(HeaderName, HeaderValue)>,
}

impl HttpError {
    pub(super) fn new(status: StatusCode, code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            header: None,
        }
    }

    /// Adds a header to the response. An error has at most one.
    pub(super) fn with_header(self, name: HeaderName, value: HeaderValue) -> Self {
        let header = Some((name, value));
        Self { header, ..self }
    }

    /// Returns the error for a malformed request.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, ErrorCode::BadRequest, message)
    }
}

impl From<DecodeError> for HttpError {
    fn from(error: DecodeError) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let code = self.code.as_str();
        let error = json!({ "message": self.message, "extensions": { "code": code } });
        let content_type = [(header::CONTENT_TYPE, MediaType::GraphQL.content_type())];
        let body = Json(json!({ "errors": [error] }));
        let mut response = (self.status, content_type, body).into_response();
        response.headers_mut().extend(self.header);
        response
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::ServerError;

    use super::*;

    #[test]
    fn an_unavailable_store_gives_a_time_to_try_again() {
        let mut error = ServerError::new("The store does not respond.", None);
        let extensions = error.extensions.get_or_insert_default();
        extensions.set("code", ErrorCode::Unavailable.as_str());
        let response = GraphQLResult::from_errors(vec![error]);
        let response = SingleResponse::Resolved(Box::new(response));
        let response = respond(response, MediaType::Json);
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "10");
    }
}
