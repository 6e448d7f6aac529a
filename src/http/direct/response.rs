//! Writes responses exactly as the handler and hyper write them.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    time::{Duration, UNIX_EPOCH},
};

use axum::{
    body::{Body, Bytes, HttpBody},
    http::{HeaderMap, header},
    response::Response,
};
use percent_encoding::utf8_percent_encode;
use uuid::Uuid;

use super::super::verify::USERNAME_ENCODE_SET;
use crate::{
    domain::{Timestamp, UserId},
    metrics::{self, CheckResult, Timer},
    service::{KnownSession, Service},
};

/// The headers of a valid check that are always the same, and the name of the last one.
const CONSTANT_HEADERS: &str = "\r\nvary: Authorization, Cookie\r\n\
    x-content-type-options: nosniff\r\n\
    referrer-policy: no-referrer\r\n\
    cache-control: no-store\r\n\
    content-length: 0\r\n\
    date: ";

/// The size of the response to a valid check, and of the head of any other response, in bytes.
const TYPICAL_SIZE: usize = 512;

/// The largest memory that an idle connection keeps for its next responses, in bytes.
const MAX_KEPT: usize = 8192;

/// The last second of the year 9999, after which the form of a date ends.
const LAST_DATE: u64 = 253_402_300_799;

/// The responses that have not been written to the connection.
#[derive(Default)]
pub(super) struct Output {
    bytes: Vec<u8>,
    date: Date,
}

/// The value of `Date`, which changes once a second.
#[derive(Default)]
struct Date {
    second: Option<u64>,
    text: String,
}

impl Output {
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(MAX_KEPT);
    }

    /// Adds the response to a check of this token, if its session is known to be valid. Returns
    /// whether it is.
    pub(super) fn add_known(&mut self, service: &Service, token: &str) -> bool {
        let (timer, now) = (Timer::start(), service.now());
        let is_valid = service.verify_known(token, now, |user, session| {
            let date = self.date.at(now);
            add_valid(&mut self.bytes, user, session, date);
        });
        if is_valid {
            timer.observe(|metrics| &metrics.check_duration);
            metrics::record(|metrics| metrics.checks.increment(CheckResult::Valid));
        }
        is_valid
    }

    /// Adds a response of the handler. `is_last` says that the connection ends with it. Returns its
    /// headers, whose memory can be used again.
    pub(super) async fn add(
        &mut self,
        response: Response,
        now: Timestamp,
        is_last: bool,
    ) -> io::Result<HeaderMap> {
        let (head, body) = response.into_parts();
        let body = whole(body).await?;
        self.bytes.reserve(TYPICAL_SIZE + body.len());
        self.text("HTTP/1.1 ");
        self.text(head.status.as_str());
        self.text(" ");
        self.text(head.status.canonical_reason().unwrap_or("<none>"));
        self.text("\r\n");
        for (name, value) in &head.headers {
            if *name != header::CONTENT_LENGTH {
                self.text(name.as_str());
                self.text(": ");
                self.bytes.extend_from_slice(value.as_bytes());
                self.text("\r\n");
            }
        }
        if is_last {
            self.text("connection: close\r\n");
        }
        self.text("content-length: ");
        add_number(&mut self.bytes, body.len());
        self.text("\r\ndate: ");
        self.bytes.extend_from_slice(self.date.at(now).as_bytes());
        self.text("\r\n\r\n");
        self.bytes.extend_from_slice(&body);
        Ok(head.headers)
    }

    fn text(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
    }
}

/// Returns the content of a body, which is one chunk as a rule.
async fn whole(mut body: Body) -> io::Result<Bytes> {
    let mut content = Bytes::new();
    while !body.is_end_stream() {
        let frame = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
        let Some(frame) = frame else { break };
        let Ok(chunk) = frame.map_err(io::Error::other)?.into_data() else {
            continue;
        };
        content = if content.is_empty() {
            chunk
        } else {
            [content, chunk].concat().into()
        };
    }
    Ok(content)
}

fn add_number(bytes: &mut Vec<u8>, number: usize) {
    if number > 9 {
        add_number(bytes, number / 10);
    }
    bytes.push(b'0' + u8::try_from(number % 10).unwrap_or_default());
}

fn add_valid(bytes: &mut Vec<u8>, user: UserId, session: &KnownSession<'_>, date: &str) {
    bytes.reserve(TYPICAL_SIZE);
    let mut uuid = Uuid::encode_buffer();
    bytes.extend_from_slice(b"HTTP/1.1 200 OK\r\nx-session-key: ");
    let key = session.key.as_uuid().as_hyphenated();
    bytes.extend_from_slice(key.encode_lower(&mut uuid).as_bytes());
    bytes.extend_from_slice(b"\r\nx-session-expires-at: ");
    session.expires_at().append_to(bytes);
    bytes.extend_from_slice(b"\r\nx-user-id: ");
    let user = user.as_uuid().as_hyphenated();
    bytes.extend_from_slice(user.encode_lower(&mut uuid).as_bytes());
    bytes.extend_from_slice(b"\r\nx-user-mobile: ");
    bytes.extend_from_slice(session.mobile.as_str().as_bytes());
    bytes.extend_from_slice(b"\r\nx-user-name: ");
    for part in utf8_percent_encode(session.username.as_str(), USERNAME_ENCODE_SET) {
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes.extend_from_slice(CONSTANT_HEADERS.as_bytes());
    bytes.extend_from_slice(date.as_bytes());
    bytes.extend_from_slice(b"\r\n\r\n");
}

impl Date {
    fn at(&mut self, now: Timestamp) -> &str {
        let second = u64::try_from(now.as_millis()).unwrap_or_default() / 1000;
        let second = second.min(LAST_DATE);
        if self.second != Some(second) {
            self.second = Some(second);
            self.text = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(second));
        }
        &self.text
    }
}
