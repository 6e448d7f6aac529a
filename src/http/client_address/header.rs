//! Parses the headers in which proxies send a client's address.

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv6Addr},
};

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use super::super::header_list;
use crate::config::ClientIp;

/// The content of the header that a proxy sets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Header {
    Absent,
    Unreadable,
    Address(IpAddr),
}

/// Returns the address that the nearest proxy has sent. Several lines of a header form one list
/// (RFC 9110, section 5.3). A proxy appends to what the client sent, so only the last element is
/// trusted, and the elements before it may hold anything.
pub(super) fn address_in(source: ClientIp, headers: &HeaderMap) -> Header {
    let Some(name) = source.header() else {
        return Header::Absent;
    };
    if !headers.contains_key(name) {
        return Header::Absent;
    }
    let name = HeaderName::from_static(name);
    let last = || str::from_utf8(header_list::items(headers, &name).next_back()?).ok();
    let address = match source {
        ClientIp::Forwarded => last_line(headers, &name)
            .and_then(|line| last_forwarded_for(&line).and_then(parse_node)),
        ClientIp::CloudfrontViewerAddress => last().and_then(parse_cloudfront),
        _ => last().and_then(parse_node),
    };
    address.map_or(Header::Unreadable, Header::Address)
}

/// Returns the last line that is not empty. A quoted comma does not end an element of `Forwarded`,
/// so its elements are not those of [`header_list`].
///
/// Bytes that are not UTF-8 are replaced. A line that has some is not skipped, because the proxy may
/// have appended its element to it, and the line before it is the client's.
fn last_line<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Cow<'a, str>> {
    let mut lines = headers.get_all(name).into_iter().map(HeaderValue::as_bytes);
    let last = lines.rfind(|line| !line.trim_ascii().is_empty())?;
    Some(String::from_utf8_lossy(last))
}

/// Parses an address with or without a port, such as `203.0.113.9:51234`, `2001:db8::1` or
/// `[2001:db8::1]:443` (RFC 7239, section 6), in quotes or not. The zone of an IPv6 address is
/// ignored.
fn parse_node(text: &str) -> Option<IpAddr> {
    let text = unquote(text)?;
    if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let has_valid_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        return has_valid_port.then(|| parse_ipv6(address))?;
    }
    match text.split_once(':') {
        Some((address, port)) if !port.contains(':') => {
            let address = address.parse().ok().map(IpAddr::V4)?;
            is_port(port).then_some(address)
        }
        Some(_) => parse_ipv6(text),
        None => text.parse().ok().map(IpAddr::V4),
    }
}

/// Parses an address and its port. CloudFront writes an IPv6 address without brackets, so that the
/// port looks like its last group.
fn parse_cloudfront(text: &str) -> Option<IpAddr> {
    if let Some((address, port)) = text.rsplit_once(':')
        && address.contains(':')
        && is_port(port)
        && let Some(address) = parse_ipv6(address)
    {
        return Some(address);
    }
    parse_node(text)
}

fn parse_ipv6(text: &str) -> Option<IpAddr> {
    let address = text
        .split_once('%')
        .map_or(text, |(address, _zone)| address);
    address.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
}

/// Returns whether the text is a port number or a hidden port (RFC 7239, section 6).
fn is_port(text: &str) -> bool {
    let is_number =
        || text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok();
    text.starts_with('_') || is_number()
}

/// Returns the text without the quotes around it. Returns `None` if a quote has no counterpart.
fn unquote(text: &str) -> Option<&str> {
    let text = text.trim();
    let inner = text
        .strip_prefix('"')
        .map_or(Some(text), |rest| rest.strip_suffix('"'))?;
    (!inner.contains('"')).then_some(inner)
}

/// Returns the value of `for` in the last element of a `Forwarded` header (RFC 7239, section 4).
///
/// The client may have written the elements before the last one. A quote that it left open makes
/// the whole line malformed, because the quotes of the proxy's element come in pairs.
fn last_forwarded_for(line: &str) -> Option<&str> {
    let element = split_outside_quotes(line, ',')?
        .into_iter()
        .rfind(|element| !element.trim().is_empty())?;
    let mut values = split_outside_quotes(element, ';')?
        .into_iter()
        .filter_map(|pair| pair.split_once('='))
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"))
        .map(|(_, value)| value);
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

/// Splits the text at each separator that is not in quotes. Returns `None` if a quote is left open.
fn split_outside_quotes(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut in_quotes, mut is_escaped) = (false, false);
    let parts = text.split(|c| {
        let was_escaped = std::mem::take(&mut is_escaped);
        match c {
            '\\' if in_quotes && !was_escaped => is_escaped = true,
            '"' if !was_escaped => in_quotes = !in_quotes,
            _ => {}
        }
        c == separator && !in_quotes
    });
    let parts = parts.collect();
    (!in_quotes).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER_SOURCES: [ClientIp; 6] = [
        ClientIp::XForwardedFor,
        ClientIp::XRealIp,
        ClientIp::XEnvoyExternalAddress,
        ClientIp::CfConnectingIp,
        ClientIp::FlyClientIp,
        ClientIp::TrueClientIp,
    ];

    fn read(source: ClientIp, lines: &[&str]) -> Header {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(source.header().unwrap(), line.parse().unwrap());
        }
        address_in(source, &headers)
    }

    fn address(text: &str) -> Header {
        Header::Address(text.parse().unwrap())
    }

    #[test]
    fn an_address_is_read_with_or_without_a_port_brackets_and_quotes() {
        for (lines, expected) in [
            (&["203.0.113.9"][..], "203.0.113.9"),
            (&["203.0.113.9:51234"], "203.0.113.9"),
            (&[" 203.0.113.9\t"], "203.0.113.9"),
            (&["2001:db8::1"], "2001:db8::1"),
            (&["[2001:db8::1]"], "2001:db8::1"),
            (&["[2001:db8::1]:443"], "2001:db8::1"),
            (&["\"[2001:db8::1]:443\""], "2001:db8::1"),
            (&["fe80::1%eth0"], "fe80::1"),
            (&["[fe80::1%25eth0]:443"], "fe80::1"),
            (&["::ffff:203.0.113.9"], "::ffff:203.0.113.9"),
            (&["[::ffff:203.0.113.9]:443"], "::ffff:203.0.113.9"),
            (&["198.51.100.7, 203.0.113.9:51234"], "203.0.113.9"),
            (&["198.51.100.7,[2001:db8::1]:443"], "2001:db8::1"),
            (&["nonsense, 203.0.113.9"], "203.0.113.9"),
            (&["203.0.113.9, "], "203.0.113.9"),
            (&["198.51.100.7", "203.0.113.9"], "203.0.113.9"),
            (&["198.51.100.7, 192.0.2.1", "203.0.113.9:1"], "203.0.113.9"),
            (&["203.0.113.9", ""], "203.0.113.9"),
        ] {
            for source in HEADER_SOURCES {
                assert_eq!(
                    read(source, lines),
                    address(expected),
                    "{source:?} {lines:?}"
                );
            }
        }
    }

    #[test]
    fn a_header_without_an_address_is_reported_as_unreadable() {
        for lines in [
            &[""][..],
            &[","],
            &["nonsense"],
            &["unknown"],
            &["_hidden"],
            &["app.example.com"],
            &["203.0.113"],
            &["203.0.113.9.1"],
            &["203.0.113.9:"],
            &["203.0.113.9:http"],
            &["203.0.113.9:65536"],
            &["203.0.113.9 198.51.100.7"],
            &["[203.0.113.9]"],
            &["[2001:db8::1"],
            &["[2001:db8::1]443"],
            &["\"203.0.113.9"],
            &["203.0.113.9%eth0"],
            // The proxy's own element counts, even if it cannot be read.
            &["198.51.100.7, unknown"],
            &["198.51.100.7", "unknown"],
        ] {
            for source in HEADER_SOURCES {
                assert_eq!(
                    read(source, lines),
                    Header::Unreadable,
                    "{source:?} {lines:?}"
                );
            }
        }
        let mut headers = HeaderMap::new();
        assert_eq!(address_in(ClientIp::XRealIp, &headers), Header::Absent);
        let latin1 = HeaderValue::from_bytes(b"\xfc, 203.0.113.9").unwrap();
        headers.append("x-forwarded-for", latin1);
        assert_eq!(
            address_in(ClientIp::XForwardedFor, &headers),
            address("203.0.113.9")
        );
    }

    #[test]
    fn cloudfront_writes_an_ipv6_address_without_brackets() {
        for (value, expected) in [
            ("203.0.113.9:51234", "203.0.113.9"),
            ("203.0.113.9", "203.0.113.9"),
            ("2001:db8::1:51234", "2001:db8::1"),
            ("2001:db8:1:2:3:4:5:6:443", "2001:db8:1:2:3:4:5:6"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("198.51.100.7, 203.0.113.9:51234", "203.0.113.9"),
        ] {
            let found = read(ClientIp::CloudfrontViewerAddress, &[value]);
            assert_eq!(found, address(expected), "{value}");
        }
    }

    #[test]
    fn the_last_element_of_forwarded_holds_the_address() {
        for (lines, expected) in [
            (&["for=203.0.113.9"][..], Some("203.0.113.9")),
            (
                &["For=203.0.113.9;proto=https;by=192.0.2.1"],
                Some("203.0.113.9"),
            ),
            (
                &["proto=https; for=\"203.0.113.9:51234\""],
                Some("203.0.113.9"),
            ),
            (&["for=\"[2001:db8::1]:443\""], Some("2001:db8::1")),
            (&["for=\"[2001:db8::1]:_hidden\""], Some("2001:db8::1")),
            (&["for=198.51.100.7, for=203.0.113.9"], Some("203.0.113.9")),
            (
                &["for=198.51.100.7", "for=203.0.113.9"],
                Some("203.0.113.9"),
            ),
            (
                &["for=198.51.100.7;host=\"a,b;c\\\"\", for=203.0.113.9"],
                Some("203.0.113.9"),
            ),
            (&["for=unknown"], None),
            (&["for=_hidden"], None),
            (&["for=198.51.100.7, for=unknown"], None),
            (&["for=198.51.100.7, proto=https"], None),
            (&["for=198.51.100.7;for=203.0.113.9"], None),
            (&["203.0.113.9"], None),
            (&[""], None),
            // The client left a quote open.
            (&["for=198.51.100.7;x=\", for=203.0.113.9"], None),
            (&["for=198.51.100.7;x=\", for=\"203.0.113.9:1\""], None),
            (
                &["for=198.51.100.7;x=\"\\", "for=203.0.113.9"],
                Some("203.0.113.9"),
            ),
        ] {
            let expected = expected.map_or(Header::Unreadable, address);
            assert_eq!(read(ClientIp::Forwarded, lines), expected, "{lines:?}");
        }
    }

    /// Found by the fuzz target `addresses`.
    #[test]
    fn bytes_that_are_not_utf_8_do_not_hide_the_element_of_the_proxy() {
        let lines: [&[u8]; 2] = [b"for=198.51.100.1", b"\xec\xf5, for=203.0.113.9"];
        let name = HeaderName::from_static("forwarded");
        let headers = lines
            .into_iter()
            .map(|line| (name.clone(), HeaderValue::from_bytes(line).unwrap()))
            .collect();
        let found = address_in(ClientIp::Forwarded, &headers);
        assert_eq!(found, Header::Address([203, 0, 113, 9].into()));
    }
}
