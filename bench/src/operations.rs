//! The measured requests.

mod template;

use std::net::SocketAddr;

use serde_json::json;

use self::template::{Part, split};
pub(crate) use self::template::{Sender, Template};
use crate::data::SERVICE_KEY;

/// The check of a session over GraphQL.
pub(crate) const CURRENT_SESSION: &str =
    "query { currentSession { sessionKey isValid status expiresAt user { id username } } }";

/// A user with two sessions.
pub(crate) const USER: &str = "query($mobile: String!) { user(mobile: $mobile) { id username sessions(first: 2) { nodes { \
     sessionKey status device { label } ipAddress createdAt lastSeenAt } } } }";

/// The newest alert of a user.
const NEWEST_ALERT: &str = "query($mobile: String!) { user(mobile: $mobile) { alerts(first: 1) { nodes { \
     id sequence kind message createdAt } } } }";

/// A login that takes over, sent by the service, which needs no password.
const LOGIN: &str = "mutation($input: LoginInput!) { login(input: $input) { outcome message token \
     session { sessionKey expiresAt } } }";

/// The alerts of a user.
pub(crate) const ALERTS: &str = "subscription($mobile: String) { sessionAlerts(mobile: $mobile) { id sequence kind message \
     createdAt attempt { device { label } ipAddress } } }";

/// A measured operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// `GET /` of a server that does nothing else.
    Nothing,
    /// `GET /healthz`.
    Health,
    /// `GET /verify` of sessions that were used within the last minute.
    Verify,
    /// `GET /verify` of each session once, which records its last-seen time.
    FirstVerify,
    /// [`CURRENT_SESSION`].
    CurrentSession,
    /// [`USER`] of each user once.
    FirstUser,
    /// [`USER`].
    User,
    /// The endpoint `get-session` of better-auth.
    GetSession,
    /// [`NEWEST_ALERT`].
    NewestAlert,
    /// [`LOGIN`].
    Login,
}

impl Operation {
    /// The name in the results.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "GET /",
            Self::Health => "/healthz",
            Self::Verify => "/verify",
            Self::FirstVerify => "/verify, first in a minute",
            Self::CurrentSession => "currentSession",
            Self::FirstUser => "user, two sessions, first query",
            Self::User => "user, two sessions",
            Self::GetSession => "get-session",
            Self::NewestAlert => "the newest alert",
            Self::Login => "login",
        }
    }

    /// What the body of each response contains.
    pub(crate) const fn expected(self) -> Expected {
        let (start, part): (&[u8], &[u8]) = match self {
            Self::Nothing | Self::Health | Self::Verify | Self::FirstVerify => (b"", b""),
            Self::CurrentSession => (br#"{"data":{"currentSession":{"#, br#""isValid":true"#),
            Self::User | Self::FirstUser => (br#"{"data":{"user":{"#, br#""status":"ACTIVE""#),
            Self::NewestAlert => (br#"{"data":{"user":{"alerts":{"#, br#""sequence":"#),
            Self::GetSession => (br#"{"session":{"#, br#""user":{"#),
            Self::Login => (
                br#"{"data":{"login":{"outcome":"LOGGED_IN""#,
                br#""token":"sd1_"#,
            ),
        };
        Expected { start, part }
    }

    /// The request to a server at this address.
    pub(crate) fn template(self, server: SocketAddr) -> Template {
        let get = |path: &str, headers: &[Part]| Template::get(server, path, headers);
        let bearer = [
            Part::text("authorization: Bearer "),
            Part::Credential,
            Part::text("\r\n"),
        ];
        match self {
            Self::Nothing => get("/", &[]),
            Self::Health => get("/healthz", &[]),
            Self::Verify | Self::FirstVerify => get("/verify", &bearer),
            Self::GetSession => {
                let cookie = [Part::text("cookie: "), Part::Credential, Part::text("\r\n")];
                get("/api/auth/get-session", &cookie)
            }
            Self::CurrentSession => {
                let body = json!({ "query": CURRENT_SESSION }).to_string();
                Template::post(server, &bearer, vec![Part::Text(body)])
            }
            Self::User | Self::FirstUser | Self::NewestAlert => {
                let query = if self == Self::NewestAlert {
                    NEWEST_ALERT
                } else {
                    USER
                };
                let body = json!({ "query": query, "variables": { "mobile": "MOBILE" } });
                Template::post(server, &bearer, split(&body.to_string()))
            }
            Self::Login => {
                let input = json!({
                    "mobile": "MOBILE", "username": "Ada", "deviceId": "NUMBER",
                    "onConflict": "TAKE_OVER", "ipAddress": "192.0.2.1",
                });
                let body = json!({ "query": LOGIN, "variables": { "input": input } });
                let service = Part::Text(format!("authorization: Bearer {SERVICE_KEY}\r\n"));
                Template::post(server, &[service], split(&body.to_string()))
            }
        }
    }
}

/// What a body must contain, so that a refusal never counts as a fast response. Both are empty if
/// the status says everything.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected {
    /// The start of the body.
    pub(crate) start: &'static [u8],
    /// A part of the body.
    pub(crate) part: &'static [u8],
}

/// The number of bytes of a body in which its expected start is searched. In a body in chunks, the
/// length of the first chunk comes before it.
const SEARCHED: usize = 8;

impl Expected {
    /// A body that may be anything.
    pub(crate) const ANYTHING: Self = Self {
        start: b"",
        part: b"",
    };

    /// Whether a body is as expected.
    pub(crate) fn is_in(self, body: &[u8]) -> bool {
        let has = |text: &[u8], positions: usize| {
            let mut found = body.windows(text.len().max(1)).take(positions);
            text.is_empty() || found.any(|window| window == text)
        };
        has(self.start, SEARCHED) && has(self.part, body.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_without_the_expected_start_or_part_is_refused() {
        let expected = Operation::CurrentSession.expected();
        for (body, is_right) in [
            (r#"{"data":{"currentSession":{"isValid":true}}}"#, true),
            (
                "2c\r\n{\"data\":{\"currentSession\":{\"isValid\":true}}}\r\n0\r\n\r\n",
                true,
            ),
            (r#"{"data":{"currentSession":{"isValid":false}}}"#, false),
            (r#"{"data":{"currentSession":null}}"#, false),
            (
                r#"{"errors":[],"data":{"currentSession":{"isValid":true}}}"#,
                false,
            ),
            ("", false),
        ] {
            assert_eq!(expected.is_in(body.as_bytes()), is_right, "{body}");
        }
        assert!(Operation::Verify.expected().is_in(b""));
    }
}
