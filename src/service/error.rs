//! The errors of the use cases.

use std::time::Duration;

use thiserror::Error;

use super::BreachedPasswordsError;
use crate::{
    access::MissingScope,
    alerts::AlertStreamError,
    domain::{
        InputRule, InvalidInput,
        rules::{
            DecideLoginError, EndError, FreezeError, Frozen, LoginError, NotActive, TooManyAlerts,
        },
    },
    store::{CommitError, StoreError},
};

/// The reason why a use case failed. `graphql/errors.rs` has the codes and messages that clients
/// get.
#[derive(Debug, Error)]
pub enum Error {
    /// An input is invalid.
    #[error(transparent)]
    Invalid(#[from] InvalidInput),
    /// The credentials of a login are wrong.
    #[error("the mobile number, name or password is wrong")]
    InvalidCredentials,
    /// The operation needs a valid session or the service.
    #[error("the caller is neither the service nor a valid session")]
    Unauthenticated,
    /// The caller may not perform this action.
    #[error("the caller may not {0}")]
    Forbidden(Action),
    /// The caller has a service key that lacks a scope.
    #[error(transparent)]
    MissingScope(#[from] MissingScope),
    /// The resource does not exist, or the caller may not see it.
    #[error("the {0} was not found")]
    NotFound(Resource),
    /// Another user has registered the mobile number.
    #[error("the mobile number is already registered")]
    MobileTaken,
    /// A position in a log that no longer has what follows it: alerts were purged, or a backup was
    /// restored.
    #[error("what follows the position is not in the log")]
    AlertsPurged,
    /// Too many logins failed.
    #[error("too many failed logins")]
    RateLimited {
        /// The time until the next login is allowed.
        retry_after: Duration,
    },
    /// The user is frozen, so no login succeeds.
    #[error(transparent)]
    Frozen(#[from] Frozen),
    /// A login would ask for approval, and its user has too many alerts.
    #[error(transparent)]
    TooManyAlerts(#[from] TooManyAlerts),
    /// Too many users were registered from one address.
    #[error("too many registrations from one address")]
    TooManyRegistrations {
        /// The time until the next registration is allowed.
        retry_after: Duration,
    },
    /// The position in the feed is too old, or is not one of this database.
    #[error("the cursor is too old or unknown")]
    CursorExpired,
    /// The server is overloaded. A retry may succeed.
    #[error("the server is too busy")]
    Busy,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The passwords from breaches could not be searched.
    #[error(transparent)]
    BreachedPasswords(#[from] BreachedPasswordsError),
    /// A password could not be hashed.
    #[error("could not hash a password: {0}")]
    Hashing(String),
}

/// An action that only some callers may perform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
pub enum Action {
    /// Set the IP address of a device.
    #[error("set the IP address of a device")]
    SetAddress,
    /// Choose a conflict policy that the operator does not allow clients to choose.
    #[error("choose this conflict policy")]
    ChooseOnConflict,
    /// Look up sessions of any user by key.
    #[error("look up sessions by key")]
    LookUpSessionsByKey,
    /// Follow the sessions of all users.
    #[error("follow the sessions of all users")]
    FollowSessionEvents,
    /// List all users.
    #[error("list all users")]
    ListUsers,
    /// Register a user, if the operator lets only the service do so.
    #[error("register a user")]
    CreateUser,
    /// Delete a user.
    #[error("delete a user")]
    DeleteUser,
    /// Set the first password of a user.
    #[error("set the first password of a user")]
    SetFirstPassword,
    /// Unfreeze a user.
    #[error("unfreeze a user")]
    UnfreezeUser,
    /// Decide on a login with a session that a recent take-over has opened.
    #[error("decide on a login after a take-over")]
    DecideAfterTakeOver,
}

/// A resource that was not found, or that the caller may not see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
pub enum Resource {
    /// A user.
    #[error("user")]
    User,
    /// A session.
    #[error("session")]
    Session,
    /// A login that waits for approval.
    #[error("pending login")]
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
            DecideLoginError::NumberRequired => {
                InvalidInput::new("matchNumber", InputRule::MatchNumberRequired).into()
            }
            DecideLoginError::MayNotDecide => Self::Forbidden(Action::DecideAfterTakeOver),
        }
    }
}

impl From<EndError> for Error {
    fn from(error: EndError) -> Self {
        match error {
            EndError::NotActive(error) => error.into(),
            EndError::MayNotDecide => Self::Forbidden(Action::DecideAfterTakeOver),
        }
    }
}

impl From<LoginError> for Error {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::TooManyAlerts(error) => error.into(),
            LoginError::Frozen(error) => error.into(),
        }
    }
}

impl From<FreezeError> for Error {
    fn from(error: FreezeError) -> Self {
        let until = |rule| InvalidInput::new("until", rule).into();
        match error {
            FreezeError::NotActive(error) => error.into(),
            FreezeError::Passed => until(InputRule::FreezeUntil),
            FreezeError::TooLong => until(InputRule::FreezeTooLong),
        }
    }
}

impl From<AlertStreamError> for Error {
    fn from(error: AlertStreamError) -> Self {
        match error {
            AlertStreamError::Purged => Self::AlertsPurged,
            AlertStreamError::Store(error) => error.into(),
        }
    }
}

impl From<CommitError> for Error {
    fn from(error: CommitError) -> Self {
        match error {
            // Another change was committed first. The client may try again.
            CommitError::Stale => Self::Busy,
            CommitError::MobileTaken => Self::MobileTaken,
            CommitError::Store(error) => error.into(),
        }
    }
}
