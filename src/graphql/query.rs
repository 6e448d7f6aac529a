use async_graphql::{Context, ID, Object};

use super::{
    alert::SessionAlert,
    errors::{ForClient, invalid},
    node::Node,
    service,
    session::Session,
    user::User,
};
use crate::{
    access::{Caller, Visibility},
    domain::{AlertId, InputRule, Mobile, SessionKey, UserId},
};

/// The longest list of keys.
const KEYS: usize = 100;

/// What there is to read.
#[derive(Debug)]
pub struct Query;

/// What there is to read.
#[Object]
impl Query {
    /// The object with this id; null where there is none, or the caller may not see it.
    async fn node(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "An object's `id`.")] id: ID,
    ) -> async_graphql::Result<Option<Node>> {
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
        Ok(found.map(|(user, visibility)| Node::User(User::loaded(user, visibility).into())))
    }

    /// The user who owns this mobile number; null where there is none. For the service, or that user's own valid session.
    async fn user(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "A mobile number, written as for `createUser`.")] mobile: String,
    ) -> async_graphql::Result<Option<User>> {
        let mobile = Mobile::parse(&mobile).for_client()?;
        let found = service(context)
            .user_by_mobile(context.data()?, &mobile)
            .await
            .for_client()?;
        Ok(found.map(|user| User::loaded(user, Visibility::Full)))
    }

    /// The session whose token came with this request; null where none came, or it is no longer known.
    /// Read `isValid` and `status`.
    async fn current_session(
        &self,
        context: &Context<'_>,
    ) -> async_graphql::Result<Option<Session>> {
        let (service, caller) = (service(context), context.data::<Caller>()?);
        let Caller::Session(own) = caller else {
            return Ok(None);
        };
        let found = service
            .visible_session(caller, own.key)
            .await
            .for_client()?;
        Ok(found.map(|(session, visibility)| Session::new(session, visibility)))
    }

    /// The sessions with these keys, in the same order, null for a key that is unknown. At most 100 keys. For the service.
    #[graphql(complexity = "session_keys.len().clamp(1, KEYS) * child_complexity + 1")]
    async fn sessions_by_key(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The sessions' keys, 100 at most.")] session_keys: Vec<ID>,
    ) -> async_graphql::Result<Vec<Option<Session>>> {
        if session_keys.len() > KEYS {
            return Err(invalid("sessionKeys", InputRule::SessionKeyCount));
        }
        // What is no key is the key of no session.
        let keys: Vec<_> = session_keys
            .iter()
            .map(|key| SessionKey::parse(key))
            .collect();
        let known: Vec<_> = keys.iter().copied().flatten().collect();
        let found = service(context)
            .sessions_by_key(context.data()?, &known)
            .await
            .for_client()?;
        let mut found = found.into_iter();
        let session = |key: Option<SessionKey>| key.and_then(|_| found.next().flatten());
        let sessions = keys.into_iter().map(session);
        Ok(sessions
            .map(|session| session.map(|session| Session::new(session, Visibility::Full)))
            .collect())
    }
}
