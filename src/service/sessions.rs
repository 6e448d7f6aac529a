//! Token checks, invalidation of sessions, and decisions on pending logins.

use super::{Action, Error, Resource, Service};
use crate::{
    access::Caller,
    domain::{
        AttemptId, Session, SessionKey, Token, UserState,
        rules::{self, DecideLogin, Decision},
    },
};

impl Service {
    /// The valid session that `token` opens: one indexed read, and nothing else.
    ///
    /// # Errors
    /// [`Error::Store`] where it cannot be looked up.
    pub async fn verify(&self, token: &str) -> Result<Option<Session>, Error> {
        let Some(token) = Token::parse(token) else {
            return Ok(None);
        };
        let now = self.now();
        Ok(self
            .session_of(&token)
            .await?
            .filter(|session| session.is_valid(now)))
    }

    /// Ends a session: the caller's own, one of its user's, or, for the service, any.
    /// Ending an ended session changes nothing and succeeds.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is none that the caller may end.
    pub async fn invalidate(
        &self,
        caller: &Caller,
        key: SessionKey,
    ) -> Result<(UserState, Session), Error> {
        let actor = caller.actor().ok_or(Error::Unauthenticated)?;
        let target = match caller {
            Caller::Session(own) if own.key == key => Some((**own).clone()),
            Caller::Session(own) if !own.is_valid(self.now()) => {
                return Err(Error::Unauthenticated);
            }
            Caller::Session(own) => self.store.session(own.owner.id, key).await?,
            _ => self.store.sessions_by_key(&[key]).await?.pop().flatten(),
        };
        let target = target.ok_or(Error::NotFound(Resource::Session))?;
        let (transition, ()) = self
            .change(target.owner.id, |state, context| {
                let transition = rules::invalidate_session(state, actor, key, context)?;
                Ok((transition, ()))
            })
            .await?;
        let session = match transition.session(key) {
            Some(session) => session.clone(),
            None => self
                .store
                .session(target.owner.id, key)
                .await?
                .ok_or(Error::NotFound(Resource::Session))?,
        };
        Ok((transition.next, session))
    }

    /// Answers a login that waits: for the user's active session, or the service.
    ///
    /// # Errors
    /// [`Error::NotFound`] where no login waits under this id, or it is another user's.
    pub async fn decide_login(
        &self,
        caller: &Caller,
        attempt: AttemptId,
        decision: Decision,
    ) -> Result<(UserState, Session), Error> {
        const NOT_FOUND: Error = Error::NotFound(Resource::LoginAttempt);
        let actor = caller.actor().ok_or(Error::Unauthenticated)?;
        if let Caller::Session(own) = caller {
            if !own.is_valid(self.now()) {
                return Err(Error::Unauthenticated);
            }
            if own.owner.id != attempt.user {
                return Err(NOT_FOUND);
            }
        }
        let command = DecideLogin {
            actor,
            attempt,
            decision,
        };
        let (transition, session) = self
            .change(attempt.user, |state, context| {
                Ok(rules::decide_login(state, command, context)?)
            })
            .await
            .map_err(|error| {
                if matches!(error, Error::NotFound(_)) {
                    NOT_FOUND
                } else {
                    error
                }
            })?;
        Ok((transition.next, session))
    }

    pub(super) fn only_service(&self, caller: &Caller, action: Action) -> Result<(), Error> {
        match caller {
            Caller::Service => Ok(()),
            Caller::Session(session) if session.is_valid(self.now()) => {
                Err(Error::Forbidden(action))
            }
            Caller::Session(_) | Caller::InvalidCredentials | Caller::Anonymous => {
                Err(Error::Unauthenticated)
            }
        }
    }
}
