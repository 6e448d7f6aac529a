use async_graphql::{Enum, SimpleObject};

use super::{session::Session, user::User};

/// The user who was registered.
#[derive(SimpleObject)]
pub(super) struct CreateUserPayload {
    /// One sentence to show a person.
    pub message: String,
    /// The user.
    pub user: User,
    /// The user's first session.
    pub session: Session,
    /// Opens the session. Shown this once: the server keeps only its hash.
    pub token: String,
}

/// What became of a login.
#[derive(SimpleObject)]
pub(super) struct LoginPayload {
    /// What became of it.
    pub outcome: LoginOutcome,
    /// One sentence to show a person.
    pub message: String,
    /// The user who logs in.
    pub user: User,
    /// The session opened or waiting; null where the login was refused.
    pub session: Option<Session>,
    /// Opens `session`. Shown this once; null where the login was refused.
    pub token: Option<String>,
}

/// What becomes of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(super) enum LoginOutcome {
    /// The session is active.
    LoggedIn,
    /// Another device holds a valid session, and keeps it.
    Refused,
    /// The device that holds the session has been asked.
    AwaitingApproval,
}

/// The session that ended.
#[derive(SimpleObject)]
pub(super) struct InvalidateSessionPayload {
    /// One sentence to show a person.
    pub message: String,
    /// The session's user.
    pub user: User,
    /// The session as it stands now.
    pub session: Session,
}

/// The login that was answered.
#[derive(SimpleObject)]
pub(super) struct DecideLoginPayload {
    /// One sentence to show a person.
    pub message: String,
    /// The user who logs in.
    pub user: User,
    /// The session that waited: active now where it was approved.
    pub session: Session,
}

/// The user whose password was set.
#[derive(SimpleObject)]
pub(super) struct SetPasswordPayload {
    /// One sentence to show a person.
    pub message: String,
    /// The user.
    pub user: User,
}

/// What is left of a user who was erased.
#[derive(SimpleObject)]
pub(super) struct DeleteUserPayload {
    /// One sentence to show a person.
    pub message: String,
}
