//! The errors that a client receives: a stable code and a plain sentence for each. An internal
//! error is logged here, once, with its cause. The client receives no detail of it.

use std::time::{Duration, Instant};

use async_graphql::{ErrorExtensions, Name, Pos, Response, ServerError, parser};

use super::{
    execution::{InvalidPersistedQuery, LexicalError},
    messages,
};
use crate::{
    domain::{InputRule, InvalidInput, rules::TooManyAlerts},
    error_chain::ErrorChain,
    log_limit::LogLimit,
    metrics::{self, RateLimit},
    service::{Error, StoreError},
};

macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal,)+) => {
        /// The stable code of an error: `extensions.code` in a GraphQL error, over every transport.
        /// `docs/errors.md` describes each of them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ErrorCode {
            $($(#[$doc])* $variant,)+
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Returns the value of `extensions.code`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)+
                }
            }
        }
    };
}

error_codes! {
    /// An input breaks a rule. `extensions.field` is the name of the input.
    InvalidInput = "INVALID_INPUT",
    /// The mobile number, name or password of a login is wrong.
    InvalidCredentials = "INVALID_CREDENTIALS",
    /// The field needs a valid token, and the request has none.
    Unauthenticated = "UNAUTHENTICATED",
    /// The caller is known, but is not allowed to do this.
    Forbidden = "FORBIDDEN",
    /// The user is frozen, so no login succeeds.
    Frozen = "FROZEN",
    /// The object does not exist, or is not visible to the caller.
    NotFound = "NOT_FOUND",
    /// The mobile number belongs to another user.
    MobileTaken = "MOBILE_TAKEN",
    /// What follows a position was deleted. The client reads the present state and a new position.
    CursorExpired = "CURSOR_EXPIRED",
    /// Too many logins failed, too many devices ask for approval, or too many users were registered
    /// from one address. `extensions.retryAfterSeconds` is the time until the next attempt.
    RateLimited = "RATE_LIMITED",
    /// The server or its store cannot respond now. A later attempt may succeed.
    Unavailable = "UNAVAILABLE",
    /// The server failed, and has logged the cause.
    Internal = "INTERNAL",
    /// The request is not a valid GraphQL request, or exceeds a limit on operations.
    BadRequest = "BAD_REQUEST",
    /// No media type that the client accepts is available (HTTP 406).
    NotAcceptable = "NOT_ACCEPTABLE",
    /// The HTTP method is not allowed for this operation (HTTP 405).
    MethodNotAllowed = "METHOD_NOT_ALLOWED",
    /// The request body is not JSON (HTTP 415).
    UnsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE",
    /// The request body is too long (HTTP 413).
    PayloadTooLarge = "PAYLOAD_TOO_LARGE",
    /// The request body did not arrive in time (HTTP 408).
    RequestTimeout = "REQUEST_TIMEOUT",
    /// The node, or the client's network, has too many WebSockets and event streams open (HTTP 503,
    /// 429).
    TooManySockets = "TOO_MANY_SOCKETS",
    /// The server does not know the hash of a persisted query, and the request has no `query`. The
    /// client sends the hash and the text next. The code is that of Apollo's protocol.
    PersistedQueryNotFound = "PERSISTED_QUERY_NOT_FOUND",
    /// The hash of a persisted query is not that of the `query`.
    PersistedQueryMismatch = "PERSISTED_QUERY_MISMATCH",
}

impl ErrorCode {
    /// Creates the error that a client receives, and counts it.
    fn error(self, message: impl Into<String>) -> async_graphql::Error {
        metrics::record(|metrics| metrics.error(self.as_str()));
        async_graphql::Error::new(message)
            .extend_with(|_, extensions| extensions.set("code", self.as_str()))
    }
}

/// Converts an error of the service to the error that the client receives, and logs it if it is
/// internal.
pub(super) fn to_client(error: Error) -> async_graphql::Error {
    metrics::record(|metrics| {
        if let Some(limit) = rate_limit(&error) {
            metrics.rate_limited.increment(limit);
        }
    });
    match error {
        Error::Invalid(InvalidInput { field, rule }) => ErrorCode::InvalidInput
            .error(messages::invalid_input(rule))
            .extend_with(|_, extensions| extensions.set("field", field)),
        Error::InvalidCredentials => {
            ErrorCode::InvalidCredentials.error(messages::INVALID_CREDENTIALS)
        }
        Error::Unauthenticated => ErrorCode::Unauthenticated.error(messages::UNAUTHENTICATED),
        Error::Forbidden(action) => ErrorCode::Forbidden.error(messages::forbidden(action)),
        Error::MissingScope(missing) => {
            ErrorCode::Forbidden.error(messages::missing_scope(missing))
        }
        Error::Frozen(_) => ErrorCode::Frozen.error(messages::FROZEN),
        Error::NotFound(resource) => ErrorCode::NotFound.error(messages::not_found(resource)),
        Error::AlertsPurged => ErrorCode::CursorExpired.error(messages::ALERTS_PURGED),
        Error::MobileTaken => ErrorCode::MobileTaken.error(messages::MOBILE_TAKEN),
        Error::RateLimited { retry_after } => rate_limited(retry_after, messages::rate_limited),
        Error::TooManyAlerts(TooManyAlerts { retry_after }) => {
            rate_limited(retry_after, messages::too_many_alerts)
        }
        Error::TooManyRegistrations { retry_after } => {
            rate_limited(retry_after, messages::too_many_registrations)
        }
        Error::CursorExpired => ErrorCode::CursorExpired.error(messages::CURSOR_EXPIRED),
        Error::Busy => ErrorCode::Unavailable.error(messages::BUSY),
        Error::Store(error @ StoreError::Unavailable(_)) => {
            log_unavailable(&error);
            ErrorCode::Unavailable.error(messages::UNAVAILABLE)
        }
        error @ (Error::Store(StoreError::Damaged { .. })
        | Error::Hashing(_)
        | Error::BreachedPasswords(_)) => {
            log(&error);
            ErrorCode::Internal.error(messages::INTERNAL)
        }
    }
}

const fn rate_limit(error: &Error) -> Option<RateLimit> {
    match error {
        Error::RateLimited { .. } => Some(RateLimit::FailedLogins),
        Error::TooManyRegistrations { .. } => Some(RateLimit::Registrations),
        Error::TooManyAlerts(_) => Some(RateLimit::Alerts),
        _ => None,
    }
}

/// Returns the error of a rate limit. `message` gets the number of seconds until the next attempt.
fn rate_limited(retry_after: Duration, message: fn(u64) -> String) -> async_graphql::Error {
    let seconds = retry_after.as_millis().div_ceil(1000).max(1);
    let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
    ErrorCode::RateLimited
        .error(message(seconds))
        .extend_with(|_, extensions| extensions.set("retryAfterSeconds", seconds))
}

/// Converts an error that occurred before any field was executed to a whole response.
pub(super) fn to_response(error: Error) -> Response {
    let mut error = to_client(error).into_server_error(Pos::default());
    // The error belongs to no part of the document. A location is at least 1:1 (GraphQL
    // specification, 7.1.2).
    error.locations.clear();
    Response::from_errors(vec![error])
}

/// The failures of the store. While it is away, every request fails.
static UNAVAILABLE: LogLimit = LogLimit::new();

fn log_unavailable(error: &StoreError) {
    let error = ErrorChain(error);
    if let Some(count) = UNAVAILABLE.record(Instant::now()) {
        tracing::error!(%error, count, "a request failed");
    } else {
        tracing::debug!(%error, "a request failed again");
    }
}

fn log(error: &dyn std::error::Error) {
    tracing::error!(error = %ErrorChain(error), "a request failed");
}

/// Converts the error of a result to the error that the client receives.
pub(super) trait ForClient<T> {
    fn for_client(self) -> async_graphql::Result<T>;
}

impl<T, E: Into<Error>> ForClient<T> for Result<T, E> {
    fn for_client(self) -> async_graphql::Result<T> {
        self.map_err(|error| to_client(error.into()))
    }
}

/// Returns the error for an input that breaks `rule`.
pub(super) fn invalid(field: &'static str, rule: InputRule) -> async_graphql::Error {
    to_client(InvalidInput::new(field, rule).into())
}

/// A request error (GraphQL specification, 7.1.2) of an operation that sessiond rejects before
/// async-graphql validates it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RequestError {
    /// The text has more than `limit` lexical tokens.
    TooManyTokens { limit: usize },
    /// The brackets of the text, or the selection sets of the document with its fragments expanded,
    /// are nested deeper than `limit`.
    TooDeep { limit: usize },
    /// A part of the text is not a lexical token.
    Lexical(LexicalError),
    /// The text is not a GraphQL document.
    Syntax(parser::Error),
    /// The document has more than `limit` selections after its fragments are expanded.
    TooManySelections { limit: usize },
    /// One field, fragment, variable or operation has more than `limit` directives.
    TooManyDirectives { limit: usize },
    /// A directive is used where the schema does not permit it.
    MisplacedDirective {
        name: Name,
        on: &'static str,
        position: Pos,
    },
    /// A field `__typename` has arguments or selections.
    PartsOfTypename(Pos),
    /// An input object has a field twice (GraphQL specification, 5.6.3).
    RepeatedInputField { name: String, position: Pos },
    /// The document reads the schema, and introspection is disabled.
    IntrospectionDisabled,
    /// The document reads the schema too often, or nests introspection lists too deeply.
    TooMuchIntrospection,
    /// A subscription has more than one root field (GraphQL specification, 5.2.3.1).
    SeveralRootFields,
    /// The document does not have the operation `name`, or has several operations and the request
    /// names none (GraphQL specification, 6.1).
    NoOperation { name: Option<String> },
    /// A variable that must not be null has no value.
    MissingVariable(Name),
    /// A variable is a list or an object although its type needs something else, or the reverse.
    WrongVariable { name: Name, expected: &'static str },
    /// The document uses large variables so often that their copies would exceed `limit` bytes.
    VariablesTooLarge { limit: usize },
    /// The value at `path`, which starts with the name of an argument, is not of its type.
    WrongArgument {
        path: String,
        expected: &'static str,
        position: Pos,
    },
    /// A subscription was sent over a transport that has only one response.
    SubscriptionWithoutStream,
    /// The entry `persistedQuery` is not valid.
    InvalidPersistedQuery(InvalidPersistedQuery),
    /// The request has the hash of a persisted query that is not known, and no text.
    PersistedQueryNotFound,
    /// The hash of a persisted query is not that of the text.
    PersistedQueryMismatch,
}

impl RequestError {
    const fn code(&self) -> ErrorCode {
        match self {
            Self::PersistedQueryNotFound => ErrorCode::PersistedQueryNotFound,
            Self::PersistedQueryMismatch => ErrorCode::PersistedQueryMismatch,
            _ => ErrorCode::BadRequest,
        }
    }
}

impl From<RequestError> for Response {
    fn from(error: RequestError) -> Self {
        let message = messages::request_error(&error);
        let code = error.code();
        let mut error = match error {
            RequestError::Syntax(error) => ServerError::from(error),
            RequestError::Lexical(error) => ServerError::new("", Some(error.position)),
            RequestError::MisplacedDirective { position, .. }
            | RequestError::PartsOfTypename(position)
            | RequestError::RepeatedInputField { position, .. }
            | RequestError::WrongArgument { position, .. } => ServerError::new("", Some(position)),
            _ => ServerError::new("", None),
        };
        error.message = message;
        let extensions = error.extensions.get_or_insert_default();
        extensions.set("code", code.as_str());
        Self::from_errors(vec![error])
    }
}
