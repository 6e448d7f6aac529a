//! Callers, and how much of a user each of them may see.

mod scopes;
mod service_keys;

use std::sync::Arc;

use thiserror::Error;

pub use self::{
    scopes::{Scope, Scopes},
    service_keys::{KeyHash, KeySet, ServiceKey, ServiceKeys},
};
use crate::domain::{
    Alert, Session, SessionKey, Stage, Timestamp, UserId, UserState, rules::Actor,
};

/// The sender of a request, as its credentials identify it.
#[derive(Debug, Clone)]
pub enum Caller {
    /// The request has this service key, or it has no credentials and the server is in development
    /// mode.
    Service(Arc<ServiceKey>),
    /// The request has the token of this session, which may have ended.
    Session(Box<Session>),
    /// The credentials of the request are neither a service key nor a known token.
    InvalidCredentials,
    /// The request has no credentials.
    Anonymous,
}

/// The part of one user that a caller may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// Everything about the user.
    Full,
    /// Only who the user is, this session, and the alerts about it.
    OnlySession(SessionKey),
    /// Only who the user is: the id, the number and the name.
    Identity,
    /// Only this session, and nothing of the user.
    WithoutUser(SessionKey),
}

/// A service key does not have the scope that an operation needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the service key does not have the scope {0}")]
pub struct MissingScope(pub Scope);

impl Visibility {
    /// Returns true if the session with this key is visible.
    #[must_use]
    pub fn shows_session(self, key: SessionKey) -> bool {
        match self {
            Self::Full => true,
            Self::OnlySession(own) | Self::WithoutUser(own) => own == key,
            Self::Identity => false,
        }
    }

    /// Returns true if the alert is visible.
    #[must_use]
    pub fn shows_alert(self, alert: &Alert) -> bool {
        match self {
            Self::Full => true,
            Self::OnlySession(key) => alert.concerns(key),
            Self::Identity | Self::WithoutUser(_) => false,
        }
    }
}

impl Caller {
    /// Returns the part of `user` that the caller may see at `now`, or `None` if it may see
    /// nothing.
    #[must_use]
    pub fn visibility(&self, user: UserId, now: Timestamp) -> Option<Visibility> {
        match self {
            Self::Service(key) => key.scopes.contains(Scope::Read).then_some(Visibility::Full),
            Self::Session(session) if session.owner.id == user => Some(match session.stage(now) {
                Stage::Active => Visibility::Full,
                Stage::Pending | Stage::Ended(_) => Visibility::OnlySession(session.key),
            }),
            Self::Session(_) | Self::InvalidCredentials | Self::Anonymous => None,
        }
    }

    /// Returns the part of `user` that the payload of a mutation shows to the caller. `user` is the
    /// state after the mutation, which may have ended the session of the caller. `gained` is the part
    /// that everyone may see who has just carried out the mutation.
    #[must_use]
    pub fn payload_visibility(
        &self,
        user: &UserState,
        now: Timestamp,
        gained: Visibility,
    ) -> Visibility {
        let is_active = |own: &Session| {
            let active = user.active.as_ref();
            active.is_some_and(|active| active.key == own.key)
        };
        match (self, self.visibility(user.owner.id, now)) {
            (Self::Session(own), Some(Visibility::Full)) if !is_active(own) => gained,
            (_, Some(Visibility::Full)) => Visibility::Full,
            _ => gained,
        }
    }

    /// Returns the caller as an actor of the rules, or `None` if its credentials identify neither
    /// the service nor a session. The session may have ended.
    #[must_use]
    pub fn actor(&self) -> Option<Actor> {
        match self {
            Self::Service(_) => Some(Actor::Service),
            Self::Session(session) => Some(Actor::Session(session.key)),
            Self::InvalidCredentials | Self::Anonymous => None,
        }
    }

    /// Returns the user of the caller's session, if the session is active at `now`.
    #[must_use]
    pub fn active_user(&self, now: Timestamp) -> Option<UserId> {
        match self {
            Self::Session(session) if session.is_valid(now) => Some(session.owner.id),
            _ => None,
        }
    }

    /// Returns true if the caller is the service.
    #[must_use]
    pub const fn is_service(&self) -> bool {
        matches!(self, Self::Service(_))
    }

    /// Returns true if the caller has the token of this session.
    #[must_use]
    pub fn is_session(&self, key: SessionKey) -> bool {
        matches!(self, Self::Session(own) if own.key == key)
    }

    /// Returns a caller of development mode, which may do everything.
    #[must_use]
    pub fn development() -> Self {
        Self::Service(ServiceKeys::development_key())
    }

    /// Returns true if the caller has a service key with this scope.
    #[must_use]
    pub fn has_scope(&self, scope: Scope) -> bool {
        matches!(self, Self::Service(key) if key.scopes.contains(scope))
    }

    /// Checks that the service may use an operation that needs `scope`. Other callers have no
    /// scopes: the operation itself decides what they may do.
    ///
    /// # Errors
    /// [`MissingScope`] if the caller has a service key without the scope.
    pub fn require(&self, scope: Scope) -> Result<(), MissingScope> {
        self.check_scopes(&[scope])?;
        if let Self::Service(key) = self {
            tracing::debug!(key = %key.name, %scope, "a service key is used");
        }
        Ok(())
    }

    /// Checks that the service has one of the scopes, of which the last one is the usual one. An
    /// operation calls this before it checks its inputs, so that a key without the scope learns
    /// nothing else.
    ///
    /// # Errors
    /// [`MissingScope`] if the caller has a service key without any of the scopes.
    pub fn check_scopes(&self, scopes: &[Scope]) -> Result<(), MissingScope> {
        let (Self::Service(key), [.., scope]) = (self, scopes) else {
            return Ok(());
        };
        if scopes.iter().any(|scope| key.scopes.contains(*scope)) {
            return Ok(());
        }
        tracing::info!(key = %key.name, %scope, "a service key lacks the scope of an operation");
        Err(MissingScope(*scope))
    }
}
