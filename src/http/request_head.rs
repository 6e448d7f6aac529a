//! The checks of a request's head that every endpoint needs.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, Version, header, request::Parts};

use super::header_list;
use crate::origin::Authority;

/// The headers that must not occur twice: a proxy and this server could each use a different one
/// (RFC 9110, section 5.3).
static SINGLE_HEADERS: [(HeaderName, &str); 8] = [
    (header::HOST, "Host"),
    (header::AUTHORIZATION, "Authorization"),
    (header::CONTENT_TYPE, "Content-Type"),
    (header::ORIGIN, "Origin"),
    (
        header::ACCESS_CONTROL_REQUEST_METHOD,
        "Access-Control-Request-Method",
    ),
    (header::SEC_WEBSOCKET_KEY, "Sec-WebSocket-Key"),
    (header::SEC_WEBSOCKET_VERSION, "Sec-WebSocket-Version"),
    (HeaderName::from_static("sec-fetch-site"), "Sec-Fetch-Site"),
];

/// Returns the position of a header among those that must not occur twice. `None` for all others.
pub(super) fn single_header(name: &str) -> Option<usize> {
    let mut singles = SINGLE_HEADERS.iter();
    singles.position(|(_, single)| name.eq_ignore_ascii_case(single))
}

/// Returns why a request is rejected, if its head is malformed or ambiguous.
pub(super) fn problem(head: &Parts) -> Option<String> {
    find_problem(head.version, &head.uri, &head.headers)
}

fn find_problem(version: Version, uri: &Uri, headers: &HeaderMap) -> Option<String> {
    // Most requests have no repeated header at all.
    let has_repeated = headers.len() > headers.keys_len();
    let is_repeated = |name| has_repeated && headers.get_all(name).iter().nth(1).is_some();
    if let Some((_, name)) = SINGLE_HEADERS.iter().find(|(name, _)| is_repeated(name)) {
        return Some(format!("A request must have only one {name} header."));
    }
    if headers.contains_key(header::TRANSFER_ENCODING) && !is_only_chunked(headers) {
        return Some("The Transfer-Encoding must be chunked, and nothing else.".to_owned());
    }
    let is_malformed = |authority: &str| !Authority::is_valid(authority);
    match headers.get(header::HOST) {
        Some(host) if host.to_str().map_or(true, is_malformed) => {
            return Some(
                "The Host must be a host name or an address, with or without a port.".to_owned(),
            );
        }
        // RFC 9112, section 3.2.
        None if version == Version::HTTP_11 => {
            return Some("A request by HTTP/1.1 must have a Host header.".to_owned());
        }
        Some(host) if version == Version::HTTP_2 && differs(host, uri) => {
            return Some("The Host header differs from the authority.".to_owned());
        }
        // RFC 9113, section 8.3.1.
        None if version == Version::HTTP_2 && uri.authority().is_none() => {
            return Some("A request by HTTP/2 must have an authority.".to_owned());
        }
        Some(_) | None => {}
    }
    uri.authority()
        .is_some_and(|authority| is_malformed(authority.as_str()))
        .then(|| "The host in the request target is malformed.".to_owned())
}

/// Returns whether the host of a header is not that of the request target. Two servers could each
/// use a different one.
fn differs(host: &HeaderValue, uri: &Uri) -> bool {
    let is_other = |authority: &str| !host.as_bytes().eq_ignore_ascii_case(authority.as_bytes());
    uri.authority()
        .is_some_and(|authority| is_other(authority.as_str()))
}

/// Returns whether the only transfer coding is `chunked`. The codings before the last one stay in
/// the body, which only the sender could decode. And two servers can find different ends of a body
/// that is `chunked` twice (RFC 9112, section 6.1).
fn is_only_chunked(headers: &HeaderMap) -> bool {
    let mut codings = header_list::items(headers, &header::TRANSFER_ENCODING);
    let is_chunked = (codings.next()).is_some_and(|coding| coding.eq_ignore_ascii_case(b"chunked"));
    is_chunked && codings.next().is_none()
}

/// Returns the host that the request names. A host in the request target replaces the Host header
/// (RFC 9112, section 3.2.2).
pub(super) fn host(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    let host = match uri.authority() {
        Some(authority) => authority.as_str(),
        None => headers.get(header::HOST)?.to_str().ok()?,
    };
    Authority::parse(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem_of(
        version: Version,
        target: &str,
        headers: &[(&'static str, &str)],
    ) -> Option<String> {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        find_problem(version, &target.parse().unwrap(), &headers.collect())
    }

    #[test]
    fn a_request_names_one_well_formed_host() {
        for (host, is_accepted) in [
            (Some("localhost:3000"), true),
            (Some("[::1]:443"), true),
            (Some("any.example"), true),
            (Some(""), false),
            (Some("a/b"), false),
            (Some("a b"), false),
            (Some("u@h"), false),
            (Some("h:port"), false),
            (None, false),
        ] {
            let headers: Vec<_> = host.into_iter().map(|host| ("host", host)).collect();
            let found = problem_of(Version::HTTP_11, "/graphql", &headers);
            assert_eq!(found.is_none(), is_accepted, "{host:?} {found:?}");
        }
        assert_eq!(problem_of(Version::HTTP_10, "/graphql", &[]), None);
        let host = [("host", "localhost")];
        assert_eq!(
            problem_of(Version::HTTP_11, "http://a.example/", &host),
            None
        );
        assert!(problem_of(Version::HTTP_11, "http://u@a.example/", &host).is_some());
        assert!(problem_of(Version::HTTP_11, "http://a.example/", &[]).is_some());
    }

    #[test]
    fn a_body_has_no_transfer_coding_but_chunked() {
        for (codings, is_accepted) in [
            (&[][..], true),
            (&["chunked"], true),
            (&[" Chunked"], true),
            (&["chunked, chunked"], false),
            (&["chunked", "chunked"], false),
            (&["gzip, chunked"], false),
            (&["gzip", "chunked"], false),
            (&["identity"], false),
            (&[""], false),
        ] {
            let mut headers = vec![("host", "a")];
            headers.extend(codings.iter().map(|coding| ("transfer-encoding", *coding)));
            let found = problem_of(Version::HTTP_11, "/graphql", &headers);
            assert_eq!(found.is_none(), is_accepted, "{codings:?}");
        }
    }

    #[test]
    fn a_header_that_decides_occurs_once() {
        let repeated = [
            ("host", "a"),
            ("content-type", "x/y"),
            ("content-type", "x/y"),
        ];
        assert_eq!(
            problem_of(Version::HTTP_11, "/graphql", &repeated).unwrap(),
            "A request must have only one Content-Type header."
        );
        let list = [("host", "a"), ("accept", "x/y"), ("accept", "x/z")];
        assert_eq!(problem_of(Version::HTTP_11, "/graphql", &list), None);
    }
}
