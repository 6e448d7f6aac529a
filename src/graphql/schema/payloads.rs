//! The payloads of the mutations.

use async_graphql::{Enum, SimpleObject};

use super::{device::Device, scalars::DateTime, session::Session, user::User};

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
    /// only its hash. Send it with later requests as `Authorization: Bearer <token>`. Null if the
    /// input has `cookie: true`.
    pub token: Option<String>,
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
    /// Null if the login was refused, or if the input has `cookie: true`.
    pub token: Option<String>,
    /// The number to show on the waiting device, from 10 to 99. The person approves the login by
    /// selecting it on the other device. Null if the login does not wait, or if the server has number
    /// matching turned off.
    pub match_number: Option<i32>,
    /// The number of seconds for which this choice of `onConflict` stays refused: after a denial, or
    /// beyond the limit on take-overs or on devices that ask. Null if time is not the reason.
    pub retry_after_seconds: Option<i32>,
    /// The device that has the session in the way. Null if the login succeeded.
    pub holder: Option<SessionHolder>,
}

/// The device that has the session in the way of a login. A field is null if the caller may not see
/// it.
#[derive(SimpleObject)]
pub(super) struct SessionHolder {
    /// Whether the device has an open `sessionAlerts` stream, so that its user sees the question.
    /// Null if the login was refused, unless the caller is the service.
    pub is_listening: Option<bool>,
    /// The time of the last request with the session's token. Null unless the caller is the service.
    pub last_seen_at: Option<DateTime>,
    /// The kind of the device.
    pub device: Device,
}

/// The outcome of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(in crate::graphql) enum LoginOutcome {
    /// The login succeeded, and the new session is active.
    LoggedIn,
    /// The login was refused, because another device has a valid session. `retryAfterSeconds` is set if
    /// a limit or a pause is the reason.
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

/// Payload of `freezeUser`.
#[derive(SimpleObject)]
pub(super) struct FreezeUserPayload {
    /// One sentence in English to show to a person. It may change.
    pub message: String,
    /// The user, who is frozen.
    pub user: User,
}

/// Payload of `unfreezeUser`.
#[derive(SimpleObject)]
pub(super) struct UnfreezeUserPayload {
    /// One sentence in English to show to a person. It may change.
    pub message: String,
    /// The user, who may log in again.
    pub user: User,
}

/// Payload of `deleteUser`.
#[derive(SimpleObject)]
pub(super) struct DeleteUserPayload {
    /// One sentence in English to show to a person. It may change.
    pub message: String,
}
