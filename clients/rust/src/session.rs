//! A session that the server has confirmed.

use std::time::SystemTime;

use http::HeaderMap;
use percent_encoding::percent_decode_str;
use uuid::Uuid;

/// A session that the server has confirmed. Requests that pass [`RequireSession`](crate::RequireSession)
/// have it in their extensions as `Arc<CheckedSession>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedSession {
    /// The key of the session. It names the session, and is not a secret.
    pub session_key: Uuid,
    /// The id of the user.
    pub user_id: Uuid,
    /// The user's mobile number.
    pub mobile: String,
    /// The user's name.
    pub username: String,
    /// When the session ends if no further request arrives.
    pub expires_at: SystemTime,
}

impl CheckedSession {
    /// Reads the headers of a response of `/verify`.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let username = percent_decode_str(text("x-user-name").unwrap_or_default());
        Some(Self {
            session_key: text("x-session-key")?.parse().ok()?,
            user_id: text("x-user-id")?.parse().ok()?,
            mobile: text("x-user-mobile").unwrap_or_default().to_owned(),
            username: username.decode_utf8_lossy().into_owned(),
            expires_at: humantime::parse_rfc3339(text("x-session-expires-at")?).ok()?,
        })
    }
}
