//! Responses as GraphQL over HTTP says: the media type that the client accepts, and the status that goes with it.

use async_graphql::Response as GraphQLResponse;
use axum::{
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::json;

use crate::graphql::{Code, was_executed};

/// A media type of GraphQL responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum MediaType {
    /// `application/graphql-response+json`: the status says whether the request could be executed.
    GraphQL,
    /// `application/json`, for whoever does not ask for the other by name: 200 for whatever was a GraphQL request.
    #[default]
    Json,
    /// `text/event-stream`: an event a response.
    EventStream,
}

impl MediaType {
    /// The type that `Accept` (RFC 9110, 12.5.1) prefers; `None` where it takes neither.
    pub(super) fn accepted(headers: &HeaderMap) -> Option<Self> {
        let values = headers
            .get_all(header::ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok());
        let ranges = values
            .flat_map(|value| value.split(','))
            .filter(|range| !range.trim().is_empty());
        let ranges: Vec<_> = ranges.map(Range::parse).collect();
        if ranges.is_empty() {
            return Some(Self::default());
        }
        let weigh = |media_type| {
            let of = |name| {
                ranges
                    .iter()
                    .filter(move |range| range.name == name)
                    .map(|range| range.weight)
                    .next()
            };
            let wildcard = of("application/*").or_else(|| of("*/*"));
            // At the same weight, what is named goes before what a wildcard takes.
            of(media_type)
                .map(|weight| (weight, 1))
                .or(wildcard.map(|weight| (weight, 0)))
        };
        let graphql = weigh("application/graphql-response+json").filter(|(weight, _)| *weight > 0);
        let json = weigh("application/json").filter(|(weight, _)| *weight > 0);
        // A wildcard is no wish for a stream.
        let stream = weigh("text/event-stream").filter(|(weight, named)| *weight > 0 && *named > 0);
        match (graphql, json) {
            (graphql, json) if stream > graphql.max(json) => Some(Self::EventStream),
            (None, None) => None,
            (Some((_, 0)), Some((_, 0))) => Some(Self::Json),
            (graphql, json) if graphql >= json => Some(Self::GraphQL),
            _ => Some(Self::Json),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::GraphQL => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
            Self::EventStream => "text/event-stream",
        }
    }
}

/// An entry of an `Accept` header: its media range, and its weight in thousandths.
struct Range {
    name: String,
    weight: u16,
}

impl Range {
    fn parse(text: &str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight =
            parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        let thousandths = |text: &str| {
            let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
            let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
            format!("{whole}{digits}")
                .parse::<u16>()
                .unwrap_or(0)
                .min(1000)
        };
        Self {
            name,
            weight: weight.map_or(1000, thousandths),
        }
    }
}

/// What an operation came to, in the type that was asked for.
pub(super) fn respond(response: &GraphQLResponse, media_type: MediaType) -> Response {
    if was_executed(response) {
        return answer(StatusCode::OK, media_type, response);
    }
    let failed_with = |code: Code| {
        let code = code.as_str().into();
        let mut extensions = response
            .errors
            .iter()
            .filter_map(|error| error.extensions.as_ref());
        extensions.any(|extensions| extensions.get("code") == Some(&code))
    };
    let status = if failed_with(Code::Internal) {
        StatusCode::INTERNAL_SERVER_ERROR
    } else if failed_with(Code::Unavailable) {
        StatusCode::SERVICE_UNAVAILABLE
    } else if media_type == MediaType::Json {
        StatusCode::OK
    } else {
        StatusCode::BAD_REQUEST
    };
    // Nothing was executed, so there is no `data` to speak of (GraphQL over HTTP, 6.4).
    answer(status, media_type, &json!({ "errors": response.errors }))
}

fn answer(status: StatusCode, media_type: MediaType, body: &impl Serialize) -> Response {
    match serde_json::to_string(body) {
        Ok(body) => (status, [(header::CONTENT_TYPE, media_type.name())], body).into_response(),
        Err(error) => {
            tracing::error!(%error, "a response could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A request that is no GraphQL request, or is not let in: a status, a stable code and a plain sentence.
#[derive(Debug)]
pub(super) struct HttpError {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl HttpError {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let error = json!({ "message": self.message, "extensions": { "code": self.code } });
        answer(
            self.status,
            MediaType::GraphQL,
            &json!({ "errors": [error] }),
        )
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn accepted(accept: &'static str) -> Option<MediaType> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        MediaType::accepted(&headers)
    }

    #[test]
    fn the_type_that_is_preferred_is_answered() {
        assert_eq!(
            MediaType::accepted(&HeaderMap::new()),
            Some(MediaType::Json)
        );
        for accept in [
            "*/*, application/graphql-response+json",
            "application/graphql-response+json, application/json;q=0.9",
            "application/json;q=0.1, application/graphql-response+json;q=0.25",
            "application/json;q=0, */*",
        ] {
            assert_eq!(accepted(accept), Some(MediaType::GraphQL), "{accept}");
        }
        for accept in [
            "",
            "*/*",
            "application/*",
            "application/json",
            "application/json, */*",
            "Application/JSON; charset=utf-8",
        ] {
            assert_eq!(accepted(accept), Some(MediaType::Json), "{accept}");
        }
        for accept in [
            "text/event-stream",
            "text/event-stream, application/json;q=0.9",
            "application/json;q=0.5, text/event-stream;q=0.8, */*;q=0.1",
        ] {
            assert_eq!(accepted(accept), Some(MediaType::EventStream), "{accept}");
        }
        assert_eq!(
            accepted("application/json, text/event-stream"),
            Some(MediaType::Json)
        );
        for accept in [
            "text/html",
            "application/json;q=0",
            "text/*, image/png",
            "text/event-stream;q=0",
        ] {
            assert_eq!(accepted(accept), None, "{accept}");
        }
    }
}
