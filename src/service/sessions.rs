//! Invalidation of sessions, and decisions on pending logins.

use std::sync::Arc;

use super::{Action, Error, Resource, Service, run_to_end::Workload};
use crate::{
    access::{Caller, Scope},
    domain::{
        AttemptId, Session, SessionKey, UserState,
        rules::{self, DecideLogin, Decision},
    },
};

impl Service {
    /// Ends a session. The service may end any session, and a session may end itself. An active
    /// session may also end the other sessions of its user. Idempotent: ending an ended session
    /// changes nothing and succeeds. Runs to its end even if the client hangs up.
    ///
    /// # Errors
    /// - [`Error::MissingScope`] if the caller has a service key without [`Scope::Manage`].
    /// - [`Error::Unauthenticated`] if the caller is neither the service nor a session, or if it is
    ///   a session that is not active and `key` is not its own.
    /// - [`Error::NotFound`] if there is no such session, or if the caller is a session of another
    ///   user.
    /// - [`Error::Busy`] or [`Error::Store`] if the server cannot carry it out.
    pub async fn invalidate(
        self: &Arc<Self>,
        caller: &Caller,
        key: SessionKey,
    ) -> Result<(UserState, Session), Error> {
        caller.require(Scope::Manage)?;
        let caller = caller.clone();
        self.run_to_end(Workload::Store, |service| async move {
            service.end_session(&caller, key).await
        })
        .await
    }

    async fn end_session(
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

    /// Approves or denies a login that waits for approval. Only the service and the user's active
    /// session may decide. Runs to its end even if the client hangs up.
    ///
    /// # Errors
    /// - [`Error::MissingScope`] if the caller has a service key without [`Scope::Manage`].
    /// - [`Error::Unauthenticated`] if the caller is neither the service nor an active session.
    /// - [`Error::NotFound`] if no login with this attempt id waits for approval, or if the caller
    ///   is a session of another user.
    /// - [`Error::Busy`] or [`Error::Store`] if the server cannot carry it out.
    pub async fn decide_login(
        self: &Arc<Self>,
        caller: &Caller,
        attempt: AttemptId,
        decision: Decision,
    ) -> Result<(UserState, Session), Error> {
        caller.require(Scope::Manage)?;
        let caller = caller.clone();
        self.run_to_end(Workload::Store, |service| async move {
            service.decide(&caller, attempt, decision).await
        })
        .await
    }

    async fn decide(
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
            .map_err(|error| match error {
                // The user does not exist, so neither does the attempt.
                Error::NotFound(_) => NOT_FOUND,
                error => error,
            })?;
        Ok((transition.next, session))
    }

    /// Rejects every caller except the service.
    pub(super) fn only_service(&self, caller: &Caller, action: Action) -> Result<(), Error> {
        match caller {
            Caller::Service(_) => Ok(()),
            Caller::Session(session) if session.is_valid(self.now()) => {
                Err(Error::Forbidden(action))
            }
            Caller::Session(_) | Caller::InvalidCredentials | Caller::Anonymous => {
                Err(Error::Unauthenticated)
            }
        }
    }
}
