//! Errors of invalid inputs.

use thiserror::Error;

/// An input that breaks a rule of its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{field}: {rule}")]
pub struct InvalidInput {
    /// The input field's name, as the API spells it.
    pub field: &'static str,
    /// The rule that the input breaks.
    pub rule: InputRule,
}

impl InvalidInput {
    /// Creates the error for an input of `field` that breaks `rule`.
    #[must_use]
    pub const fn new(field: &'static str, rule: InputRule) -> Self {
        Self { field, rule }
    }
}

/// A rule that an input must follow. `graphql/messages.rs` has the sentence that clients get for
/// each rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
pub enum InputRule {
    /// The field is optional in the schema, but required for this caller.
    #[error("is required")]
    Required,
    /// A mobile number must have 7 to 15 digits.
    #[error("must have 7 to 15 digits")]
    Mobile,
    /// A mobile number must consist of digits and punctuation.
    #[error("must consist of digits")]
    MobileCharacters,
    /// A country code does not begin with 0.
    #[error("must not have 0 after the +")]
    MobileCountryCode,
    /// A trunk prefix must be one that can be removed safely.
    #[error("must not have this trunk prefix")]
    MobileTrunkPrefix,
    /// A mobile number has no extension.
    #[error("must not have an extension")]
    MobileExtension,
    /// A username must have 1 to 64 characters.
    #[error("must have 1 to 64 characters")]
    Username,
    /// A username must have only characters that [`Username`](super::Username) permits.
    #[error("must not have hidden or loose characters")]
    UsernameCharacters,
    /// A username must have something to see.
    #[error("must have something to see")]
    UsernameVisible,
    /// The rule of [`UserAgent`](super::UserAgent).
    #[error("must be a user agent")]
    UserAgent,
    /// The rule of [`DeviceId`](super::DeviceId).
    #[error("must be a device id")]
    DeviceId,
    /// The rule of [`Password::parse`](super::Password::parse).
    #[error("must be an acceptable new password")]
    NewPassword,
    /// The rule of [`Password::reject_guessable`](super::Password::reject_guessable).
    #[error("must not be easy to guess")]
    GuessablePassword,
    /// The password must not be in the operator's list of breached passwords.
    #[error("must not be known from a breach")]
    BreachedPassword,
    /// The rule of [`Password::for_verification`](super::Password::for_verification).
    #[error("must have at most 256 characters")]
    PasswordLength,
    /// The input must be an IPv4 or IPv6 address without a port.
    #[error("must be an IP address")]
    IpAddress,
    /// The input must be a session's key, which is a UUID.
    #[error("must be a session key")]
    SessionKey,
    /// The input must be the id of a login attempt.
    #[error("must be the id of a login attempt")]
    AttemptId,
    /// The input must be the id of an alert.
    #[error("must be the id of an alert")]
    AlertId,
    /// The input must be the id of an alert of the requested user.
    #[error("must be the id of an alert of this user")]
    AlertOfThisUser,
    /// The input must be a number of entries on a page.
    #[error("must be a page size")]
    PageSize,
    /// The input must be a cursor of the requested list.
    #[error("must be a cursor of this list")]
    Cursor,
    /// The approval of this login needs the number that the waiting device shows.
    #[error("must be the number that the waiting device shows")]
    MatchNumberRequired,
    /// The rule of [`FreezeReason`](super::FreezeReason).
    #[error("must be a reason")]
    FreezeReason,
    /// A freeze must end in the future.
    #[error("must lie in the future")]
    FreezeUntil,
    /// A freeze by a session must end within the time that the operator allows.
    #[error("must not be later than a session may choose")]
    FreezeTooLong,
    /// The input must be a cursor of the feed of all users.
    #[error("must be a cursor of the feed")]
    EventCursor,
    /// The transport cannot set a cookie, or another field of the request sets it.
    #[error("must be the only cookie of a request over plain HTTP")]
    Cookie,
    /// The input must not have more session keys than one request may look up.
    #[error("must not have more keys than allowed")]
    SessionKeyCount,
}
