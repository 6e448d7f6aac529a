//! Callers, and how much of a user each of them may see.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::domain::{Alert, Session, SessionKey, Stage, Timestamp, UserId, rules::Actor};

/// The sender of a request, as its credentials identify it.
#[derive(Debug, Clone)]
pub enum Caller {
    /// The request has the service key, or it has no credentials and the server is in development
    /// mode.
    Service,
    /// The request has the token of this session, which may have ended.
    Session(Box<Session>),
    /// The credentials of the request are neither the service key nor a known token.
    InvalidCredentials,
    /// The request has no credentials.
    Anonymous,
}

/// The part of one user that a caller may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// Everything about the user.
    Full,
    /// Only this session and the alerts about it.
    OnlySession(SessionKey),
}

impl Visibility {
    /// Returns true if the session with this key is visible.
    #[must_use]
    pub fn shows_session(self, key: SessionKey) -> bool {
        self == Self::Full || self == Self::OnlySession(key)
    }

    /// Returns true if the alert is visible.
    #[must_use]
    pub fn shows_alert(self, alert: &Alert) -> bool {
        match self {
            Self::Full => true,
            Self::OnlySession(key) => alert.concerns(key),
        }
    }
}

impl Caller {
    /// Returns the part of `user` that the caller may see at `now`, or `None` if it may see
    /// nothing.
    #[must_use]
    pub fn visibility(&self, user: UserId, now: Timestamp) -> Option<Visibility> {
        match self {
            Self::Service => Some(Visibility::Full),
            Self::Session(session) if session.owner.id == user => Some(match session.stage(now) {
                Stage::Active => Visibility::Full,
                Stage::Pending | Stage::Ended(_) => Visibility::OnlySession(session.key),
            }),
            Self::Session(_) | Self::InvalidCredentials | Self::Anonymous => None,
        }
    }

    /// Returns the caller as an actor of the rules, or `None` if its credentials identify neither
    /// the service nor a session. The session may have ended.
    #[must_use]
    pub fn actor(&self) -> Option<Actor> {
        match self {
            Self::Service => Some(Actor::Service),
            Self::Session(session) => Some(Actor::Session(session.key)),
            Self::InvalidCredentials | Self::Anonymous => None,
        }
    }

    /// Returns true if the caller is the service.
    #[must_use]
    pub const fn is_service(&self) -> bool {
        matches!(self, Self::Service)
    }
}

/// The secret that authenticates the service. Only its SHA-256 hash is kept. Hashes are compared in
/// constant time, so that the response time reveals nothing about the key.
#[derive(Clone)]
pub struct ServiceKey([u8; 32]);

impl ServiceKey {
    /// The minimum number of characters. Shorter keys could be guessed.
    pub const MIN_CHARS: usize = 32;

    /// Hashes a key. Returns `None` if the text has fewer than [`ServiceKey::MIN_CHARS`]
    /// characters.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        (text.chars().count() >= Self::MIN_CHARS).then(|| Self(Sha256::digest(text).into()))
    }

    /// Returns true if `presented` is this key.
    #[must_use]
    pub fn matches(&self, presented: &str) -> bool {
        let presented: [u8; 32] = Sha256::digest(presented).into();
        self.0.ct_eq(&presented).into()
    }
}

impl std::fmt::Debug for ServiceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[service key]")
    }
}
