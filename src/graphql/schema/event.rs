//! The events of the feed of all users.

use async_graphql::{Enum, ID, SimpleObject};

use super::{scalars::DateTime, session::SessionEndReason};
use crate::{
    domain::{ActivatedSession, Ended, EndedSession},
    service,
};

/// One event of the feed of all users.
#[derive(SimpleObject)]
pub(in crate::graphql) struct SessionEvent {
    /// The place after this event. Pass it as `after` to `sessionEvents` to receive the events that
    /// follow. It is valid until the server removes the event.
    cursor: ID,
    /// What has happened.
    kind: SessionEventKind,
    /// The key of the session. Null for `USER_DELETED` and `CAUGHT_UP`.
    session_key: Option<ID>,
    /// The id of the user. Null for `CAUGHT_UP`.
    user_id: Option<ID>,
    /// For `SESSION_ACTIVE`: when the session expires if no further request is made with its token.
    /// Null for other kinds.
    expires_at: Option<DateTime>,
    /// For `SESSION_ENDED`: why the session ended. Null for other kinds.
    end_reason: Option<SessionEndReason>,
    /// The key of the session that replaced the session. Null if `endReason` is not `REPLACED`.
    replaced_by: Option<ID>,
    /// The time of the event. For an expired session, this is the time when its limit passed, which
    /// may be before the time of an event that was sent earlier.
    created_at: DateTime,
}

/// The kind of an event. Values may be added: ignore an event of an unknown kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(in crate::graphql) enum SessionEventKind {
    /// A session became active: its user logged in, or a login that waited was approved.
    SessionActive,
    /// A session that was active has ended. If another one replaced it, the `SESSION_ACTIVE` of that
    /// session is the next event of the user.
    SessionEnded,
    /// The user was deleted with all sessions.
    UserDeleted,
    /// The subscriber has received every event before this one. It is sent once the subscriber has
    /// caught up, and then after every 5 seconds without an event, as long as the server can read
    /// its database. A checker that receives no event for longer must not rely on what it knows.
    CaughtUp,
}

impl From<service::SessionEvent> for SessionEvent {
    fn from(event: service::SessionEvent) -> Self {
        use service::SessionEventKind as Kind;
        let empty = Self {
            cursor: event.cursor.to_string().into(),
            kind: SessionEventKind::CaughtUp,
            session_key: None,
            user_id: None,
            expires_at: None,
            end_reason: None,
            replaced_by: None,
            created_at: DateTime(event.at),
        };
        let id = |id: &dyn std::fmt::Display| Some(ID(id.to_string()));
        match event.kind {
            Kind::Active(
                user,
                ActivatedSession {
                    key, expires_at, ..
                },
            ) => Self {
                kind: SessionEventKind::SessionActive,
                session_key: id(&key),
                user_id: id(&user),
                expires_at: Some(DateTime(expires_at)),
                ..empty
            },
            Kind::Ended(user, EndedSession { key, end }) => {
                let Ended {
                    reason,
                    replaced_by,
                    ..
                } = end;
                Self {
                    kind: SessionEventKind::SessionEnded,
                    session_key: id(&key),
                    user_id: id(&user),
                    end_reason: Some(reason.into()),
                    replaced_by: replaced_by.map(|key| ID(key.to_string())),
                    ..empty
                }
            }
            Kind::UserDeleted(user) => Self {
                kind: SessionEventKind::UserDeleted,
                user_id: id(&user),
                ..empty
            },
            Kind::CaughtUp => empty,
        }
    }
}
