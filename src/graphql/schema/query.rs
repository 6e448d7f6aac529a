//! The queries.

use std::collections::HashMap;

use async_graphql::{Context, ID, Object};

use super::{
    super::errors::{ForClient, invalid},
    alert::SessionAlert,
    check_scopes,
    node::Node,
    service,
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
}
