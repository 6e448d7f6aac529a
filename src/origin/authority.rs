//! The authorities that requests name in `Host` (RFC 9110, section 7.2).

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

/// A host, and a port if one is given: the value of a `Host` header, or a part of an origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// In lower case. An IPv6 address is in brackets and in canonical form.
    pub(super) host: String,
    pub(super) port: Option<u16>,
}

impl Authority {
    /// Parses `host` or `host:port` (RFC 3986, section 3.2). Returns `None` for anything else, such
    /// as a text with user information or an empty host.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (host, port) = split(text)?;
        let host = match host {
            Host::Name(name) => name.to_ascii_lowercase(),
            Host::Ipv6(address) => format!("[{address}]"),
        };
        Some(Self { host, port })
    }

    /// Returns whether a text can be parsed. Allocates nothing.
    #[must_use]
    pub fn is_valid(text: &str) -> bool {
        split(text).is_some()
    }

    /// Returns whether the host is a name or an address of the machine itself, such as `localhost`,
    /// `app.localhost`, `127.0.0.1` or `[::1]`.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        // A dot at the end makes a name absolute (RFC 1034, section 3.1).
        let host = self.host.strip_suffix('.').unwrap_or(&self.host);
        let address = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost"
            || host.ends_with(".localhost")
            || address
                .parse::<IpAddr>()
                .is_ok_and(|address| address.to_canonical().is_loopback())
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

/// A host as it was written.
enum Host<'a> {
    /// A name or an IPv4 address.
    Name(&'a str),
    Ipv6(Ipv6Addr),
}

/// Splits a text into the host and the port. Returns `None` if one of them is malformed.
fn split(text: &str) -> Option<(Host<'_>, Option<u16>)> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        (Host::Ipv6(address.parse().ok()?), port)
    } else {
        let name_end = text.bytes().position(|byte| !is_host_character(byte));
        let (name, port) = text.split_at(name_end.unwrap_or(text.len()));
        ((!name.is_empty()).then_some(Host::Name(name))?, port)
    };
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        // RFC 3986 allows a colon without a port.
        Some("") => None,
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => Some(port.parse().ok()?),
        _ => return None,
    };
    Some((host, port))
}

/// The characters of a host name (RFC 3986, section 3.2.2), without percent-encoding, which no
/// client sends.
const fn is_host_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_is_a_host_with_or_without_a_port() {
        for (text, parsed) in [
            ("app.example.com", "app.example.com"),
            ("App.Example.com:443", "app.example.com:443"),
            ("localhost:", "localhost"),
            ("127.0.0.1:3000", "127.0.0.1:3000"),
            ("[0:0::1]:443", "[::1]:443"),
            ("my_service", "my_service"),
        ] {
            assert_eq!(Authority::parse(text).unwrap().to_string(), parsed);
        }
        for malformed in [
            "",
            " ",
            ":443",
            "a/b",
            "a b",
            "user@host",
            "host:port",
            "host:+1",
            "host:65536",
            "host:1:2",
            "::1",
            "[::1",
            "[::1]443",
            "[nonsense]",
            "a\\b",
            "a?b",
            "a#b",
            "ä.example",
            "a%20b",
        ] {
            assert_eq!(Authority::parse(malformed), None, "{malformed}");
        }
    }

    #[test]
    fn a_loopback_host_is_a_name_or_an_address_of_the_machine_itself() {
        for (host, is_loopback) in [
            ("localhost", true),
            ("LOCALHOST:3000", true),
            ("localhost.", true),
            ("app.localhost", true),
            ("127.0.0.1:8080", true),
            ("127.1.2.3", true),
            ("[::1]:3001", true),
            ("[::ffff:127.0.0.1]", true),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("notlocalhost", false),
            ("0.0.0.0", false),
            ("203.0.113.9", false),
            ("[2001:db8::1]", false),
        ] {
            let authority = Authority::parse(host).unwrap();
            assert_eq!(authority.is_loopback(), is_loopback, "{host}");
        }
    }
}
