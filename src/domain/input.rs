//! Why an input is refused.

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
    /// An input for `field` that breaks `rule`.
    #[must_use]
    pub const fn new(field: &'static str, rule: InputRule) -> Self {
        Self { field, rule }
    }
}

/// What an input must be. `graphql/messages.rs` has the sentence that a client gets for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
pub enum InputRule {
    /// The field is optional in general, but this caller must give it.
    #[error("is required")]
    Required,
    /// [`Mobile`](super::Mobile) has the rule.
    #[error("must be a mobile number")]
    Mobile,
    /// [`Username`](super::Username) has the rule.
    #[error("must be a username")]
    Username,
    /// [`UserAgent`](super::UserAgent) has the rule.
    #[error("must be a user agent")]
    UserAgent,
    /// [`DeviceId`](super::DeviceId) has the rule.
    #[error("must be a device id")]
    DeviceId,
    /// [`Password::parse`](super::Password::parse) has the rule.
    #[error("must be an acceptable new password")]
    NewPassword,
    /// [`Password::attempt`](super::Password::attempt) has the rule.
    #[error("must not be longer than any password")]
    PasswordLength,
    /// An IPv4 or IPv6 address without a port.
    #[error("must be an IP address")]
    IpAddress,
    /// A session's key: a UUID.
    #[error("must be a session key")]
    SessionKey,
    /// The id of a login attempt.
    #[error("must be the id of a login attempt")]
    AttemptId,
    /// The id of an alert.
    #[error("must be the id of an alert")]
    AlertId,
    /// The id of an alert of the user whose alerts are asked for.
    #[error("must be the id of an alert of this user")]
    AlertOfThisUser,
    /// The number of entries on a page.
    #[error("must be a page size")]
    PageSize,
    /// A cursor of the list that is asked for.
    #[error("must be a cursor of this list")]
    Cursor,
    /// The number of session keys in one request.
    #[error("must not have more keys than allowed")]
    SessionKeyCount,
}
