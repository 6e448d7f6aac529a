//! Ids of requests, which tie log lines and error responses to one request.
//!
//! While a request runs, its id is the current one of its thread, and each log line gets it when it
//! is written ([`telemetry`](crate::telemetry)). Most requests log nothing, so a span of `tracing`,
//! which is made and formatted before the first line, would be wasted on them.

use std::{
    cell::RefCell,
    fmt, mem,
    pin::Pin,
    sync::atomic::{AtomicU64, Ordering},
    task::{self, Poll},
};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use pin_project_lite::pin_project;

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
    /// Returns the id as the value of a header.
    #[must_use]
    pub fn to_header(&self) -> Option<HeaderValue> {
        match &self.0 {
            Id::Given(value) => Some(value.clone()),
            Id::Made { start, number } => {
                let (text, begin) = made_text(*start, *number);
                HeaderValue::from_bytes(&text[begin..]).ok()
            }
        }
    }
}

/// Returns the text that `Display` shows for an id that this node has made, and where it begins. Each
/// response of GraphQL has one, and a formatter takes several times as long.
fn made_text(start: u64, number: u64) -> ([u8; 33], usize) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let last_digit = |value: u64| DIGITS[usize::from(value.to_le_bytes()[0] & 15)];
    let (mut text, mut begin) = ([0; 33], 33);
    let mut put = |byte| {
        begin -= 1;
        text[begin] = byte;
    };
    let mut rest = number;
    loop {
        put(last_digit(rest));
        rest >>= 4;
        if rest == 0 {
            break;
        }
    }
    put(b'-');
    for place in 0..16 {
        put(last_digit(start >> (4 * place)));
    }
    (text, begin)
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Id::Given(value) => f.write_str(value.to_str().unwrap_or_default()),
            Id::Made { start, number } => write!(f, "{start:016x}-{number:x}"),
        }
    }
}

thread_local! {
    static CURRENT: RefCell<Option<RequestId>> = const { RefCell::new(None) };
}

/// Returns the id of the request that runs on this thread.
#[must_use]
pub fn current() -> Option<RequestId> {
    // A thread that ends may log too, after its values are gone.
    let current = CURRENT.try_with(|current| current.borrow().clone());
    current.ok().flatten()
}

/// Makes `id` the current one of this thread until the guard is dropped.
#[must_use]
pub fn enter(id: &mut Option<RequestId>) -> Entered<'_> {
    swap_current(id);
    Entered(id)
}

fn swap_current(id: &mut Option<RequestId>) {
    CURRENT.with_borrow_mut(|current| mem::swap(current, id));
}

/// The current id is that of [`enter`]. The previous one returns when this is dropped.
#[derive(Debug)]
pub struct Entered<'a>(&'a mut Option<RequestId>);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        swap_current(self.0);
    }
}

pin_project! {
    /// A future whose log lines have the id of a request.
    #[derive(Debug)]
    pub struct InRequest<F> {
        #[pin]
        future: F,
        id: Option<RequestId>,
    }
}

impl<F> InRequest<F> {
    /// Adds `id` to the log lines of `future`.
    pub const fn new(id: RequestId, future: F) -> Self {
        Self {
            future,
            id: Some(id),
        }
    }

    /// Lets a future that runs in a task of its own stay in the current request, if there is one.
    pub fn current(future: F) -> Self {
        let id = current();
        Self { future, id }
    }
}

impl<F: Future> Future for InRequest<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _entered = enter(this.id);
        this.future.poll(task)
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
    use std::pin::pin;

    use futures_util::FutureExt;

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
    fn a_header_has_the_text_of_an_id() {
        for start in [0, 1, 0x0123_4567_89ab_cdef, u64::MAX] {
            for number in [0, 1, 15, 16, 0x1234_5678_9abc, u64::MAX] {
                let id = RequestId(Id::Made { start, number });
                assert_eq!(id.to_header().unwrap(), id.to_string());
            }
        }
    }

    #[test]
    fn a_future_has_its_own_id_at_each_poll_even_inside_another_request() {
        let ids = RequestIds::new(&SystemRandom);
        let [outer, inner] = [(); 2].map(|()| ids.of(&HeaderMap::new()));
        let names = [&outer, &inner].map(|id| Some(id.to_string()));
        let seen = || current().map(|id| id.to_string());
        let inner = InRequest::new(inner, async {
            let first = seen();
            tokio::task::yield_now().await;
            (first, seen(), InRequest::current(async { seen() }).await)
        });
        let mut outer = pin!(InRequest::new(outer, async {
            (seen(), inner.await, seen())
        }));
        assert!(outer.as_mut().now_or_never().is_none());
        assert_eq!(seen(), None);
        let (before, inside, after) = outer.now_or_never().unwrap();
        let [outer, inner] = names;
        assert_eq!((&before, &after), (&outer, &outer));
        assert_eq!(inside, (inner.clone(), inner.clone(), inner));
        assert_eq!(seen(), None);
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
