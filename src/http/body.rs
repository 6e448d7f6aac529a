//! The body of a POST: the headers that describe it, and its bytes.

use std::{future::poll_fn, mem, pin::Pin};

use axum::{
    body::{Bytes, HttpBody},
    http::{HeaderMap, HeaderValue, StatusCode, header},
};
use hyper::body::Incoming;
use tokio::time::timeout;

use super::{header_list, response::HttpError};
use crate::{config::ConnectionLimits, graphql::ErrorCode};

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

/// The body of a request. It remembers what has not been read.
pub(super) struct RequestBody {
    /// The whole body, if it has arrived.
    whole: Bytes,
    /// `None` if the whole body has been read, or if its connection failed.
    unread: Option<Incoming>,
}

/// The reason why a body cannot be used.
enum ReadError {
    TooLarge,
    Incomplete,
}

impl RequestBody {
    pub(super) fn new(body: Incoming) -> Self {
        Self {
            whole: Bytes::new(),
            unread: (!body.is_end_stream()).then_some(body),
        }
    }

    /// Creates a body that has arrived as a whole, and is not longer than the limit.
    pub(super) const fn whole(whole: Bytes) -> Self {
        Self {
            whole,
            unread: None,
        }
    }

    /// Returns the rest of the body, if it was not read to its end.
    pub(super) fn into_unread(self) -> Option<Incoming> {
        self.unread
    }

    /// Reads the whole body.
    ///
    /// # Errors
    /// The response to a body that is too long or does not arrive in time.
    pub(super) async fn read(&mut self, limits: &ConnectionLimits) -> Result<Bytes, HttpError> {
        if self.unread.is_none() {
            return Ok(mem::take(&mut self.whole));
        }
        let (limit, deadline) = (limits.max_body, limits.request_timeout);
        let Ok(body) = timeout(deadline, self.collect(limit.get())).await else {
            return Err(HttpError::new(
                StatusCode::REQUEST_TIMEOUT,
                ErrorCode::RequestTimeout,
                format!("The body must arrive within {} s.", deadline.as_secs()),
            ));
        };
        body.map_err(|error| match error {
            ReadError::TooLarge => HttpError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                ErrorCode::PayloadTooLarge,
                format!("The body must be at most {limit} bytes."),
            ),
            ReadError::Incomplete => HttpError::bad_request("The body did not arrive completely."),
        })
    }

    async fn collect(&mut self, limit: usize) -> Result<Bytes, ReadError> {
        // Check before reading the body, so that a client with `Expect: 100-continue` does not send
        // it (RFC 9110, 10.1.1).
        let announced = self
            .unread
            .as_ref()
            .map_or(0, |body| body.size_hint().lower());
        if announced > limit as u64 {
            return Err(ReadError::TooLarge);
        }
        let first = self.next_chunk().await?.unwrap_or_default();
        // Most bodies arrive as one chunk, which is not copied.
        if self.unread.is_none() && first.len() <= limit {
            return Ok(first);
        }
        let mut collected = Vec::from(first);
        while collected.len() <= limit {
            match self.next_chunk().await? {
                Some(chunk) => collected.extend_from_slice(&chunk),
                None => return Ok(collected.into()),
            }
        }
        Err(ReadError::TooLarge)
    }

    /// Returns the next chunk, or `None` after the last one.
    async fn next_chunk(&mut self) -> Result<Option<Bytes>, ReadError> {
        while let Some(body) = &mut self.unread {
            let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await;
            if body.is_end_stream() || !matches!(frame, Some(Ok(_))) {
                self.unread = None;
            }
            match frame {
                None => {}
                Some(Err(_)) => return Err(ReadError::Incomplete),
                // Another frame contains trailers, which have no meaning here.
                Some(Ok(frame)) => {
                    if let Ok(chunk) = frame.into_data() {
                        return Ok(Some(chunk));
                    }
                }
            }
        }
        Ok(None)
    }
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
