use async_graphql::{Enum, ID, InputObject};

use crate::domain::rules;

/// Who registers, and on which device.
#[derive(InputObject)]
pub(super) struct CreateUserInput {
    /// 7 to 15 digits, with or without a leading `+`; blanks, dots, dashes and parentheses are left out.
    pub mobile: String,
    /// 1 to 64 characters, none of them a control character.
    pub username: String,
    /// 8 to 256 characters. Needed unless the caller is the service.
    pub password: Option<String>,
    /// Defaults to the request's User-Agent header. At most 512 characters.
    pub user_agent: Option<String>,
    /// Only the service may give it; defaults to the address that the request came from.
    pub ip_address: Option<String>,
}

/// Who logs in, and on which device.
#[derive(InputObject)]
pub(super) struct LoginInput {
    /// The number that the user registered.
    pub mobile: String,
    /// The name that the user registered with.
    pub username: String,
    /// Needed where the user has a password, unless the caller is the service.
    pub password: Option<String>,
    /// A name that the device made up for itself and keeps, at most 128 characters. A login from the device that
    /// holds the active session is no conflict: it replaces its own session.
    pub device_id: Option<String>,
    /// Defaults to the request's User-Agent header. At most 512 characters.
    pub user_agent: Option<String>,
    /// Only the service may give it; defaults to the address that the request came from.
    pub ip_address: Option<String>,
    /// Defaults to the server's setting.
    pub on_conflict: Option<OnConflict>,
}

/// Which session ends.
#[derive(InputObject)]
pub(super) struct InvalidateSessionInput {
    /// The session's key.
    pub session_key: ID,
}

/// The answer to a login that waits.
#[derive(InputObject)]
pub(super) struct DecideLoginInput {
    /// The `attempt.id` of the LOGIN_PENDING alert.
    pub attempt_id: ID,
    /// The answer.
    pub decision: LoginDecision,
}

/// Whose password is set.
#[derive(InputObject)]
pub(super) struct SetPasswordInput {
    /// The user's number.
    pub mobile: String,
    /// Needed where the user has a password, unless the caller is the service.
    pub old_password: Option<String>,
    /// 8 to 256 characters.
    pub new_password: String,
}

/// Who is erased.
#[derive(InputObject)]
pub(super) struct DeleteUserInput {
    /// The user's number.
    pub mobile: String,
}

/// What a login does where another device holds a valid session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "rules::OnConflict")]
pub(super) enum OnConflict {
    /// Refuse the login, and alert the device that holds the session.
    Reject,
    /// End the other session, alert its device, and open this one.
    TakeOver,
    /// Let the device that holds the session approve or deny.
    Ask,
}

/// The answer to a login that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "rules::Decision")]
pub(super) enum LoginDecision {
    /// The waiting session takes the active one's place.
    Approve,
    /// The waiting session ends.
    Deny,
}
