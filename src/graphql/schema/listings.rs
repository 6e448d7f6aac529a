//! Lists of all users and of all active sessions.

use async_graphql::{Object, SimpleObject};
use uuid::Uuid;

use super::{
    super::errors::invalid,
    paging::{PageInfo, limit},
    session::Session,
    user::User,
};
use crate::{
    access::Visibility,
    domain::{InputRule, UserId, UserState, base64url},
    service::{ActiveSessions, Slice},
};

/// Parses the arguments `first` and `after`.
pub(super) fn page(
    first: Option<i32>,
    after: Option<&str>,
) -> async_graphql::Result<(usize, Option<UserId>)> {
    let after = after.map(|text| {
        let bytes = base64url::decode(text).ok_or_else(|| invalid("after", InputRule::Cursor))?;
        Ok::<_, async_graphql::Error>(UserId::new(Uuid::from_bytes(bytes)))
    });
    Ok((limit(first)?, after.transpose()?))
}

fn cursor(user: UserId) -> String {
    base64url::encode(user.as_uuid().as_bytes())
}

/// A page of all users, those who registered last first.
pub(super) struct UserConnection {
    pub users: Slice<UserState>,
    /// Whether the page was read with `after`.
    pub is_later_page: bool,
}

/// A user in a list, with its cursor.
#[derive(SimpleObject)]
pub(super) struct UserEdge {
    /// The user's cursor. Pass it as `after` to `users` to read the users who follow.
    cursor: String,
    /// The user.
    node: User,
}

fn visible(user: &UserState) -> User {
    User::from_state(user.clone(), Visibility::Full)
}

/// A page of all users, those who registered last first.
#[Object]
impl UserConnection {
    /// The users on the page, each with a cursor.
    async fn edges(&self) -> Vec<UserEdge> {
        let edge = |user: &UserState| UserEdge {
            cursor: cursor(user.owner.id),
            node: visible(user),
        };
        self.users.items.iter().map(edge).collect()
    }

    /// The users on the page.
    async fn nodes(&self) -> Vec<User> {
        self.users.items.iter().map(visible).collect()
    }

    /// The position of the page in the list.
    async fn page_info(&self) -> PageInfo {
        let at = |user: Option<&UserState>| user.map(|user| cursor(user.owner.id));
        let items = &self.users.items;
        PageInfo {
            has_next_page: self.users.has_more,
            has_previous_page: self.is_later_page,
            start_cursor: at(items.first()),
            end_cursor: at(items.last()),
        }
    }
}

/// A page of all active sessions, those of the users who registered last first.
pub(super) struct ActiveSessionConnection {
    page: ActiveSessions,
    sessions: Vec<Session>,
    is_later_page: bool,
}

/// An active session in a list, with its cursor.
#[derive(SimpleObject)]
pub(super) struct ActiveSessionEdge {
    /// The session's cursor. Pass it as `after` to `activeSessions` to read the sessions that
    /// follow.
    cursor: String,
    /// The session.
    node: Session,
}

impl ActiveSessionConnection {
    pub(super) fn new(mut page: ActiveSessions, is_later_page: bool) -> Self {
        let sessions = std::mem::take(&mut page.sessions).into_iter();
        Self {
            sessions: sessions
                .map(|session| Session::new(session, Visibility::Full))
                .collect(),
            page,
            is_later_page,
        }
    }
}

/// A page of all active sessions. A page may have fewer sessions than `first`, or none, although more
/// follow: read on while `pageInfo.hasNextPage` is true.
#[Object]
impl ActiveSessionConnection {
    /// The sessions on the page, each with a cursor.
    async fn edges(&self) -> Vec<ActiveSessionEdge> {
        let edge = |session: &Session| ActiveSessionEdge {
            cursor: cursor(session.user_id()),
            node: session.clone(),
        };
        self.sessions.iter().map(edge).collect()
    }

    /// The sessions on the page.
    async fn nodes(&self) -> &[Session] {
        &self.sessions
    }

    /// The position of the page in the list. `endCursor` is where the search for active sessions has
    /// stopped, even if the page is empty.
    async fn page_info(&self) -> PageInfo {
        let start = self.sessions.first();
        PageInfo {
            has_next_page: self.page.has_more,
            has_previous_page: self.is_later_page,
            start_cursor: start.map(|session| cursor(session.user_id())),
            end_cursor: self.page.end.map(cursor),
        }
    }
}
