//! What a back end sends and receives as the service.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What to do if another device has the user's session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OnConflict {
    /// Refuse the login, and alert the other device.
    Reject,
    /// End the other session, and alert its device.
    TakeOver,
    /// Let the other device approve or deny the login.
    Ask,
}

/// A user and the device that the user holds. Everything but the number and the name is optional.
#[derive(Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserInput {
    /// The user's mobile number.
    pub mobile: String,
    /// The user's name.
    pub username: String,
    /// An id that the device keeps: a secret of at least 128 random bits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_id: Option<String>,
    /// The device's user agent. Default: that of this back end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The device's address. Default: that of this back end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<String>,
}

/// The id of the device is a secret, and is not written.
impl fmt::Debug for UserInput {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("UserInput")
            .field("mobile", &self.mobile)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// The input of [`ServiceClient::login`](crate::ServiceClient::login).
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LoginInput {
    /// The user and the device.
    #[serde(flatten)]
    pub user: UserInput,
    /// What to do if another device has the session. Default: the server's setting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_conflict: Option<OnConflict>,
}

/// The outcome of a login.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum LoginOutcome {
    /// The new session is active.
    LoggedIn,
    /// Another device has a valid session.
    Refused,
    /// The new session waits until the other device decides.
    AwaitingApproval,
    /// An outcome of a newer server. Show the message.
    #[serde(other)]
    Other,
}

/// The result of a login.
#[derive(Clone, Deserialize)]
#[serde(from = "LoginPayload")]
pub struct Login {
    /// The outcome.
    pub outcome: LoginOutcome,
    /// One sentence in English for a person.
    pub message: String,
    /// The token of the new session: a secret for its device. `None` if the login was refused.
    pub token: Option<String>,
    /// The key of the new session.
    pub session_key: Option<Uuid>,
    /// The number that the waiting device must show.
    pub match_number: Option<u32>,
    /// For how long the login stays refused.
    pub retry_after: Option<Duration>,
}

/// The token is a secret, and is not written.
impl fmt::Debug for Login {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Login")
            .field("outcome", &self.outcome)
            .field("session_key", &self.session_key)
            .finish_non_exhaustive()
    }
}

/// A registered user, and the session of the user's device.
#[derive(Clone, Deserialize)]
#[serde(from = "CreatePayload")]
pub struct CreatedUser {
    /// The id of the user.
    pub user_id: Uuid,
    /// The token of the session: a secret for its device.
    pub token: String,
    /// The key of the session.
    pub session_key: Uuid,
}

/// The token is a secret, and is not written.
impl fmt::Debug for CreatedUser {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CreatedUser")
            .field("user_id", &self.user_id)
            .field("session_key", &self.session_key)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct CreatePayload {
    token: String,
    session: SessionPayload,
    user: UserPayload,
}

#[derive(Deserialize)]
struct UserPayload {
    id: Uuid,
}

impl From<CreatePayload> for CreatedUser {
    fn from(payload: CreatePayload) -> Self {
        Self {
            user_id: payload.user.id,
            token: payload.token,
            session_key: payload.session.session_key,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LoginPayload {
    outcome: LoginOutcome,
    message: String,
    token: Option<String>,
    match_number: Option<u32>,
    retry_after_seconds: Option<u64>,
    session: Option<SessionPayload>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SessionPayload {
    session_key: Uuid,
}

impl From<LoginPayload> for Login {
    fn from(payload: LoginPayload) -> Self {
        Self {
            outcome: payload.outcome,
            message: payload.message,
            token: payload.token,
            session_key: payload.session.map(|session| session.session_key),
            match_number: payload.match_number,
            retry_after: payload.retry_after_seconds.map(Duration::from_secs),
        }
    }
}
