//! Ids of requests, which tie log lines and error responses to one request.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use tracing::Span;

use crate::random::Random;

/// The header with the id of a request, which a gateway may have given it.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The maximum length of an id that is accepted, in bytes. A UUID has 36.
const MAX_LENGTH: usize = 64;

/// The id of a request. It is written as text only if it is needed.
#[derive(Debug, Clone)]
pub struct RequestId(Id);

#[derive(Debug, Clone)]
enum Id {
    /// The id in the header of the request.
    Given(HeaderValue),
    /// The id that this node has made.
    Made { start: u64, number: u64 },
}

impl RequestId {
    /// Returns a span that adds the id to the log lines inside it.
    #[must_use]
    pub fn span(&self) -> Span {
        tracing::info_span!("request", request_id = %self)
    }

    /// Returns the id as the value of a header.
    #[must_use]
    pub fn to_header(&self) -> Option<HeaderValue> {
        match &self.0 {
            Id::Given(value) => Some(value.clone()),
            Id::Made { .. } => self.to_string().try_into().ok(),
        }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Id::Given(value) => f.write_str(value.to_str().unwrap_or_default()),
            Id::Made { start, number } => write!(f, "{start:016x}-{number:x}"),
        }
    }
}

/// Gives each request of a node its id.
#[derive(Debug)]
pub struct RequestIds {
    /// Random, so that the ids of two nodes, or of two starts, differ.
    start: u64,
    next: AtomicU64,
}

impl RequestIds {
    /// Creates the ids of one start of a node.
    #[must_use]
    pub fn new(random: &dyn Random) -> Self {
        let mut start = [0; 8];
        random.fill(&mut start);
        Self {
            start: u64::from_be_bytes(start),
            next: AtomicU64::new(1),
        }
    }

    /// Returns the id in the headers of a request if it is short and plain, because it is written
    /// to the log. Otherwise makes one.
    #[must_use]
    pub fn of(&self, headers: &HeaderMap) -> RequestId {
        RequestId(match headers.get(&REQUEST_ID) {
            Some(value) if is_plain(value.as_bytes()) => Id::Given(value.clone()),
            _ => Id::Made {
                start: self.start,
                number: self.next.fetch_add(1, Ordering::Relaxed),
            },
        })
    }
}

fn is_plain(id: &[u8]) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=MAX_LENGTH).contains(&id.len()) && id.iter().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandom;

    fn id_of(ids: &RequestIds, value: &[u8]) -> String {
        let value = HeaderValue::from_bytes(value).unwrap();
        let id = ids.of(&HeaderMap::from_iter([(REQUEST_ID, value)]));
        assert_eq!(id.to_header().unwrap(), id.to_string());
        id.to_string()
    }

    #[test]
    fn a_short_and_plain_id_is_accepted() {
        let ids = RequestIds::new(&SystemRandom);
        for given in [
            "a",
            "4f9d5d5e-6b8a-4f0c-9a55-1f6d2f4d8c11",
            "a_b.C",
            &"f".repeat(64),
        ] {
            assert_eq!(id_of(&ids, given.as_bytes()), given);
        }
    }

    #[test]
    fn any_other_id_is_replaced_by_a_new_one() {
        let ids = RequestIds::new(&SystemRandom);
        let mut made = vec![ids.of(&HeaderMap::new()).to_string()];
        for given in [&b""[..], b"a b", b"a\"", b"\xff", &[b'f'; 65], b"{\"a\":1}"] {
            made.push(id_of(&ids, given));
        }
        assert!(made.iter().all(|id| is_plain(id.as_bytes())), "{made:?}");
        let count = made.len();
        made.sort_unstable();
        made.dedup();
        assert_eq!(made.len(), count);
    }
}
