//! Every sentence that the API shows to a person. Stable codes are in [`super::errors`]; these texts may change.

use crate::{
    domain::{Alert, AlertKind, DeviceDescription, InputRule},
    service::{Action, Resource},
};

/// The message of a `createUser` payload.
pub(super) const USER_CREATED: &str = "User created successfully";
/// The message of a `login` that opened a session.
pub(super) const LOGGED_IN: &str = "Logged in successfully.";
/// The message of a `login` that was refused because another device holds the active session.
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
/// The message of a `setPassword` payload.
pub(super) const PASSWORD_SET: &str = "Password set successfully.";
/// The message of a `deleteUser` payload.
pub(super) const USER_DELETED: &str = "User deleted successfully.";

/// What an input must be.
pub(super) const fn invalid_input(rule: InputRule) -> &'static str {
    match rule {
        InputRule::Required => "This field is required.",
        InputRule::Mobile => {
            "A mobile number must have 7 to 15 digits, with or without a leading +."
        }
        InputRule::Username => {
            "A username must have 1 to 64 characters, and no control characters."
        }
        InputRule::UserAgent => {
            "A user agent must have 1 to 512 characters, and no control characters."
        }
        InputRule::DeviceId => {
            "A device id must have 1 to 128 characters, and no control characters."
        }
        InputRule::NewPassword => "A password must have 8 to 256 characters.",
        InputRule::PasswordLength => "A password has at most 256 characters.",
        InputRule::IpAddress => "The address must be an IPv4 or IPv6 address without a port.",
        InputRule::SessionKey => "A session key must be a UUID.",
        InputRule::AttemptId => "This is not the id of a login attempt.",
        InputRule::AlertId => "This is not the id of an alert.",
        InputRule::AlertOfThisUser => "This is not the id of an alert of this user.",
        InputRule::PageSize => "A page must have from 0 to 100 entries.",
        InputRule::Cursor => "This is not a cursor of this list.",
        InputRule::SessionKeyCount => "At most 100 session keys can be looked up at once.",
    }
}

/// What the caller may not do.
pub(super) const fn forbidden(action: Action) -> &'static str {
    match action {
        Action::StateAddress => "Only the service may state an IP address.",
        Action::ChooseOnConflict => "The server does not let clients choose this conflict policy.",
        Action::LookUpSessionsByKey => "Only the service may look up sessions by key.",
        Action::DeleteUser => "Only the service may delete a user.",
    }
}

/// What does not exist, or is not visible to the caller.
pub(super) const fn not_found(resource: Resource) -> &'static str {
    match resource {
        Resource::User => "No such user was found.",
        Resource::Session => "No such session was found.",
        Resource::LoginAttempt => "No login with this id is waiting for approval.",
    }
}

/// One sentence about an alert.
pub(super) fn alert(alert: &Alert) -> String {
    let device = alert.attempt.as_ref().map_or_else(
        || "another device".to_owned(),
        |attempt| {
            let label = DeviceDescription::of(&attempt.user_agent).label;
            format!("{label} at {}", attempt.address)
        },
    );
    match alert.kind {
        AlertKind::LoginRefused => {
            format!("A second device tried to log in and was refused: {device}.")
        }
        AlertKind::LoginPending => format!("A second device asks to log in: {device}."),
        AlertKind::LoginApproved => format!("The waiting login was approved: {device}."),
        AlertKind::LoginNotApproved => format!("The waiting login was not approved: {device}."),
        AlertKind::SessionReplaced => format!("A new login replaced this session: {device}."),
        AlertKind::SessionInvalidated => "The session was logged out.".to_owned(),
        AlertKind::SessionExpired => "The session expired.".to_owned(),
        AlertKind::PasswordChanged => "The session ended because the password changed.".to_owned(),
    }
}
