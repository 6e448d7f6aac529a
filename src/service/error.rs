use std::time::Duration;

use thiserror::Error;

use crate::{
    domain::{Invalid, rules::Refusal},
    store::StoreError,
};

/// Why a use case was not carried out. What the client is told of it stands in `graphql/errors.rs`.
#[derive(Debug, Error)]
pub enum Error {
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error("the mobile number, name or password is wrong")]
    InvalidCredentials,
    #[error("the caller is not known, or its session has ended")]
    Unauthenticated,
    #[error("the caller may not {0}")]
    Forbidden(&'static str),
    #[error("there is no such {0}")]
    NotFound(&'static str),
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

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotActive => Self::Unauthenticated,
            Refusal::NoSuchAttempt => Self::NotFound("login waiting for approval"),
        }
    }
}
