//! The queries.

use std::collections::HashMap;

use async_graphql::{Context, ID, Object};

use super::{
    super::errors::{ForClient, invalid},
    alert::SessionAlert,
    check_scopes,
    listings::{self, ActiveSessionConnection, UserConnection},
    node::Node,
    paging, service,
    session::Session,
    user::User,
};
use crate::{
    access::{Caller, Scope, Visibility},
    domain::{self, AlertId, InputRule, SessionKey, TypedMobile, UserId},
};

/// The maximum number of keys in one `sessionsByKey`.
const MAX_SESSION_KEYS: usize = 100;

/// Queries of the sessiond API.
#[derive(Debug)]
pub(in crate::graphql) struct Query;

/// Queries of the sessiond API.
#[Object]
impl Query {
    /// Returns the object with this id. Null if there is none, or if the caller may not see it.
    /// Scope of a service key: `read`.
    async fn node(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The `id` of a user, a session or an alert.")] id: ID,
    ) -> async_graphql::Result<Option<Node>> {
        check_scopes(context, &[Scope::Read])?;
        let (service, caller) = (service(context), context.data::<Caller>()?);
        if let Some(id) = AlertId::parse(&id) {
            let found = service.visible_alert(caller, id).await.for_client()?;
            return Ok(found.map(|(alert, owner, visibility)| {
                Node::SessionAlert(SessionAlert::new(alert, owner, visibility).into())
            }));
        }
        if let Some(key) = SessionKey::parse(&id)
            && let Some((session, visibility)) =
                service.visible_session(caller, key).await.for_client()?
        {
            return Ok(Some(Node::Session(
                Session::new(session, visibility).into(),
            )));
        }
        let Some(id) = UserId::parse(&id) else {
            return Ok(None);
        };
        let found = service.visible_user(caller, id).await.for_client()?;
        Ok(found.map(|(user, visibility)| Node::User(User::from_state(user, visibility).into())))
    }

    /// Returns the user with this mobile number. Null if there is none, or if the caller may not
    /// see it: the service sees every user, and a session sees only its own. Fails with
    /// `UNAUTHENTICATED` if the caller has no valid session. Scope of a service key: `read`.
    async fn user(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "A mobile number, written in any form that `createUser` accepts.")]
        mobile: String,
    ) -> async_graphql::Result<Option<User>> {
        check_scopes(context, &[Scope::Read])?;
        let mobile = TypedMobile::parse(&mobile).for_client()?;
        let found = service(context)
            .read_user_by_mobile(context.data()?, &mobile)
            .await
            .for_client()?;
        Ok(found.map(|read| User::from_read(read, Visibility::Full)))
    }

    /// Returns the session of the token that the request has. Null if the request has no token, or
    /// if the token is unknown. The session may have ended, so check `isValid` or `status`. Null for
    /// every service key.
    async fn current_session(&self, context: &Context<'_>) -> Option<Session> {
        let caller: &Caller = context.data_unchecked();
        let Caller::Session(own) = caller else {
            return None;
        };
        // The session was read for this request, to authenticate its sender.
        let visibility = caller.visibility(own.owner.id, service(context).now())?;
        Some(Session::new(domain::Session::clone(own), visibility))
    }

    /// Returns the sessions with these keys, in the order of the keys. An unknown key gives null.
    /// Only the service may use this query. Scope of a service key: `check`, with which the `user` of
    /// a session is `FORBIDDEN`, or `read`.
    #[graphql(complexity = "session_keys.len().clamp(1, MAX_SESSION_KEYS) * child_complexity + 1")]
    async fn sessions_by_key(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The keys of the sessions, at most 100.")] session_keys: Vec<ID>,
    ) -> async_graphql::Result<Vec<Option<Session>>> {
        check_scopes(context, &[Scope::Read, Scope::Check])?;
        if session_keys.len() > MAX_SESSION_KEYS {
            return Err(invalid("sessionKeys", InputRule::SessionKeyCount));
        }
        // A text that is not a UUID is treated as an unknown key.
        let keys: Vec<_> = session_keys
            .iter()
            .map(|key| SessionKey::parse(key))
            .collect();
        let valid_keys: Vec<_> = keys.iter().copied().flatten().collect();
        let caller: &Caller = context.data_unchecked();
        let found = service(context)
            .sessions_by_key(caller, &valid_keys)
            .await
            .for_client()?;
        let by_key: HashMap<_, _> = found
            .into_iter()
            .flatten()
            .map(|session| (session.key, session))
            .collect();
        let sees_users = caller.has_scope(Scope::Read);
        let session = |key: &Option<SessionKey>| {
            let session = by_key.get(key.as_ref()?)?.clone();
            let visibility = if sees_users {
                Visibility::Full
            } else {
                Visibility::WithoutUser(session.key)
            };
            Some(Session::new(session, visibility))
        };
        Ok(keys.iter().map(session).collect())
    }

    /// The end of the feed of all users now. Pass it as `after` to `sessionEvents` to receive every
    /// later event. Only the service may use this query. Scope of a service key: `check` or `read`.
    async fn event_cursor(&self, context: &Context<'_>) -> async_graphql::Result<ID> {
        let cursor = service(context).event_cursor(context.data()?).await;
        Ok(cursor.for_client()?.to_string().into())
    }

    /// All users, those who registered last first. Only the service may use this query. Scope of a
    /// service key: `read`.
    #[graphql(complexity = "paging::page_size(first) * child_complexity + 1")]
    async fn users(
        &self,
        context: &Context<'_>,
        #[graphql(default = 20, desc = "The page size, from 0 to 100.")] first: Option<i32>,
        #[graphql(desc = "The `cursor` of the user before the page. \
                    Default: the page starts with the newest user.")]
        after: Option<String>,
    ) -> async_graphql::Result<UserConnection> {
        let (limit, after) = listings::page(first, after.as_deref())?;
        let users = service(context).users(context.data()?, after, limit).await;
        Ok(UserConnection {
            users: users.for_client()?,
            is_later_page: after.is_some(),
        })
    }

    /// The active sessions of all users, those of the users who registered last first. A page takes
    /// bounded time, so it may have fewer sessions than `first`, or none, although more follow. Read
    /// on while `pageInfo.hasNextPage` is true. A session that is active during the whole reading is
    /// on one of the pages. Only the service may use this query. Scope of a service key: `read`.
    #[graphql(complexity = "paging::page_size(first) * child_complexity + 1")]
    async fn active_sessions(
        &self,
        context: &Context<'_>,
        #[graphql(default = 20, desc = "The page size, from 0 to 100.")] first: Option<i32>,
        #[graphql(
            desc = "The `cursor` of a session, or the `endCursor` of the page before. \
                    Default: the first page."
        )]
        after: Option<String>,
    ) -> async_graphql::Result<ActiveSessionConnection> {
        let (limit, after) = listings::page(first, after.as_deref())?;
        let found = service(context)
            .active_sessions(context.data()?, after, limit)
            .await
            .for_client()?;
        Ok(ActiveSessionConnection::new(found, after.is_some()))
    }
}
