//! One try to deliver a message.

use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Request, StatusCode, header},
};
use thiserror::Error;

use super::{Message, WebhookSecrets, WebhookUrl};
use crate::{
    domain::Timestamp,
    web_client::{self, WebError},
};

/// The program that sends, as receivers see it.
const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("sessiond/", env!("CARGO_PKG_VERSION")));

/// The longest time that a `Retry-After` can demand.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);

/// The reason why a message was not delivered.
#[derive(Debug, Error)]
pub enum DeliveryError {
    /// There was no response.
    #[error(transparent)]
    NoResponse(#[from] WebError),
    /// The receiver wants no more messages (410).
    #[error("the receiver responds with 410 Gone")]
    Gone,
    /// The response is a redirect, which is not followed.
    #[error("the receiver responds with {0}, and redirects are not followed: set its final URL")]
    Redirect(StatusCode),
    /// The response is another failure.
    #[error("the receiver responds with {status}")]
    Rejected {
        /// The status of the response.
        status: StatusCode,
        /// The time that the receiver wants before the next try.
        retry_after: Option<Duration>,
    },
}

impl DeliveryError {
    /// The time for which the receiver wants no message at all.
    pub(super) const fn overloaded_for(&self) -> Option<Duration> {
        match self {
            Self::Rejected {
                status: StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE,
                retry_after,
            } => *retry_after,
            _ => None,
        }
    }

    /// The time that the receiver wants before the next try.
    pub(super) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Rejected { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// Sends a message once, signed at `now`. Only the head of the response is read.
///
/// # Errors
/// [`DeliveryError`] if there is no response within `limit`, or its status is not 2xx.
pub async fn deliver(
    url: &WebhookUrl,
    secrets: &WebhookSecrets,
    message: &Message,
    now: Timestamp,
    limit: Duration,
) -> Result<StatusCode, DeliveryError> {
    let request = request(url, secrets, message, now);
    let (head, ()) = web_client::send_for_head(request, limit)
        .await?
        .into_parts();
    match head.status {
        status if status.is_success() => Ok(status),
        StatusCode::GONE => Err(DeliveryError::Gone),
        status if status.is_redirection() => Err(DeliveryError::Redirect(status)),
        status => Err(DeliveryError::Rejected {
            status,
            retry_after: retry_after(&head.headers, now),
        }),
    }
}

fn request(
    url: &WebhookUrl,
    secrets: &WebhookSecrets,
    message: &Message,
    now: Timestamp,
) -> Request<Body> {
    let timestamp = now.as_millis().div_euclid(1000);
    let signature = secrets.sign(&message.id, timestamp, &message.body);
    let mut request = Request::post(url.uri().clone())
        .header("webhook-id", &message.id)
        .header("webhook-timestamp", timestamp)
        .header("webhook-signature", signature)
        .body(Body::from(message.body.clone()))
        .unwrap_or_default();
    let headers = request.headers_mut();
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    headers.insert(header::USER_AGENT, USER_AGENT);
    request
}

/// Reads the header `Retry-After`: seconds, or a date. At most [`MAX_RETRY_AFTER`].
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        let date = httpdate::parse_http_date(text).ok()?;
        Timestamp::from(chrono::DateTime::<chrono::Utc>::from(date)).since(now)
    };
    Some(seconds.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_after_is_seconds_or_a_date_and_at_most_an_hour() {
        let now = Timestamp::from_millis(1_445_412_420_000);
        for (text, expected) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("3601", Some(3600)),
            ("99999999999999999999999", Some(3600)),
            ("Wed, 21 Oct 2015 07:28:00 GMT", Some(60)),
            ("Wed, 21 Oct 2015 07:26:00 GMT", Some(0)),
            ("Thu, 21 Oct 2100 07:28:00 GMT", Some(3600)),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            let headers = HeaderMap::from_iter([(header::RETRY_AFTER, text.parse().unwrap())]);
            let expected = expected.map(Duration::from_secs);
            assert_eq!(retry_after(&headers, now), expected, "{text}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
