//! The credentials of a request, and why a request is refused.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};

use crate::{CheckedSession, Checker, Error, cookie::CookieRules};

/// The start of every token of a session.
const TOKEN_PREFIX: &str = "sd1_";

/// The response to a request that must be refused.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Refusal {
    /// 401: the request has no token.
    Missing,
    /// 401: the token opens no valid session.
    Invalid,
    /// 400: the request has two cookies of the session's name. Another program has set one of them.
    RepeatedCookie,
    /// 403: the cookie authenticates a request that changes something, and no page of this back end's
    /// own origin, or of an allowed one, sent it.
    ForeignPage,
    /// 503: the session cannot be checked now.
    Unavailable(Error),
}

impl Checker {
    /// Checks a request, for any framework: the token in its `Authorization` header or in the
    /// session's cookie. With the cookie, a request that changes something must come from a page of
    /// the back end's own origin or of an allowed one.
    ///
    /// # Errors
    ///
    /// Returns the response to a request that must be refused.
    pub async fn authenticate(
        &self,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Arc<CheckedSession>, Refusal> {
        let token = find_token(self.cookie_rules(), method, headers)?.ok_or(Refusal::Missing)?;
        let session = self.check(token).await.map_err(Refusal::Unavailable)?;
        session.ok_or(Refusal::Invalid)
    }
}

/// Finds the token by the rule of the server's `/verify`: a session's token after `Bearer`, or else
/// the cookie. Another text after `Bearer` counts only without a cookie, because it may belong to the
/// application.
fn find_token<'a>(
    rules: &CookieRules,
    method: &Method,
    headers: &'a HeaderMap,
) -> Result<Option<&'a str>, Refusal> {
    let bearer = bearer(headers);
    if bearer.is_some_and(|token| token.starts_with(TOKEN_PREFIX)) {
        return Ok(bearer);
    }
    if headers
        .get_all(header::AUTHORIZATION)
        .iter()
        .nth(1)
        .is_some()
    {
        return Ok(None);
    }
    Ok(rules.token(method, headers)?.or(bearer))
}

/// The text after `Bearer`. A request with more than one `Authorization` header has none, because
/// another program may read another one of them.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let token = token.trim_matches(' ');
    let is_bearer = scheme.eq_ignore_ascii_case("bearer") && !token.is_empty();
    // A text with spaces can be no token. If it begins as one, it is a wrong token, as for the server.
    let may_count = !token.contains(' ') || token.starts_with(TOKEN_PREFIX);
    (is_bearer && may_count).then_some(token)
}

impl Refusal {
    /// The status of the response.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Missing | Self::Invalid => StatusCode::UNAUTHORIZED,
            Self::RepeatedCookie => StatusCode::BAD_REQUEST,
            Self::ForeignPage => StatusCode::FORBIDDEN,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The response, with a JSON body that has one sentence for a person.
    #[must_use]
    pub fn into_response<B: From<&'static str>>(self) -> Response<B> {
        let challenge = |text| Some((header::WWW_AUTHENTICATE, HeaderValue::from_static(text)));
        let (reason, body) = match &self {
            Self::Missing => (challenge("Bearer"), NO_SESSION),
            Self::Invalid => (challenge(r#"Bearer error="invalid_token""#), NO_SESSION),
            Self::RepeatedCookie => (None, REPEATED_COOKIE),
            Self::ForeignPage => (None, FOREIGN_PAGE),
            Self::Unavailable(error) => {
                let seconds = error.retry_after().map_or(1, |time| time.as_secs().max(1));
                (Some((header::RETRY_AFTER, seconds.into())), NOT_NOW)
            }
        };
        let mut response = Response::new(B::from(body));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.extend(reason);
        response
    }
}

const NO_SESSION: &str = r#"{"error":"No valid session."}"#;
const REPEATED_COOKIE: &str = r#"{"error":"The request has two cookies of the session's name."}"#;
const FOREIGN_PAGE: &str = r#"{"error":"The request does not come from a page of this site."}"#;
const NOT_NOW: &str = r#"{"error":"The session cannot be checked now."}"#;

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer_of(values: &[&'static str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, HeaderValue::from_static(value));
        }
        bearer(&headers).map(str::to_owned)
    }

    #[test]
    fn the_token_follows_the_scheme_bearer() {
        for value in ["Bearer sd1_a", "bearer   sd1_a", "BEARER sd1_a "] {
            assert_eq!(bearer_of(&[value]).as_deref(), Some("sd1_a"));
        }
    }

    #[test]
    fn a_request_with_another_scheme_or_several_headers_has_no_token() {
        for values in [
            &[][..],
            &[""],
            &["Bearer"],
            &["Bearer "],
            &["Basic abc"],
            &["Bearer a b"],
            &["Bearera"],
            &["Bearer sd1_a", "Bearer sd1_b"],
        ] {
            assert_eq!(bearer_of(values), None, "{values:?}");
        }
    }

    #[test]
    fn a_sessions_token_wins_over_the_cookie_and_the_cookie_over_another_text() {
        for (authorization, expected) in [
            (&[][..], Some("sd1_cookie")),
            (&["Basic dXNlcjpwYXNzd29yZA=="], Some("sd1_cookie")),
            (&["Bearer"], Some("sd1_cookie")),
            (&["Bearer a-token-of-the-app"], Some("sd1_cookie")),
            (&["Bearer sd1_header"], Some("sd1_header")),
            (&["Bearer sd1_a, Bearer sd1_b"], Some("sd1_a, Bearer sd1_b")),
            (&["Bearer sd1_a", "Bearer sd1_b"], None),
        ] {
            let mut headers = HeaderMap::new();
            let cookie = HeaderValue::from_static("__Host-sessiond=sd1_cookie");
            headers.insert(header::COOKIE, cookie);
            for value in authorization {
                headers.append(header::AUTHORIZATION, HeaderValue::from_static(value));
            }
            let found = find_token(&CookieRules::default(), &Method::GET, &headers);
            assert_eq!(found.unwrap(), expected, "{authorization:?}");
        }
    }
}
