use std::time::Duration;

use thiserror::Error;

use crate::{
    domain::{
        InvalidInput,
        rules::{DecideLoginError, NotActive},
    },
    store::{CommitError, StoreError},
};

/// Why a use case was not carried out. What the client is told of it stands in `graphql/errors.rs`.
#[derive(Debug, Error)]
pub enum Error {
    #[error(transparent)]
    Invalid(#[from] InvalidInput),
    #[error("the mobile number, name or password is wrong")]
    InvalidCredentials,
    #[error("the caller is not known, or its session has ended")]
    Unauthenticated,
    #[error("the caller may not {0}")]
    Forbidden(Action),
    #[error("there is no such {0}")]
    NotFound(Resource),
    #[error("the mobile number has an owner")]
    MobileTaken,
    #[error("too many failed logins")]
    RateLimited { retry_after: Duration },
    #[error("the server is too busy")]
    Busy,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("hashing a password failed: {0}")]
    Hashing(String),
}

/// What only some callers may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
pub enum Action {
    /// State the address of a device.
    #[error("state an address")]
    StateAddress,
    /// Choose a conflict policy that the operator does not leave to clients.
    #[error("choose this conflict policy")]
    ChooseOnConflict,
    /// Look up sessions of any user by key.
    #[error("look up sessions by key")]
    LookUpSessionsByKey,
    /// Delete a user.
    #[error("delete a user")]
    DeleteUser,
}

/// What was not found, or is not visible to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
pub enum Resource {
    /// A user.
    #[error("user")]
    User,
    /// A session.
    #[error("session")]
    Session,
    /// A login that waits for approval.
    #[error("waiting login")]
    LoginAttempt,
}

impl From<NotActive> for Error {
    fn from(NotActive: NotActive) -> Self {
        Self::Unauthenticated
    }
}

impl From<DecideLoginError> for Error {
    fn from(error: DecideLoginError) -> Self {
        match error {
            DecideLoginError::NotActive(error) => error.into(),
            DecideLoginError::NoSuchAttempt => Self::NotFound(Resource::LoginAttempt),
        }
    }
}

impl From<CommitError> for Error {
    fn from(error: CommitError) -> Self {
        match error {
            // Another change was faster. The client may try again.
            CommitError::Stale => Self::Busy,
            CommitError::MobileTaken => Self::MobileTaken,
            CommitError::Store(error) => error.into(),
        }
    }
}
