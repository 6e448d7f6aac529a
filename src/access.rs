//! Who asks, and what they may see.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::domain::{Alert, Session, SessionKey, Stage, Timestamp, UserId, rules::Actor};

/// Who sends a request.
#[derive(Debug, Clone)]
pub enum Caller {
    /// It sent the service key, or it sent nothing and the server is in development mode.
    Service,
    /// It sent the token of this session, which may have ended.
    Session(Box<Session>),
    /// It sent something that is neither the key nor a known token.
    InvalidCredentials,
    /// It sent nothing.
    Anonymous,
}

/// How much of one user a caller may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// All of the user.
    Full,
    /// Only this session, and what concerns it.
    OnlySession(SessionKey),
}

impl Visibility {
    #[must_use]
    pub fn shows_session(self, key: SessionKey) -> bool {
        self == Self::Full || self == Self::OnlySession(key)
    }

    #[must_use]
    pub fn shows_alert(self, alert: &Alert) -> bool {
        match self {
            Self::Full => true,
            Self::OnlySession(key) => alert.concerns(key),
        }
    }
}

impl Caller {
    /// How much of `user` the caller may see at `now`: `None` for nothing.
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

    /// The actor whom the rules see: the service, or a session, valid or not.
    #[must_use]
    pub fn actor(&self) -> Option<Actor> {
        match self {
            Self::Service => Some(Actor::Service),
            Self::Session(session) => Some(Actor::Session(session.key)),
            Self::InvalidCredentials | Self::Anonymous => None,
        }
    }

    #[must_use]
    pub const fn is_service(&self) -> bool {
        matches!(self, Self::Service)
    }
}

/// The secret that makes its bearer the service, kept as a hash: comparing hashes takes the same time
/// whatever was sent.
#[derive(Clone)]
pub struct ServiceKey([u8; 32]);

impl ServiceKey {
    /// Fewer characters than this can be guessed.
    pub const LEAST: usize = 32;

    /// `None` where the text has fewer than [`ServiceKey::LEAST`] characters.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        (text.chars().count() >= Self::LEAST).then(|| Self(Sha256::digest(text).into()))
    }

    #[must_use]
    pub fn opens(&self, presented: &str) -> bool {
        let presented: [u8; 32] = Sha256::digest(presented).into();
        self.0.ct_eq(&presented).into()
    }
}

impl std::fmt::Debug for ServiceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[service key]")
    }
}
