//! The cookie that holds the token of a browser's session (RFC 6265bis), so that scripts of the page
//! cannot read it.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::{config::CookieDomain, domain::Timestamp, graphql::CookieChange};

/// The name and the attributes of the cookie.
///
/// A browser accepts a name with the prefix `__Host-` only with `Secure`, with the path `/` and
/// without a domain, from the host itself. Another host of the same domain cannot set it. With
/// `--cookie-domain` the prefix is `__Secure-`, and every host of the domain receives the cookie and
/// can set it. In development mode the server has no TLS, so the cookie has another name and is not
/// `Secure`.
#[derive(Debug)]
pub(super) struct SessionCookie {
    name: &'static str,
    attributes: String,
}

/// A request has two cookies of the same name. Another program has set one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Repeated;

impl Repeated {
    pub(super) const MESSAGE: &str = "The request has two cookies of the session's name.";
}

impl SessionCookie {
    pub(super) fn new(development_mode: bool, domain: Option<&CookieDomain>) -> Self {
        let (name, scope) = match domain {
            _ if development_mode => ("sessiond-dev", String::new()),
            None => ("__Host-sessiond", "; Secure".to_owned()),
            Some(domain) => {
                let scope = format!("; Domain={}; Secure", domain.as_str());
                ("__Secure-sessiond", scope)
            }
        };
        Self {
            name,
            attributes: format!("Path=/{scope}; HttpOnly; SameSite=Lax"),
        }
    }

    /// Returns the value of the cookie, if the request has it.
    ///
    /// # Errors
    /// [`Repeated`] if the request has two.
    pub(super) fn find<'a>(&self, headers: &'a HeaderMap) -> Result<Option<&'a str>, Repeated> {
        let lines = headers.get_all(header::COOKIE).into_iter();
        self.find_in(lines.map(HeaderValue::as_bytes))
    }

    /// Returns the value of the cookie as [`Self::find`] does. `lines` are the values of the `Cookie`
    /// headers.
    pub(super) fn find_in<'a>(
        &self,
        lines: impl Iterator<Item = &'a [u8]>,
    ) -> Result<Option<&'a str>, Repeated> {
        let mut values = lines
            .flat_map(|line| line.split(|byte| *byte == b';'))
            .filter_map(|pair| {
                let pair = str::from_utf8(pair).ok()?;
                let (name, value) = pair.split_once('=')?;
                (trim(name) == self.name).then(|| trim(value))
            });
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(Repeated),
            (value, None) => Ok(value.filter(|value| !value.is_empty())),
        }
    }

    /// Returns the value of `Set-Cookie`.
    pub(super) fn change(&self, change: CookieChange, now: Timestamp) -> Option<HeaderValue> {
        let Self { name, attributes } = self;
        let text = match change {
            CookieChange::Set { token, until } => {
                let seconds = until.since(now).as_secs();
                format!("{name}={token}; {attributes}; Max-Age={seconds}")
            }
            CookieChange::Clear => format!("{name}=; {attributes}; Max-Age=0"),
        };
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// Removes the spaces between cookies. Other white space belongs to a name: a browser lets any host
/// of a domain set a cookie whose name is `__Host-sessiond` after such a character.
fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(lines: &[&'static str]) -> Result<Option<String>, Repeated> {
        let headers = lines
            .iter()
            .map(|line| (header::COOKIE, HeaderValue::from_static(line)));
        let headers: HeaderMap = headers.collect();
        let found = SessionCookie::new(false, None)
            .find(&headers)?
            .map(str::to_owned);
        Ok(found)
    }

    #[test]
    fn only_the_cookie_of_its_own_name_is_read() {
        for (lines, expected) in [
            (&["__Host-sessiond=sd1_a"][..], Some("sd1_a")),
            (&["a=b; __Host-sessiond=sd1_a;c=d"], Some("sd1_a")),
            (&["a=b", "__Host-sessiond=sd1_a"], Some("sd1_a")),
            (&["sessiond=sd1_a"], None),
            (&["sessiond-dev=sd1_a"], None),
            (&["__host-sessiond=sd1_a"], None),
            (&["x__Host-sessiond=sd1_a"], None),
            (&["__Host-sessiond="], None),
            (&["__Host-sessiond"], None),
            (&[], None),
        ] {
            assert_eq!(find(lines), Ok(expected.map(str::to_owned)), "{lines:?}");
        }
    }

    #[test]
    fn a_name_after_other_white_space_is_another_name() {
        for space in ["\u{2000}", "\u{a0}", "\u{85}"] {
            let line = format!("{space}__Host-sessiond=sd1_a");
            let value = HeaderValue::from_bytes(line.as_bytes()).unwrap();
            let headers = HeaderMap::from_iter([(header::COOKIE, value)]);
            assert_eq!(SessionCookie::new(false, None).find(&headers), Ok(None));
        }
    }

    #[test]
    fn two_cookies_of_the_name_are_rejected() {
        for lines in [
            &["__Host-sessiond=sd1_a; __Host-sessiond=sd1_a"][..],
            &["__Host-sessiond=sd1_a", "__Host-sessiond="],
        ] {
            assert_eq!(find(lines), Err(Repeated), "{lines:?}");
        }
    }
}
