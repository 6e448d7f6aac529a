//! What a client is told of an error: a stable code and a plain sentence. An internal error is logged here, once,
//! with its cause, and the client is not told what it was.

use async_graphql::ErrorExtensions;

use super::messages;
use crate::{
    domain::{InputRule, InvalidInput},
    error_chain::ErrorChain,
    service::Error,
    store::StoreError,
};

/// `extensions.code` of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// An input breaks a rule of its field, which `extensions.field` names.
    InvalidInput,
    /// The mobile number, name or password of a login is wrong.
    InvalidCredentials,
    /// No valid token came with the request, and what was asked for needs one.
    Unauthenticated,
    /// The caller is known, and may not do this.
    Forbidden,
    /// There is no such thing, or the caller may not see it.
    NotFound,
    /// The mobile number has an owner.
    MobileTaken,
    /// Too many logins failed. `extensions.retryAfterSeconds` says when to try again.
    RateLimited,
    /// The server or its store cannot answer now. Trying again may help.
    Unavailable,
    /// The server is at fault, and has logged why.
    Internal,
}

impl Code {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidInput => "INVALID_INPUT",
            Self::InvalidCredentials => "INVALID_CREDENTIALS",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden => "FORBIDDEN",
            Self::NotFound => "NOT_FOUND",
            Self::MobileTaken => "MOBILE_TAKEN",
            Self::RateLimited => "RATE_LIMITED",
            Self::Unavailable => "UNAVAILABLE",
            Self::Internal => "INTERNAL",
        }
    }

    fn error(self, message: impl Into<String>) -> async_graphql::Error {
        async_graphql::Error::new(message)
            .extend_with(|_, extensions| extensions.set("code", self.as_str()))
    }
}

/// The client's view of an error.
pub(super) fn to_client(error: Error) -> async_graphql::Error {
    match error {
        Error::Invalid(InvalidInput { field, rule }) => Code::InvalidInput
            .error(messages::invalid_input(rule))
            .extend_with(|_, extensions| extensions.set("field", field)),
        Error::InvalidCredentials => {
            Code::InvalidCredentials.error("The mobile number, name or password is wrong.")
        }
        Error::Unauthenticated => {
            Code::Unauthenticated.error("Log in first: this needs a valid token.")
        }
        Error::Forbidden(action) => Code::Forbidden.error(messages::forbidden(action)),
        Error::NotFound(resource) => Code::NotFound.error(messages::not_found(resource)),
        Error::MobileTaken => Code::MobileTaken.error("This mobile number is registered already."),
        Error::RateLimited { retry_after } => {
            let seconds = retry_after.as_millis().div_ceil(1000).max(1);
            Code::RateLimited
                .error(format!("Too many failed logins. Try again in {seconds} s."))
                .extend_with(|_, extensions| {
                    extensions.set(
                        "retryAfterSeconds",
                        u64::try_from(seconds).unwrap_or(u64::MAX),
                    );
                })
        }
        Error::Busy => Code::Unavailable.error("The server is too busy. Try again."),
        Error::Store(error @ StoreError::Unavailable(_)) => {
            log(&error);
            Code::Unavailable.error("The server cannot answer now. Try again.")
        }
        error @ (Error::Store(StoreError::Damaged { .. }) | Error::Hashing(_)) => {
            log(&error);
            Code::Internal.error("The server failed. It has logged why.")
        }
    }
}

fn log(error: &dyn std::error::Error) {
    tracing::error!(error = %ErrorChain(error), "a request failed");
}

/// Lets resolvers end with `.for_client()?`.
pub(super) trait ForClient<T> {
    fn for_client(self) -> async_graphql::Result<T>;
}

impl<T, E: Into<Error>> ForClient<T> for Result<T, E> {
    fn for_client(self) -> async_graphql::Result<T> {
        self.map_err(|error| to_client(error.into()))
    }
}

pub(super) fn invalid(field: &'static str, rule: InputRule) -> async_graphql::Error {
    to_client(InvalidInput::new(field, rule).into())
}
