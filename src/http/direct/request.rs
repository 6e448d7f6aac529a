//! Recognizes a request that has arrived as a whole.

use std::mem::MaybeUninit;

use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, request::Parts},
};
use httparse::{Header, Status};

use super::super::{
    client::parse_bearer, cookies::SessionCookie, request_head, verify::TOKEN_PREFIX,
};
use crate::origin::Authority;

/// The maximum number of headers. A request with more goes to hyper.
pub(super) const MAX_HEADERS: usize = 64;

/// The headers with which a request frames its body in another way, asks for another protocol, or
/// ends the connection.
const LEFT_TO_HYPER: [&str; 5] = ["connection", "expect", "te", "transfer-encoding", "upgrade"];

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A `GET` of `/verify` or of a path below it.
    Check,
    /// A `POST` to `/graphql`, whose response is not a stream.
    GraphQL,
}

/// A request by HTTP/1.1 with its whole body. Its head is neither malformed nor ambiguous.
pub(super) struct WholeRequest<'headers, 'input> {
    kind: Kind,
    target: &'input str,
    headers: &'headers [Header<'input>],
    head_length: usize,
    body_length: usize,
}

impl<'headers, 'input> WholeRequest<'headers, 'input> {
    /// Returns the request that `input` begins with. `None` if it begins with anything else, or with
    /// a part of a request.
    pub(super) fn parse(
        input: &'input [u8],
        max_body: usize,
        slots: &'headers mut [MaybeUninit<Header<'input>>; MAX_HEADERS],
    ) -> Option<Self> {
        let kind = Kind::of(input)?;
        let mut request = httparse::Request::new(&mut []);
        let Ok(Status::Complete(head_length)) = request.parse_with_uninit_headers(input, slots)
        else {
            return None;
        };
        let target = request.path.filter(|target| kind.has(target))?;
        let headers: &[_] = request.headers;
        let body_length = match (kind, body_length(headers)?) {
            (Kind::Check, None | Some(0)) => 0,
            (Kind::GraphQL, Some(length)) => length,
            _ => return None,
        };
        let has_arrived = body_length <= input.len() - head_length && body_length <= max_body;
        (request.version == Some(1) && has_arrived).then_some(Self {
            kind,
            target,
            headers,
            head_length,
            body_length,
        })
    }

    /// The number of bytes of the request.
    pub(super) const fn length(&self) -> usize {
        self.head_length + self.body_length
    }

    /// Returns the token of a check, if it is a session's: see [`verify`](super::super::verify).
    pub(super) fn token_to_check(&self, cookie: &SessionCookie) -> Option<&'input str> {
        if self.kind != Kind::Check {
            return None;
        }
        if let Some(value) = self.values("authorization").next() {
            let token = parse_bearer(str::from_utf8(value).ok()?);
            if token.starts_with(TOKEN_PREFIX) {
                return Some(token);
            }
        }
        cookie.find_in(self.values("cookie")).ok()?
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &'input [u8]> {
        let headers = self.headers.iter();
        let named = headers.filter(move |header| header.name.eq_ignore_ascii_case(name));
        named.map(|header| header.value)
    }

    /// Returns the head and the body as hyper does. `input` is that of [`Self::parse`]. The headers
    /// take the memory of `spare`.
    pub(super) fn to_parts(&self, input: &[u8], spare: HeaderMap) -> Option<(Parts, Bytes)> {
        let bytes = Bytes::copy_from_slice(&input[..self.length()]);
        let mut headers = spare;
        headers.clear();
        headers.reserve(self.headers.len());
        for Header { name, value } in self.headers {
            let value = if value.is_empty() {
                Bytes::new()
            } else {
                let start = value.as_ptr().addr() - input.as_ptr().addr();
                bytes.slice(start..start + value.len())
            };
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            headers.append(name, HeaderValue::from_maybe_shared(value).ok()?);
        }
        let (mut head, ()) = Request::new(()).into_parts();
        head.method = match self.kind {
            Kind::Check => Method::GET,
            Kind::GraphQL => Method::POST,
        };
        head.uri = Uri::try_from(self.target).ok()?;
        head.headers = headers;
        Some((head, bytes.slice(self.head_length..)))
    }
}

impl Kind {
    /// Returns the kind of a request that begins like this.
    fn of(input: &[u8]) -> Option<Self> {
        if input.starts_with(b"GET /verify") {
            Some(Self::Check)
        } else if input.starts_with(b"POST /graphql ") {
            Some(Self::GraphQL)
        } else {
            None
        }
    }

    /// Whether a request of this kind may have this target. It consists of characters that no parser
    /// of targets treats in a way of its own.
    fn has(self, target: &str) -> bool {
        let is_usual =
            |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~%?=&+,;:@!$".contains(&byte);
        match self {
            Self::GraphQL => target == "/graphql",
            Self::Check => target.strip_prefix("/verify").is_some_and(|rest| {
                let is_below = rest.is_empty() || rest.starts_with(['/', '?']);
                is_below && rest.bytes().all(is_usual)
            }),
        }
    }
}

/// Returns the length of the body that the headers name, if they name one. `None` if they have no
/// valid Host, a header twice that must not occur twice, or anything that hyper acts on.
#[expect(clippy::option_option, reason = "rejected, and without a length")]
fn body_length(headers: &[Header<'_>]) -> Option<Option<usize>> {
    // A bit for each of the headers that must not occur twice.
    let mut seen = 0_u32;
    let mut has_host = false;
    let mut length = None;
    for Header { name, value } in headers {
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        let is_keep_alive = || is("connection") && value.eq_ignore_ascii_case(b"keep-alive");
        if LEFT_TO_HYPER.into_iter().any(is) && !is_keep_alive() {
            return None;
        }
        if let Some(index) = request_head::single_header(name) {
            if seen & (1 << index) != 0 {
                return None;
            }
            seen |= 1 << index;
        }
        if is("host") {
            has_host = str::from_utf8(value).is_ok_and(Authority::is_valid);
        } else if is("content-length") {
            let is_number = value.iter().all(u8::is_ascii_digit) && length.is_none();
            let number = str::from_utf8(value).ok().filter(|_| is_number)?;
            length = Some(number.parse().ok()?);
        } else if is("accept") && names_a_stream(value) {
            return None;
        }
    }
    has_host.then_some(length)
}

/// Whether an `Accept` could ask for a stream.
fn names_a_stream(accept: &[u8]) -> bool {
    const NAME: &[u8] = b"event-stream";
    let mut places = accept.windows(NAME.len());
    places.any(|place| place.eq_ignore_ascii_case(NAME))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX_BODY: usize = 100;

    /// The length of the request that a text begins with, the token to check, and the body.
    fn parse(text: &str) -> Option<(usize, Option<&str>, String)> {
        let mut slots = [const { MaybeUninit::uninit() }; MAX_HEADERS];
        let request = WholeRequest::parse(text.as_bytes(), MAX_BODY, &mut slots)?;
        let (head, body) = request.to_parts(text.as_bytes(), HeaderMap::new()).unwrap();
        assert_eq!(head.uri, request.target);
        assert!(text.starts_with(head.method.as_str()));
        assert_eq!(head.headers.len(), request.headers.len());
        for header in request.headers {
            assert!(
                head.headers
                    .get_all(header.name)
                    .iter()
                    .any(|value| value == header.value)
            );
        }
        let token = request.token_to_check(&SessionCookie::new(false, None));
        let body = String::from_utf8(body.to_vec()).unwrap();
        Some((request.length(), token, body))
    }

    fn check(target: &str, headers: &str) -> String {
        format!("GET {target} HTTP/1.1\r\nHost: a:80\r\n{headers}\r\n")
    }

    fn query(headers: &str, body: &str) -> String {
        format!("POST /graphql HTTP/1.1\r\nHost: a:80\r\n{headers}\r\n{body}")
    }

    #[track_caller]
    fn assert_whole(text: &str, token: Option<&str>, body: &str) {
        let length = text.len();
        let expected = Some((length, token, body.to_owned()));
        assert_eq!(parse(text), expected, "{text}");
        assert_eq!(parse(&text.repeat(2)), expected, "{text}");
        let parts = text.char_indices().map(|(end, _)| &text[..end]);
        assert!(parts.map(parse).all(|part| part.is_none()), "{text}");
    }

    #[test]
    fn a_check_is_a_get_of_verify_or_below_it() {
        let token = "AUTHORIZATION: bearer  sd1_a \r\n";
        let cookie = "cookie: __Host-sessiond=sd1_b\r\n";
        for target in ["/verify", "/verify/orders/7?x=%20", "/verify?a"] {
            assert_whole(&check(target, token), Some("sd1_a"), "");
        }
        for (headers, expected) in [
            ("", None),
            ("authorization: Bearer key\r\n", None),
            ("authorization: Bearer \u{fffd}\r\n", None),
            ("connection: Keep-Alive\r\ncontent-length: 0\r\n", None),
            (
                "accept: a\r\naccept: b\r\norigin: x\r\ncookie: a=b\r\n",
                None,
            ),
            (cookie, Some("sd1_b")),
            (
                &format!("{cookie}authorization: Basic x\r\n"),
                Some("sd1_b"),
            ),
            (&format!("{cookie}{token}"), Some("sd1_a")),
            (&cookie.repeat(2), None),
        ] {
            assert_whole(&check("/verify", headers), expected, "");
        }
    }

    #[test]
    fn a_query_is_a_post_whose_body_has_arrived() {
        for headers in [
            "content-length: 2\r\n",
            "Content-Length: 02\r\naccept: application/json, */*\r\n",
            "authorization: Bearer sd1_a\r\ncontent-length: 2\r\n",
        ] {
            assert_whole(&query(headers, "{}"), None, "{}");
        }
        assert_whole(&query("content-length: 0\r\n", ""), None, "");
        let longest = "x".repeat(MAX_BODY);
        assert_whole(&query("content-length: 100\r\n", &longest), None, &longest);
    }

    #[test]
    fn everything_else_is_left_to_hyper() {
        for text in [
            check("/verifyx", ""),
            check("/verify#a", ""),
            check("/verify/{id}", ""),
            check("/graphql", ""),
            check("/verify", "content-length: 1\r\n") + "x",
            check("/verify", "content-length: 0\r\ncontent-length: 0\r\n"),
            check("/verify", "transfer-encoding: chunked\r\n"),
            check("/verify", "Expect: 100-continue\r\n"),
            check("/verify", "connection: close\r\n"),
            check("/verify", "connection: keep-alive, upgrade\r\n"),
            check("/verify", "upgrade: websocket\r\n"),
            check("/verify", "host: a\r\n"),
            check("/verify", &"authorization: Bearer sd1_a\r\n".repeat(2)),
            check("/verify", "Origin: a\r\norigin: a\r\n"),
            check("/verify", &"a: b\r\n".repeat(MAX_HEADERS)),
            check("/verify", " a: b\r\n"),
            query("", ""),
            query("content-length: 2\r\ncontent-length: 2\r\n", "{}"),
            query("content-length: +2\r\n", "{}"),
            query("content-length: 2, 2\r\n", "{}"),
            query("content-length:\r\n", ""),
            query("content-length: 99999999999999999999\r\n", "{}"),
            query("content-length: 101\r\n", &"x".repeat(101)),
            query("content-length: 2\r\ntransfer-encoding: chunked\r\n", "{}"),
            query(
                "content-length: 2\r\naccept: */*, Text/Event-Stream\r\n",
                "{}",
            ),
            query("content-length: 2\r\nexpect: 100-continue\r\n", "{}"),
            query("content-length: 2\r\n", "{}").replace("/graphql", "/graphql?a=b"),
            query("content-length: 2\r\n", "{}").replace("HTTP/1.1", "HTTP/1.0"),
            "GET /verify HTTP/1.0\r\nhost: a\r\n\r\n".to_owned(),
            "GET /verify HTTP/1.1\r\n\r\n".to_owned(),
            "GET /verify HTTP/1.1\r\nhost: a/b\r\n\r\n".to_owned(),
            "GET http://a/verify HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
            "HEAD /verify HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
            "\r\nGET /verify HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
        ] {
            assert_eq!(parse(&text), None, "{text}");
        }
    }
}
