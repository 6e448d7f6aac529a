//! The payloads of the mutations.

use async_graphql::{Enum, SimpleObject};

use super::{session::Session, user::User};

/// Payload of `createUser`.
#[derive(SimpleObject)]
pub(super) struct CreateUserPayload {
    /// One sentence in English to show to a person. It may change.
    pub message: String,
    /// The new user.
    pub user: User,
    /// The user's first session. It is active.
    pub session: Session,
    /// The secret token of `session`. Only this response contains it, because the server stores
    /// only its hash. Send it with later requests as `Authorization: Bearer <token>`.
    pub token: String,
}

/// Payload of `login`.
#[derive(SimpleObject)]
pub(super) struct LoginPayload {
    /// The outcome of the login.
    pub outcome: LoginOutcome,
    /// One sentence in English to show to a person. It may change, so programs should use
    /// `outcome`.
    pub message: String,
    /// The user who logs in.
    pub user: User,
    /// The new session, active or waiting. If this device was waiting already, its waiting session
    /// with the time that is left. Null if the login was refused.
    pub session: Option<Session>,
    /// The secret token of `session`. Only this response contains it. Send it with later requests
    /// as `Authorization: Bearer <token>`. An earlier token of the same session is no longer valid.
    /// Null if the login was refused.
    pub token: Option<String>,
}

/// The outcome of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(super) enum LoginOutcome {
    /// The login succeeded, and the new session is active.
    LoggedIn,
    /// The login was refused, because another device has a valid session.
    Refused,
    /// The new session waits until the other device approves or denies it. To receive the decision,
    /// subscribe to `sessionAlerts` with the new session's token.
    AwaitingApproval,
}

/// Payload of `invalidateSession`.
#[derive(SimpleObject)]
pub(super) struct InvalidateSessionPayload {
    /// One sentence in English to show to a person. It may change.
    pub message: String,
    /// The user of the session.
    pub user: User,
    /// The session, which has ended.
    pub session: Session,
}

/// Payload of `decideLogin`.
#[derive(SimpleObject)]
pub(super) struct DecideLoginPayload {
    /// One sentence in English to show to a person. It may change.
    pub message: String,
    /// The user who logs in.
    pub user: User,
    /// The session that waited. It is active if the login was approved, and has ended if it
    /// was denied.
    pub session: Session,
}

/// Payload of `setPassword`.
#[derive(SimpleObject)]
pub(super) struct SetPasswordPayload {
    /// One sentence in English to show to a person. It may change.
    pub message: String,
    /// The user with the new password.
    pub user: User,
}

/// Payload of `deleteUser`.
#[derive(SimpleObject)]
pub(super) struct DeleteUserPayload {
    /// One sentence in English to show to a person. It may change.
    pub message: String,
}
