//! The cookie that holds a session's token in a browser.

use http::{HeaderMap, Method, Uri, header};

use crate::Refusal;

/// Which cookie counts, and for which requests.
#[derive(Debug, Clone)]
pub struct CookieRules {
    /// The name of the cookie. `None` accepts tokens in headers only.
    pub name: Option<String>,
    /// The origins besides the back end's own whose pages may change something with the cookie.
    pub allowed_origins: Vec<String>,
}

impl Default for CookieRules {
    fn default() -> Self {
        Self {
            name: Some("__Host-sessiond".to_owned()),
            allowed_origins: Vec::new(),
        }
    }
}

impl CookieRules {
    /// Returns the token in the cookie, if the request has it.
    ///
    /// The server's `/verify` leaves cross-site requests to the application, and this is the
    /// application: a request that changes something must come from a page of its own.
    pub fn token<'a>(
        &self,
        method: &Method,
        headers: &'a HeaderMap,
    ) -> Result<Option<&'a str>, Refusal> {
        let Some(name) = &self.name else {
            return Ok(None);
        };
        let mut values = headers
            .get_all(header::COOKIE)
            .into_iter()
            .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
            .filter_map(|pair| {
                let (key, value) = str::from_utf8(pair).ok()?.split_once('=')?;
                (trim(key) == name).then(|| trim(value))
            });
        let token = match (values.next(), values.next()) {
            (_, Some(_)) => return Err(Refusal::RepeatedCookie),
            (value, None) => value.filter(|value| !value.is_empty()),
        };
        let changes_something = !method.is_safe() || headers.contains_key(header::UPGRADE);
        if token.is_some() && changes_something && !self.is_own_page(headers) {
            return Err(Refusal::ForeignPage);
        }
        Ok(token)
    }

    /// Whether a browser sent the request for a page of the back end's own origin, or of an allowed
    /// one.
    fn is_own_page(&self, headers: &HeaderMap) -> bool {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let origin = text(header::ORIGIN.as_str());
        if origin.is_some_and(|origin| self.allowed_origins.iter().any(|other| other == origin)) {
            return true;
        }
        match text("sec-fetch-site") {
            Some(site) => site == "same-origin",
            // An older browser does not send it.
            None => origin.is_some_and(|origin| {
                let host = text(header::HOST.as_str());
                host.is_some() && host == host_of(origin).as_deref()
            }),
        }
    }
}

fn host_of(origin: &str) -> Option<String> {
    let origin: Uri = origin.parse().ok()?;
    origin.scheme()?;
    origin.authority().map(ToString::to_string)
}

/// Removes the spaces between cookies. Other white space belongs to a name: a browser lets any host
/// of a domain set a cookie whose name is the session's after such a character.
fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    /// What a request with these headers gets: a token, or the name of the refusal.
    fn token(rules: &CookieRules, method: &Method, headers: &[(&str, &str)]) -> Option<String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().expect("a name");
            map.append(
                name,
                HeaderValue::from_bytes(value.as_bytes()).expect("a value"),
            );
        }
        match rules.token(method, &map) {
            Ok(token) => token.map(str::to_owned),
            Err(refusal) => Some(format!("{refusal:?}")),
        }
    }

    #[test]
    fn only_the_cookie_of_its_own_name_counts_and_two_of_that_name_are_refused() {
        for (lines, expected) in [
            (&["a=b; __Host-sessiond=sd1_a;c=d"][..], Some("sd1_a")),
            (&["a=b", "\t__Host-sessiond = sd1_a "], Some("sd1_a")),
            (&["__Host-sessiond="], None),
            (&["__Host-sessiond"], None),
            (&["__host-sessiond=sd1_a"], None),
            (&["x__Host-sessiond=sd1_a"], None),
            (&["\u{2000}__Host-sessiond=sd1_a"], None),
            (&["sessiond-dev=sd1_a"], None),
            (&[], None),
            (
                &["__Host-sessiond=sd1_a; __Host-sessiond="],
                Some("RepeatedCookie"),
            ),
            (
                &["__Host-sessiond=sd1_a", "__Host-sessiond=sd1_a"],
                Some("RepeatedCookie"),
            ),
        ] {
            let headers: Vec<_> = lines.iter().map(|line| ("cookie", *line)).collect();
            let found = token(&CookieRules::default(), &Method::GET, &headers);
            assert_eq!(found.as_deref(), expected, "{lines:?}");
        }
    }

    #[test]
    fn a_request_that_changes_something_must_come_from_a_page_of_the_app() {
        let (own, other) = ("https://app.example.com", "https://other.example.com");
        let host = ("host", "app.example.com");
        for (headers, passes) in [
            (&[][..], false),
            (&[("sec-fetch-site", "same-origin")], true),
            (
                &[
                    ("sec-fetch-site", "same-origin"),
                    ("origin", own),
                    ("host", "rewritten:8080"),
                ],
                true,
            ),
            (
                &[("sec-fetch-site", "same-site"), ("origin", other), host],
                false,
            ),
            (&[("sec-fetch-site", "none")], false),
            (&[("origin", own), host], true),
            (&[("origin", own)], false),
            (&[("origin", other), host], false),
            (&[("origin", "null"), host], false),
            (&[("origin", "app.example.com"), host], false),
            (&[("origin", "https://app.example.com:8443"), host], false),
        ] {
            let mut all = headers.to_vec();
            all.push(("cookie", "__Host-sessiond=sd1_a"));
            let rules = CookieRules::default();
            let expected = if passes { "sd1_a" } else { "ForeignPage" };
            for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
                let found = token(&rules, &method, &all);
                assert_eq!(found.as_deref(), Some(expected), "{method} {headers:?}");
            }
            for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
                assert_eq!(token(&rules, &method, &all).as_deref(), Some("sd1_a"));
            }
            all.push(("upgrade", "websocket"));
            assert_eq!(token(&rules, &Method::GET, &all).as_deref(), Some(expected));
        }
    }

    #[test]
    fn the_name_of_the_cookie_and_other_origins_are_settings() {
        let cookie = ("cookie", "sessiond-dev=sd1_a");
        let other = ("origin", "https://other.example.com");
        let named = CookieRules {
            name: Some("sessiond-dev".to_owned()),
            allowed_origins: vec!["https://other.example.com".to_owned()],
        };
        let found = token(&named, &Method::POST, &[cookie, other]);
        assert_eq!(found.as_deref(), Some("sd1_a"));
        let none = CookieRules {
            name: None,
            ..named
        };
        assert_eq!(token(&none, &Method::POST, &[cookie, other]), None);
    }
}
