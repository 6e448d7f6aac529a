//! The settings for sessions in browsers: the domain of the cookie, and the login page.

use std::str::FromStr;

use axum::http::HeaderValue;
use clap::Args;

/// The settings for sessions in browsers.
#[derive(Debug, Clone, Args)]
pub struct BrowserSettings {
    /// Where `/verify` sends a browser that opens a page without a valid session, instead of 401: a
    /// URL such as `https://app.example.com/login`, or a path such as `/login`
    #[arg(long, env = "SESSIOND_LOGIN_URL", global = true, value_name = "URL")]
    pub login_url: Option<LoginUrl>,

    /// The domain whose hosts all receive the session's cookie, such as `example.com`. Every server
    /// of the domain can then read the token, and can replace the cookie. Needs a service key
    #[arg(
        long,
        env = "SESSIOND_COOKIE_DOMAIN",
        global = true,
        value_name = "DOMAIN"
    )]
    pub cookie_domain: Option<CookieDomain>,
}

/// The URL of a login page: an absolute one by HTTP or HTTPS, or a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginUrl(HeaderValue);

impl LoginUrl {
    /// The value of a `Location` header.
    #[must_use]
    pub fn to_header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl FromStr for LoginUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "must be a URL that begins with https:// or http://, or a path that \
            begins with one slash, such as /login";
        let is_path = text.starts_with('/') && !text.starts_with("//");
        let has_host = ["https://", "http://"].into_iter().any(|scheme| {
            let rest = text.strip_prefix(scheme);
            rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#']))
        });
        let is_visible = text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        if !(is_path || has_host) || !is_visible {
            return Err(FORM);
        }
        HeaderValue::from_str(text).map(Self).map_err(|_| FORM)
    }
}

/// The value of a cookie's attribute `Domain`: a name with at least one dot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CookieDomain(String);

impl CookieDomain {
    /// The domain, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CookieDomain {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "must be a domain of at least two labels, such as example.com; write \
            other letters than those of ASCII in Punycode";
        const MAX_LENGTH: usize = 253;
        let is_label = |label: &str| {
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            let has_dash = label.starts_with('-') || label.ends_with('-');
            (1..=63).contains(&label.len()) && label.bytes().all(is_name) && !has_dash
        };
        // The last label of an address is a number. A cookie of an address has no domain.
        let is_number = |label: &str| label.starts_with(|first: char| first.is_ascii_digit());
        let is_domain = text.len() <= MAX_LENGTH
            && text.split('.').all(is_label)
            && text
                .rsplit_once('.')
                .is_some_and(|(_, last)| !is_number(last));
        is_domain
            .then(|| Self(text.to_ascii_lowercase()))
            .ok_or(FORM)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_url_has_a_host_or_is_a_path() {
        for text in [
            "/login",
            "https://app.example.com/login?from=gateway",
            "http://localhost:1/",
        ] {
            assert_eq!(text.parse::<LoginUrl>().unwrap().to_header(), text);
        }
        for text in [
            "",
            "login",
            "//evil.example",
            "/\\evil.example",
            "javascript:alert(1)",
            "https://",
            "https:///a",
            "/a b",
            "/\n",
        ] {
            assert!(text.parse::<LoginUrl>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_cookie_domain_is_a_name_with_a_dot() {
        for (text, expected) in [
            ("example.com", "example.com"),
            ("Login.Example.com", "login.example.com"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ] {
            assert_eq!(text.parse::<CookieDomain>().unwrap().as_str(), expected);
        }
        for text in [
            "",
            "com",
            "localhost",
            ".example.com",
            "example.com.",
            "a..example",
            "-a.example",
            "192.0.2.1",
            "[::1]",
            "example.com; Secure",
            "https://example.com",
            "bücher.example",
        ] {
            assert!(text.parse::<CookieDomain>().is_err(), "{text:?}");
        }
    }
}
