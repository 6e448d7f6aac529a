//! Invalidation of sessions, and decisions on pending logins.

use std::sync::Arc;

use super::{Action, Error, Resource, Service, run_to_end::Workload};
use crate::{
    access::{Caller, Scope},
    alerts,
    domain::{
        AttemptId, NumberMatch, Session, SessionKey, Stage, UserState,
        rules::{self, DecideLogin, Decision, DecisionOutcome},
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
    /// - [`Error::Forbidden`] if the session with this key waits for approval, and a recent take-over
    ///   has opened the caller's session.
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
    /// session may decide. If number matching is on, the approval of a session must have the number
    /// that the waiting device shows, and another number denies the login. Runs to its end even if
    /// the client hangs up.
    ///
    /// # Errors
    /// - [`Error::MissingScope`] if the caller has a service key without [`Scope::Manage`].
    /// - [`Error::Unauthenticated`] if the caller is neither the service nor an active session.
    /// - [`Error::NotFound`] if no login with this attempt id waits for approval, or if the caller
    ///   is a session of another user.
    /// - [`Error::Forbidden`] if a recent take-over has opened the caller's session.
    /// - [`Error::Invalid`] if a session approves without the number that is required.
    /// - [`Error::Busy`] or [`Error::Store`] if the server cannot carry it out.
    pub async fn decide_login(
        self: &Arc<Self>,
        caller: &Caller,
        attempt: AttemptId,
        decision: Decision,
        number: Option<i32>,
    ) -> Result<(UserState, Session, DecisionOutcome), Error> {
        caller.require(Scope::Manage)?;
        let caller = caller.clone();
        let actor = caller.actor().ok_or(Error::Unauthenticated)?;
        let command = DecideLogin {
            actor,
            attempt,
            decision,
            number,
        };
        self.run_to_end(Workload::Store, |service| async move {
            service.decide(&caller, command).await
        })
        .await
    }

    async fn decide(
        &self,
        caller: &Caller,
        command: DecideLogin,
    ) -> Result<(UserState, Session, DecisionOutcome), Error> {
        const NOT_FOUND: Error = Error::NotFound(Resource::LoginAttempt);
        let attempt = command.attempt;
        if let Caller::Session(own) = caller {
            if !own.is_valid(self.now()) {
                return Err(Error::Unauthenticated);
            }
            if own.owner.id != attempt.user {
                return Err(NOT_FOUND);
            }
        }
        let (transition, (session, outcome)) = self
            .change(attempt.user, |state, context| {
                let (transition, session, outcome) = rules::decide_login(state, command, context)?;
                Ok((transition, (session, outcome)))
            })
            .await
            .map_err(|error| match error {
                // The user does not exist, so neither does the attempt.
                Error::NotFound(_) => NOT_FOUND,
                error => error,
            })?;
        Ok((transition.next, session, outcome))
    }

    /// Returns the numbers among which the caller selects that of a waiting login. `None` if number
    /// matching is off, if the login does not wait any more, or if the caller may not decide on it.
    /// The caller must see the user. If `is_for_subscriber` is set, this waits while the store is
    /// unavailable, as [`Service::session_for_subscriber`] does.
    ///
    /// # Errors
    /// Returns [`Error::Store`] if the store fails.
    pub async fn match_choices(
        &self,
        caller: &Caller,
        attempt: AttemptId,
        is_for_subscriber: bool,
    ) -> Result<Option<[u8; NumberMatch::CHOICES]>, Error> {
        let user = if is_for_subscriber {
            alerts::load_user(&*self.store, attempt.user).await?
        } else {
            self.store.user(attempt.user).await?
        };
        let Some(user) = user else { return Ok(None) };
        let context = self.context();
        let may_decide = match caller {
            Caller::Service(_) => caller.has_scope(Scope::Manage),
            // The session may have been approved after the caller was identified.
            Caller::Session(own) => {
                let active = user.active.as_ref();
                active.is_some_and(|active| active.key == own.key && active.is_valid(context.now))
                    && rules::may_decide(&user, own.key, context)
            }
            Caller::InvalidCredentials | Caller::Anonymous => false,
        };
        let waits = |session: &&Session| {
            session.attempt() == Some(attempt) && session.stage(context.now) == Stage::Pending
        };
        let waiting = user.pending.as_ref().filter(waits);
        let matching = waiting.filter(|_| may_decide).and_then(Session::matching);
        Ok(matching.map(|matching| matching.choices()))
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
