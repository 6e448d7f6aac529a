//! The inputs of the mutations.

use async_graphql::{Enum, ID, InputObject};

use crate::domain::rules;

/// Input of `createUser`.
#[derive(InputObject)]
pub(super) struct CreateUserInput {
    /// The mobile number to register: 7 to 15 digits, with or without a leading `+`. Spaces, dots,
    /// dashes and parentheses are removed.
    pub mobile: String,
    /// The user's name: 1 to 64 characters, without control characters.
    pub username: String,
    /// The user's password: 8 to 256 characters. Required unless the caller is the service.
    pub password: Option<String>,
    /// An id that the device generated for itself and keeps: at least 128 random bits, such as a
    /// random UUID, and at most 128 characters. Treat it as a secret: whoever sends it counts as this
    /// device. No response contains it. A login from the device that has the active session does not
    /// cause a conflict: it replaces that session. Without an id, each login counts as a login from
    /// another device.
    pub device_id: Option<String>,
    /// The device's user agent, at most 512 characters. Default: the `User-Agent` header of the
    /// request.
    pub user_agent: Option<String>,
    /// The device's IPv4 or IPv6 address. Only the service may set it. Default: the address that
    /// the request came from.
    pub ip_address: Option<String>,
}

/// Input of `login`.
#[derive(InputObject)]
pub(super) struct LoginInput {
    /// The mobile number of the user.
    pub mobile: String,
    /// The name of the user.
    pub username: String,
    /// The user's password. Required if the user has one, unless the caller is the service.
    pub password: Option<String>,
    /// An id that the device generated for itself and keeps: at least 128 random bits, such as a
    /// random UUID, and at most 128 characters. Treat it as a secret: whoever sends it counts as this
    /// device. No response contains it. A login from the device that has the active session does not
    /// cause a conflict: it replaces that session. Without an id, each login counts as a login from
    /// another device.
    pub device_id: Option<String>,
    /// The device's user agent, at most 512 characters. Default: the `User-Agent` header of the
    /// request.
    pub user_agent: Option<String>,
    /// The device's IPv4 or IPv6 address. Only the service may set it. Default: the address that
    /// the request came from.
    pub ip_address: Option<String>,
    /// How to resolve a conflict with another device. Default: the server's `--on-conflict`
    /// setting. Fails with `FORBIDDEN` if the server does not let clients choose this value.
    pub on_conflict: Option<OnConflict>,
}

/// Input of `invalidateSession`.
#[derive(InputObject)]
pub(super) struct InvalidateSessionInput {
    /// The key of the session to end.
    pub session_key: ID,
}

/// Input of `decideLogin`.
#[derive(InputObject)]
pub(super) struct DecideLoginInput {
    /// The `attempt.id` of the `LOGIN_PENDING` alert.
    pub attempt_id: ID,
    /// Whether to approve or deny the login.
    pub decision: LoginDecision,
}

/// Input of `setPassword`.
#[derive(InputObject)]
pub(super) struct SetPasswordInput {
    /// The mobile number of the user.
    pub mobile: String,
    /// The current password. Required if the user has one, unless the caller is the service.
    pub old_password: Option<String>,
    /// The new password: 8 to 256 characters.
    pub new_password: String,
}

/// Input of `deleteUser`.
#[derive(InputObject)]
pub(super) struct DeleteUserInput {
    /// The mobile number of the user.
    pub mobile: String,
}

/// How a login resolves a conflict with another device that has a valid session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "rules::OnConflict")]
pub(super) enum OnConflict {
    /// Refuse the login, and alert the other device.
    Reject,
    /// End the other session, alert its device, and open the new session.
    TakeOver,
    /// Ask the other device to approve or deny the login. The new session waits for the decision. If
    /// the same device asks again, its session goes on waiting until the same time, and gets a new
    /// token. If another device asks, the session ends.
    Ask,
}

/// The decision on a login that waits for approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "rules::Decision")]
pub(super) enum LoginDecision {
    /// Approve the login: the waiting session becomes active, and the active session ends.
    Approve,
    /// Deny the login: the waiting session ends.
    Deny,
}
