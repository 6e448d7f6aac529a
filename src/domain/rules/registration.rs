//! Registration of a new user.

use super::{Context, NewIds, Transition, draft::Draft};
use crate::domain::{
    Device, LoginHistory, Mobile, Owner, PasswordHash, Session, UserId, UserState, Username,
};

/// The properties of a new user.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// A unique id.
    pub id: UserId,
    /// The mobile number that the user will own.
    pub mobile: Mobile,
    /// The user's name.
    pub username: Username,
    /// The hash of the user's password. Only the service can log in a user without a password.
    pub password: Option<PasswordHash>,
}

/// Creates a user with a first, active session on `device`. Returns the transition and that
/// session.
#[must_use]
pub fn register(
    user: NewUser,
    device: Device,
    new_ids: NewIds,
    context: Context<'_>,
) -> (Transition, Session) {
    let state = UserState {
        owner: Owner {
            id: user.id,
            mobile: user.mobile,
            username: user.username,
        },
        password: user.password,
        created_at: context.now,
        version: 0,
        active: None,
        pending: None,
        last_alert: 0,
        sessions_opened: 0,
        recent_conflicts: Vec::new(),
        alert_window: None,
        history: LoginHistory::default(),
        freeze: None,
    };
    let mut draft = Draft::new(&state, context);
    let session = draft.open_active(device, &new_ids);
    (draft.finish(), session)
}
