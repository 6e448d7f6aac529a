//! The sentences that the API shows to a person. They may change. The stable codes are in
//! [`super::errors`].

use super::{
    errors::RequestError,
    execution::{DecodeError, InvalidPersistedQuery, LexicalProblem},
};
use crate::{
    access::MissingScope,
    domain::{Alert, AlertKind, DeviceDescription, EndedBy, InputRule},
    service::{Action, Resource},
};

/// The message of a `createUser` payload.
pub(super) const USER_CREATED: &str = "User created successfully";
/// The message of a `login` that opened a session.
pub(super) const LOGGED_IN: &str = "Logged in successfully.";
/// The message of a `login` that was refused because another device has the active session.
pub(super) const LOGIN_REFUSED: &str =
    "There is already a session up and running. Please log out and log in again.";
/// The message of a `login` that waits for approval.
pub(super) const AWAITING_APPROVAL: &str =
    "Another device is logged in and has been asked to approve this login.";
/// The message of an `invalidateSession` payload.
pub(super) const SESSION_INVALIDATED: &str = "Session invalidated successfully.";
/// The message of a `decideLogin` that approved the login.
pub(super) const LOGIN_APPROVED: &str = "Login approved.";
/// The message of a `decideLogin` that denied the login.
pub(super) const LOGIN_DENIED: &str = "Login denied.";
/// The message of a `decideLogin` whose number was wrong.
pub(super) const WRONG_NUMBER: &str =
    "This is not the number that the other device shows, so the login was denied.";
/// The message of a `freezeUser` payload.
pub(super) const USER_FROZEN: &str =
    "The account is frozen: every device is logged out, and no login succeeds.";
/// The message of an `unfreezeUser` payload.
pub(super) const USER_UNFROZEN: &str = "The account is no longer frozen.";
/// The message of a `setPassword` payload.
pub(super) const PASSWORD_SET: &str = "Password set successfully.";
/// The message of a `deleteUser` payload.
pub(super) const USER_DELETED: &str = "User deleted successfully.";

/// The error message for a wrong mobile number, name or password.
pub(super) const INVALID_CREDENTIALS: &str = "The mobile number, name or password is wrong.";
/// The error message for a login of a frozen user.
pub(super) const FROZEN: &str = "This account is frozen. Contact the service.";
/// The error message for a field that needs a valid token.
pub(super) const UNAUTHENTICATED: &str = "Log in first: this needs a valid token.";
/// The error message for a mobile number that belongs to another user.
pub(super) const MOBILE_TAKEN: &str = "This mobile number is already registered.";
/// The error message for a cursor of the feed that is too old.
pub(super) const CURSOR_EXPIRED: &str =
    "This cursor is too old or unknown. Read the active sessions again, and start anew.";
/// The error message for a position whose following alerts were deleted, or which the log has not
/// reached.
pub(super) const ALERTS_PURGED: &str = "Alerts after this position were deleted, or it is not \
    in this log. Read `alerts` and `alertCursor`, and subscribe again.";
/// The error message of a server under too much load.
pub(super) const BUSY: &str = "The server is too busy. Try again.";
/// The error message of a server whose store is unavailable.
pub(super) const UNAVAILABLE: &str = "The server is unavailable. Try again.";
/// The error message of a server that failed.
pub(super) const INTERNAL: &str = "The server failed, and has logged the error.";

/// Returns the error message for too many failed logins.
pub(super) fn rate_limited(seconds: u64) -> String {
    format!("Too many failed logins. Try again in {seconds} s.")
}

/// Returns the error message for a login that would ask for approval and whose user has too many
/// alerts.
pub(super) fn too_many_alerts(seconds: u64) -> String {
    format!("Too many devices are trying to log in. Try again in {seconds} s.")
}

/// Returns the message of a `login` that was refused because of a limit or a pause.
pub(super) fn login_paused(seconds: i32) -> String {
    format!(
        "Another device is logged in, and this login may not replace it now. Try again in {seconds} s."
    )
}

/// Returns the error message for too many registrations from one address.
pub(super) fn too_many_registrations(seconds: u64) -> String {
    format!("Too many registrations from this network. Try again in {seconds} s.")
}

/// Returns the error message for an operation that is rejected before it is executed.
pub(super) fn request_error(error: &RequestError) -> String {
    match error {
        RequestError::TooManyTokens { limit } => {
            format!("The operation has more than {limit} tokens.")
        }
        RequestError::TooDeep { limit } => {
            format!("The operation is nested more than {limit} levels deep.")
        }
        RequestError::Lexical(error) => lexical_error(error.problem),
        RequestError::Syntax(error) => syntax_error(&error.to_string()),
        RequestError::TooManySelections { limit } => {
            format!("The operation has more than {limit} selections with its fragments expanded.")
        }
        RequestError::TooManyDirectives { limit } => {
            format!("One part of the operation has more than {limit} directives.")
        }
        RequestError::MisplacedDirective { name, on, .. } => {
            format!("The directive @{name} may not be used on {on}.")
        }
        RequestError::PartsOfTypename(_) => {
            "The field `__typename` has neither arguments nor selections.".to_owned()
        }
        RequestError::RepeatedInputField { name, .. } => {
            format!("The field `{name}` of an input object is given more than once.")
        }
        RequestError::IntrospectionDisabled => "Introspection is disabled.".to_owned(),
        RequestError::TooMuchIntrospection => {
            "The operation reads more of the schema than is allowed.".to_owned()
        }
        RequestError::SeveralRootFields => {
            "A subscription must select exactly one field.".to_owned()
        }
        RequestError::NoOperation { name: Some(_) } => {
            "The document has no operation with the name that `operationName` has.".to_owned()
        }
        RequestError::NoOperation { name: None } => {
            "The document has several operations. Send the name of one as `operationName`."
                .to_owned()
        }
        RequestError::MissingVariable(name) => format!("The variable ${name} has no value."),
        RequestError::WrongVariable { name, expected } => {
            format!("The variable ${name} must be {expected}.")
        }
        RequestError::VariablesTooLarge { limit } => format!(
            "The document uses large variables too often: their values would take more than {limit} \
             bytes."
        ),
        RequestError::WrongArgument { path, expected, .. } => {
            format!("The value of `{path}` must be {expected}.")
        }
        RequestError::SubscriptionWithoutStream => "A subscription has many responses. Send it \
             over a WebSocket at this path (subprotocol graphql-transport-ws), or with the header \
             `Accept: text/event-stream`."
            .to_owned(),
        RequestError::InvalidPersistedQuery(problem) => match problem {
            InvalidPersistedQuery::NotAnObject => {
                "`extensions.persistedQuery` must be an object.".to_owned()
            }
            InvalidPersistedQuery::Version => {
                "`extensions.persistedQuery.version` must be 1.".to_owned()
            }
            InvalidPersistedQuery::Hash => "`extensions.persistedQuery.sha256Hash` must be the \
                 SHA-256 hash of the query in 64 lowercase hexadecimal digits."
                .to_owned(),
        },
        // Clients compare this text, so it must stay as it is.
        RequestError::PersistedQueryNotFound => "PersistedQueryNotFound".to_owned(),
        RequestError::PersistedQueryMismatch => {
            "`sha256Hash` is not the SHA-256 hash of `query`.".to_owned()
        }
    }
}

/// Returns the error message for a text that is not split into tokens.
fn lexical_error(problem: LexicalProblem) -> String {
    match problem {
        LexicalProblem::UnexpectedCharacter(character) => {
            format!(
                "Syntax error: unexpected character {}.",
                character.escape_debug()
            )
        }
        LexicalProblem::InvalidNumber => "Syntax error: invalid number.".to_owned(),
        LexicalProblem::UnterminatedString => {
            "Syntax error: a string has no closing quotation mark.".to_owned()
        }
        LexicalProblem::InvalidEscape => {
            "Syntax error: a string contains an invalid escape sequence.".to_owned()
        }
        LexicalProblem::LoneSurrogate => {
            "Syntax error: a string contains one half of a surrogate pair.".to_owned()
        }
    }
}

/// Returns the error message for a request that is not a GraphQL request.
pub(super) fn decode_error(error: &DecodeError) -> String {
    match error {
        DecodeError::NotUtf8 => "The body is not UTF-8.".to_owned(),
        DecodeError::EmptyBody => "The body is empty.".to_owned(),
        DecodeError::Batch => {
            "Batches are not supported. Send one operation in each request.".to_owned()
        }
        DecodeError::NotAnObject => "The body must be a JSON object.".to_owned(),
        DecodeError::NotJson { text, reason } => format!("{text} is not valid JSON: {reason}."),
        DecodeError::RepeatedEntry => {
            "Send each of `query`, `operationName`, `variables` and `extensions` only once."
                .to_owned()
        }
        DecodeError::WrongType {
            entry,
            expected,
            found,
        } => format!("`{entry}` must be {expected}, but you sent {found}."),
        DecodeError::MissingQuery => "The request has no `query`.".to_owned(),
        DecodeError::EmptyQuery => "`query` must not be empty.".to_owned(),
    }
}

/// Shortens a message of the parser. The message of async-graphql 8.0.0-rc.5 shows the line of the
/// error with an arrow, and its last line lists the expected tokens. The client gets the position
/// in the `locations` of the error.
fn syntax_error(parser_message: &str) -> String {
    match parser_message.rsplit_once("\n  = ") {
        Some((_, expected)) => {
            let expected = expected.trim().replace("EOI", "the end").replace('_', " ");
            format!("Syntax error: {expected}.")
        }
        None => parser_message.to_owned(),
    }
}

/// Returns the error message for an input that breaks `rule`.
pub(super) const fn invalid_input(rule: InputRule) -> &'static str {
    match rule {
        InputRule::Required => "This field is required.",
        InputRule::Mobile => {
            "A mobile number must have 7 to 15 digits, with or without a leading +."
        }
        InputRule::MobileCharacters => {
            "A mobile number must have 7 to 15 digits, with or without a leading +, and no other \
             characters except spaces, dashes, dots, slashes and parentheses."
        }
        InputRule::MobileCountryCode => {
            "The country code of a mobile number must not start with 0. Write +, the country code \
             and the number."
        }
        InputRule::MobileTrunkPrefix => {
            "Write the mobile number as it is dialed from another country: +, the country code and \
             the number, without a prefix such as (0)."
        }
        InputRule::MobileExtension => "A mobile number must not have an extension.",
        InputRule::Username => "A username must have 1 to 64 characters.",
        InputRule::UsernameCharacters => {
            "A username must not have control characters, and no characters that are invisible or \
             change how other text is shown."
        }
        InputRule::UsernameVisible => {
            "A username must have a letter, a digit or another character to see."
        }
        InputRule::UserAgent => {
            "A user agent must have 1 to 512 characters, something to see, and no control \
             characters."
        }
        InputRule::DeviceId => {
            "A device id must have 1 to 128 characters, and no control characters."
        }
        InputRule::NewPassword => "A password must have 8 to 256 characters.",
        InputRule::GuessablePassword => {
            "This password is easy to guess. Avoid common passwords, names, dates and patterns, or \
             use several words."
        }
        InputRule::BreachedPassword => {
            "This password is known from a breach of another service. Choose another one."
        }
        InputRule::PasswordLength => "A password must have at most 256 characters.",
        InputRule::IpAddress => "The address must be an IPv4 or IPv6 address without a port.",
        InputRule::SessionKey => "A session key must be a UUID.",
        InputRule::AttemptId => "This is not the id of a login attempt.",
        InputRule::AlertId => "This is not the id of an alert.",
        InputRule::AlertOfThisUser => "This is not the id of an alert of this user.",
        InputRule::PageSize => "A page must have from 0 to 100 entries.",
        InputRule::Cursor => "This is not a cursor of this list.",
        InputRule::MatchNumberRequired => {
            "Select the number that the other device shows to approve the login."
        }
        InputRule::FreezeReason => {
            "A reason must have 1 to 200 characters, something to see, and no invisible characters."
        }
        InputRule::FreezeUntil => "The end of a freeze must lie in the future.",
        InputRule::FreezeTooLong => "Only the service may freeze a user for so long.",
        InputRule::Cookie => {
            "A cookie needs a POST without an event stream, and one field a request."
        }
        InputRule::EventCursor => "This is not a cursor of the feed of all users.",
        InputRule::SessionKeyCount => "At most 100 session keys can be looked up at once.",
    }
}

/// Returns the error message for an action that the caller may not perform.
pub(super) const fn forbidden(action: Action) -> &'static str {
    match action {
        Action::SetAddress => "Only the service may set an IP address.",
        Action::ChooseOnConflict => {
            "This server does not let devices choose this reaction to a second login."
        }
        Action::FollowSessionEvents => "Only the service may follow the sessions of all users.",
        Action::ListUsers => "Only the service may list all users.",
        Action::LookUpSessionsByKey => "Only the service may look up sessions by key.",
        Action::CreateUser => "Registration is closed: only the service may register users.",
        Action::DeleteUser => "Only the service may delete a user.",
        Action::SetFirstPassword => "Only the service may set the first password of a user.",
        Action::UnfreezeUser => "Only the service may unfreeze a user.",
        Action::DecideAfterTakeOver => {
            "This session was opened by a take-over a short time ago, so it may not decide yet."
        }
    }
}

/// Returns the error message for a service key without the scope of an operation.
pub(super) fn missing_scope(MissingScope(scope): MissingScope) -> String {
    format!("The service key does not have the scope `{scope}`.")
}

/// Returns the error message for an object that does not exist or is not visible to the caller.
pub(super) const fn not_found(resource: Resource) -> &'static str {
    match resource {
        Resource::User => "No such user was found.",
        Resource::Session => "No such session was found.",
        Resource::LoginAttempt => "No login with this id is waiting for approval.",
    }
}

/// Returns one sentence about an alert, and a second one if the alert also reports refused logins
/// that raised none.
pub(super) fn alert(alert: &Alert) -> String {
    let device = alert.attempt.as_ref().map_or_else(
        || "another device".to_owned(),
        |attempt| {
            let label = DeviceDescription::of(&attempt.user_agent).in_sentence();
            format!("{label} at {}", attempt.address)
        },
    );
    let sentence = match alert.kind {
        AlertKind::LoginRefused => {
            format!("A second device tried to log in and was refused: {device}.")
        }
        AlertKind::LoginPending => format!("A second device asks to log in: {device}."),
        AlertKind::LoginApproved => format!("The waiting login was approved: {device}."),
        AlertKind::LoginNotApproved => format!("The waiting login was not approved: {device}."),
        AlertKind::SessionReplaced => format!("A new login replaced this session: {device}."),
        AlertKind::SessionInvalidated(Some(EndedBy::Itself)) if alert.attempt.is_some() => {
            format!("The waiting login was withdrawn by the device that asked: {device}.")
        }
        AlertKind::SessionInvalidated(by) => match by {
            Some(EndedBy::Itself) => "The session was logged out by its own device.",
            Some(EndedBy::OtherDevice) => "The session was logged out by another device.",
            Some(EndedBy::Service) => "The session was logged out by the service.",
            None => "The session was logged out.",
        }
        .to_owned(),
        AlertKind::SessionExpired => "The session expired.".to_owned(),
        AlertKind::PasswordChanged => "The session ended because the password changed.".to_owned(),
        AlertKind::AccountFrozen if alert.session.is_some() => {
            "The session ended because the account was frozen.".to_owned()
        }
        AlertKind::AccountFrozen => "The account was frozen.".to_owned(),
        AlertKind::AccountUnfrozen => "The account is no longer frozen.".to_owned(),
    };
    match alert.folded_count {
        0 => sentence,
        1 => format!("{sentence} 1 refused login raised no alert of its own."),
        count => format!("{sentence} {count} refused logins raised no alert of their own."),
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    /// The wording is that of async-graphql 8.0.0-rc.5.
    #[test]
    fn a_syntax_error_lists_the_expected_tokens_in_words() {
        for (text, message) in [
            ("", "Syntax error: expected executable definition."),
            (
                "{ a",
                "Syntax error: expected selection set, selection, directive, or arguments.",
            ),
            (
                "{ a } }",
                "Syntax error: expected the end or executable definition.",
            ),
        ] {
            let error = RequestError::Syntax(parse_query(text).unwrap_err());
            assert_eq!(request_error(&error), message);
        }
    }
}
