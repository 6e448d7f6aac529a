//! Origins of web pages and of apps in web views (RFC 6454), and the hosts that they are compared
//! with.

mod authority;

use std::{fmt, net::Ipv4Addr, str::FromStr};

pub use self::authority::Authority;

/// An origin as a client sends it (RFC 6454, section 6.2), such as `https://app.example.com` or
/// `capacitor://localhost`. An origin with the default port of its scheme equals the same origin
/// without a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// In lower case.
    scheme: String,
    /// Without the default port of the scheme.
    authority: Authority,
}

impl Origin {
    /// Parses the value of an `Origin` header. Returns `None` for `null`, and for anything else
    /// that is not one origin.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        if !is_scheme {
            return None;
        }
        let scheme = scheme.to_ascii_lowercase();
        let mut authority = Authority::parse(authority)?;
        authority.port = authority
            .port
            .filter(|port| Some(*port) != default_port(&scheme));
        Some(Self { scheme, authority })
    }

    /// Returns whether a page of this origin came from `host`. A proxy may terminate TLS, so the
    /// scheme of the server's own origin is unknown: a `host` without a port stands for the default
    /// port of the page's scheme.
    #[must_use]
    pub fn is_served_by(&self, host: &Authority) -> bool {
        let Some(default) = default_port(&self.scheme) else {
            return false;
        };
        self.authority.host == host.host
            && self.authority.port.unwrap_or(default) == host.port.unwrap_or(default)
    }

    /// Returns whether a web server on the client's own machine served the page.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.is_web() && self.authority.is_loopback()
    }

    /// Returns whether the page came over TLS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.scheme == "https"
    }

    fn is_web(&self) -> bool {
        default_port(&self.scheme).is_some()
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

/// Parses the origin of a setting. Unlike [`Origin::parse`], it rejects an origin that no client
/// sends, because such a setting would have no effect.
impl FromStr for Origin {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "must be a scheme and a host, and a port if it is not the default one, \
            such as https://app.example.com, without a user, a path or a query";
        let text = text.trim();
        if text.eq_ignore_ascii_case("null") {
            return Err(
                "must not be `null`: every sandboxed page and every local file has this \
                 origin",
            );
        }
        if text.contains('*') {
            return Err(
                "must be one whole origin: wildcards are not supported. Repeat the setting \
                 for each origin",
            );
        }
        if !text.is_ascii() {
            return Err(
                "must be ASCII, as browsers send it: write an international name in \
                 Punycode, such as https://xn--bcher-kva.example",
            );
        }
        let scheme = text.split("://").next().unwrap_or_default();
        match &*scheme.to_ascii_lowercase() {
            "file" => {
                return Err(
                    "must not be a file: a page from a file has the origin `null`, which \
                     cannot be allowed",
                );
            }
            "ws" | "wss" => {
                return Err(
                    "must have the scheme of the page, which is http or https for a page \
                     that opens a WebSocket",
                );
            }
            _ => {}
        }
        let origin = Self::parse(text.strip_suffix('/').unwrap_or(text)).ok_or(FORM)?;
        if origin.is_web() && !is_browser_host(&origin.authority.host) {
            return Err(FORM);
        }
        Ok(origin)
    }
}

/// Returns whether browsers send this host in an `Origin` of `http` or `https`. They write an IPv4
/// address as four decimal numbers, and reject a name whose last label is another number (WHATWG
/// URL, host parsing).
fn is_browser_host(host: &str) -> bool {
    if host.starts_with('[') {
        return true;
    }
    let is_name = host
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    let name = host.strip_suffix('.').unwrap_or(host);
    let last_label = name.rsplit('.').next().unwrap_or_default();
    let is_number = last_label.bytes().all(|byte| byte.is_ascii_digit())
        || last_label
            .strip_prefix("0x")
            .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    is_name && (!is_number || host.parse::<Ipv4Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_origin_may_name_the_default_port_or_leave_it_out() {
        for (origin, host, is_own) in [
            ("https://app.example.com", "app.example.com", true),
            ("http://app.example.com", "app.example.com", true),
            ("https://app.example.com", "app.example.com:443", true),
            ("http://app.example.com", "app.example.com:80", true),
            ("https://app.example.com:443", "app.example.com", true),
            ("http://app.example.com:80", "app.example.com", true),
            ("https://[::1]", "[::1]:443", true),
            ("https://[::1]:443", "[0:0::1]", true),
            ("HTTPS://App.Example.com", "app.EXAMPLE.com", true),
            ("http://localhost:3000", "localhost:3000", true),
            ("https://app.example.com", "app.example.com:444", false),
            ("https://app.example.com:444", "app.example.com", false),
            ("https://app.example.com", "app.example.com:80", false),
            ("http://app.example.com", "app.example.com:443", false),
            ("https://example.com", "app.example.com", false),
            // Browsers treat a name with a dot at the end as another host.
            ("https://app.example.com.", "app.example.com", false),
            ("capacitor://localhost", "localhost", false),
        ] {
            let (page, host) = (
                Origin::parse(origin).unwrap(),
                Authority::parse(host).unwrap(),
            );
            assert_eq!(page.is_served_by(&host), is_own, "{origin} {host}");
        }
    }

    #[test]
    fn a_header_holds_one_origin() {
        for malformed in [
            "null",
            "",
            "app.example.com",
            "https://",
            "https:app.example.com",
            "https://user@app.example.com",
            "https://app.example.com/",
            "https://app.example.com https://other.example",
            "https://app.example.com, https://other.example",
            "1http://app.example.com",
            "://app.example.com",
        ] {
            assert_eq!(Origin::parse(malformed), None, "{malformed}");
        }
    }

    #[test]
    fn a_setting_names_an_origin_that_clients_send() {
        for (setting, origin) in [
            ("https://app.example.com", "https://app.example.com"),
            (" HTTPS://App.Example.com/ ", "https://app.example.com"),
            ("https://x.example:443", "https://x.example"),
            ("http://x.example:80", "http://x.example"),
            ("http://x.example:443", "http://x.example:443"),
            ("http://[0:0::1]:5173", "http://[::1]:5173"),
            ("http://192.0.2.1", "http://192.0.2.1"),
            (
                "https://xn--bcher-kva.example",
                "https://xn--bcher-kva.example",
            ),
            ("capacitor://localhost", "capacitor://localhost"),
            ("ionic://localhost", "ionic://localhost"),
            ("tauri://localhost", "tauri://localhost"),
            ("http://tauri.localhost", "http://tauri.localhost"),
            ("app://.", "app://."),
            ("app://-", "app://-"),
            ("app://obsidian.md", "app://obsidian.md"),
            (
                "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
                "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
            ),
            (
                "moz-extension://6b1f8c9e-6f0a-4d0b-9d5e-0c9b8f0a1b2c",
                "moz-extension://6b1f8c9e-6f0a-4d0b-9d5e-0c9b8f0a1b2c",
            ),
        ] {
            let parsed: Origin = setting.parse().unwrap();
            assert_eq!(parsed.to_string(), origin, "{setting}");
        }
    }

    #[test]
    fn a_setting_that_no_client_sends_is_rejected_with_the_reason() {
        for (setting, reason) in [
            ("null", "sandboxed"),
            ("*", "wildcards"),
            ("https://*.example.com", "wildcards"),
            ("https://app.example.com:*", "wildcards"),
            ("https://bücher.example", "Punycode"),
            ("file://", "file"),
            ("file:///index.html", "file"),
            ("wss://app.example.com", "scheme of the page"),
            ("https://user@app.example.com", "without a user"),
            ("https://app.example.com/path", "a path"),
            ("https://app.example.com//", "a path"),
            ("https://app.example.com?query", "a query"),
            ("https://app.example.com#part", "a scheme and a host"),
            ("app.example.com", "a scheme and a host"),
            ("//app.example.com", "a scheme and a host"),
            ("https://", "a scheme and a host"),
            ("https://app.example.com:65536", "a scheme and a host"),
            ("http://127.1", "a scheme and a host"),
            ("http://0x7f.0.0.1.", "a scheme and a host"),
            ("http://2130706433", "a scheme and a host"),
            ("https://a,b", "a scheme and a host"),
            ("", "a scheme and a host"),
        ] {
            let error = setting.parse::<Origin>().unwrap_err();
            assert!(error.contains(reason), "{setting}: {error}");
        }
    }
}
