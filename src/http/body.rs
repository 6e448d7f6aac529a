//! The body of a POST: the headers that describe it, and its bytes.

use axum::{
    body::{Bytes, HttpBody},
    extract::{FromRequest, Request},
    http::{HeaderMap, HeaderValue, StatusCode, header},
};
use tokio::time::timeout;

use super::{AppState, header_list, response::HttpError};
use crate::graphql::ErrorCode;

/// Checks that the headers describe JSON in UTF-8 without compression.
///
/// # Errors
/// The response with the status 415 otherwise.
pub(super) fn check_headers(headers: &HeaderMap) -> Result<(), HttpError> {
    let unsupported = |message| {
        let code = ErrorCode::UnsupportedMediaType;
        HttpError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, code, message)
    };
    match ContentType::of(headers) {
        ContentType::JsonInUtf8 => {}
        // A page of any site can send a form, which has another type, without a CORS preflight
        // (GraphQL over HTTP, 5.3).
        ContentType::NotJson => {
            return Err(unsupported("The Content-Type must be application/json."));
        }
        ContentType::OtherCharset => {
            return Err(unsupported(
                "The charset of the Content-Type must be utf-8.",
            ));
        }
    }
    let is_encoded = header_list::items(headers, &header::CONTENT_ENCODING)
        .any(|coding| !coding.eq_ignore_ascii_case(b"identity"));
    if is_encoded {
        // The header distinguishes this response from one about the media type (RFC 9110, 12.5.3
        // and 15.5.16).
        return Err(
            unsupported("Send the body without a Content-Encoding.").with_header(
                header::ACCEPT_ENCODING,
                HeaderValue::from_static("identity"),
            ),
        );
    }
    Ok(())
}

/// Reads the body.
///
/// # Errors
/// The response to a body that is too long or does not arrive in time.
pub(super) async fn read(state: &AppState, request: Request) -> Result<Bytes, HttpError> {
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

/// The kind of body that the `Content-Type` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ContentType {
    JsonInUtf8,
    NotJson,
    /// JSON in another encoding than UTF-8, the only one of JSON (RFC 8259, 8.1).
    OtherCharset,
}

impl ContentType {
    /// Only the type and the charset matter, so other parameters are not validated. A strict parser
    /// such as the `mime` crate rejects some that RFC 9110, 5.6.6, allows, for example `v=""`.
    /// JSON defines no charset, so one that means UTF-8 may have any spelling (RFC 8259, 11).
    fn of(headers: &HeaderMap) -> Self {
        let Some(content_type) = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
        else {
            return Self::NotJson;
        };
        let mut parts = content_type.split(';').map(str::trim);
        let is_json = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case("application/json"));
        let is_utf8 = |parameter: &str| match parameter.split_once('=') {
            Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
                let charset = value.trim_matches(['"', '\'']);
                charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8")
            }
            _ => true,
        };
        match (is_json, parts.all(is_utf8)) {
            (false, _) => Self::NotJson,
            (true, false) => Self::OtherCharset,
            (true, true) => Self::JsonInUtf8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_body_is_recognized_by_its_content_type() {
        use ContentType::{JsonInUtf8, NotJson, OtherCharset};
        for (content_type, expected) in [
            ("application/json", JsonInUtf8),
            ("Application/JSON", JsonInUtf8),
            ("application/json;", JsonInUtf8),
            ("application/json; charset=utf-8", JsonInUtf8),
            ("application/json;charset=UTF-8", JsonInUtf8),
            ("application/json; charset=utf8", JsonInUtf8),
            ("application/json; Charset=\"utf-8\"", JsonInUtf8),
            ("application/json; charset='UTF8'", JsonInUtf8),
            ("application/json ; charset=utf-8", JsonInUtf8),
            ("application/json; charset=utf-8;", JsonInUtf8),
            ("application/json; charset=utf-8 ; v=1", JsonInUtf8),
            ("application/json; v=1; charset=utf-8", JsonInUtf8),
            (r#"application/json; v=""; charset=utf-8"#, JsonInUtf8),
            (r#"application/json; v="a\"b""#, JsonInUtf8),
            ("application/json; v", JsonInUtf8),
            ("application/json; charset=utf-16", OtherCharset),
            ("application/json; charset=iso-8859-1", OtherCharset),
            ("application/json; charset=", OtherCharset),
            (
                "application/json; charset=utf-8; charset=utf-16",
                OtherCharset,
            ),
            ("application/graphql+json", NotJson),
            ("application/jsonp", NotJson),
            ("text/json", NotJson),
            ("text/plain; charset=utf-8", NotJson),
            ("", NotJson),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
            assert_eq!(ContentType::of(&headers), expected, "{content_type}");
        }
        assert_eq!(ContentType::of(&HeaderMap::new()), NotJson);
    }

    #[test]
    fn only_the_identity_coding_is_accepted() {
        for (codings, is_accepted) in [
            (&[][..], true),
            (&["identity"], true),
            (&["", "Identity , identity"], true),
            (&["gzip"], false),
            (&["identity, br"], false),
            (&["identity", "gzip"], false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            );
            for coding in codings {
                headers.append(header::CONTENT_ENCODING, coding.parse().unwrap());
            }
            assert_eq!(check_headers(&headers).is_ok(), is_accepted, "{codings:?}");
        }
    }
}
