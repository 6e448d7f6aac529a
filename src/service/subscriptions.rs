//! The subscription to a user's alerts.

use std::sync::Arc;

use futures_util::stream::BoxStream;

use super::{Error, Resource, Service, required};
use crate::{
    access::{Caller, Scope, Visibility},
    alerts::{self, AlertStreamError, AlertSubscriber, SubscriptionScope},
    domain::{
        Alert, AlertId, InputRule, InvalidInput, Owner, Session, SessionKey, Stage, TypedMobile,
        UserId,
    },
};

impl Service {
    /// Subscribes to a user's alerts, and returns the user with the stream. The stream starts with
    /// the alerts after `after`, or with the next alert if `after` is `None`, and then stays live.
    /// It completes after the alert that reports the end of the caller's session.
    ///
    /// # Errors
    /// - [`Error::MissingScope`] if the caller has a service key without [`Scope::Read`].
    /// - [`Error::Unauthenticated`] if the caller is neither the service nor an active or pending
    ///   session.
    /// - [`Error::NotFound`] if the user does not exist, or if the caller may not see the user.
    /// - [`Error::Invalid`] if the service leaves out `mobile`, or if `after` is the id of another
    ///   user's alert.
    /// - [`Error::AlertsPurged`] if `after` lies beyond the end of the log.
    /// - [`Error::Store`] if the store fails.
    pub async fn subscribe_to_alerts(
        &self,
        caller: &Caller,
        mobile: Option<TypedMobile>,
        after: Option<AlertId>,
    ) -> Result<
        (
            Owner,
            BoxStream<'static, Result<(Alert, Visibility), AlertStreamError>>,
        ),
        Error,
    > {
        let (owner, scope) = self.subscription_scope(caller, mobile).await?;
        if after.is_some_and(|after| after.user != owner.id) {
            return Err(InvalidInput::new("after", InputRule::AlertOfThisUser).into());
        }
        // Subscribe before reading the log, so that no alert is missed in between.
        let subscriber = AlertSubscriber::new(Arc::clone(&self.hub), owner.id, scope);
        let user = self
            .store
            .user(owner.id)
            .await?
            .ok_or(Error::NotFound(Resource::User))?;
        let subscriber = subscriber.with_active_session(user.active.as_ref());
        let after = after.map_or(user.last_alert, |after| after.sequence);
        // Such a position is from a log that a backup has replaced.
        if after > user.last_alert {
            return Err(Error::AlertsPurged);
        }
        Ok((owner, subscriber.after(after)))
    }

    async fn subscription_scope(
        &self,
        caller: &Caller,
        mobile: Option<TypedMobile>,
    ) -> Result<(Owner, SubscriptionScope), Error> {
        match caller {
            Caller::Service(_) => {
                caller.require(Scope::Read)?;
                let mobile = mobile.ok_or_else(|| required("mobile"))?;
                let user = self
                    .find_by_mobile(&mobile)
                    .await?
                    .ok_or(Error::NotFound(Resource::User))?;
                Ok((user.owner, SubscriptionScope::User))
            }
            Caller::Session(session) => {
                let is_active = match session.stage(self.now()) {
                    Stage::Active => true,
                    Stage::Pending => false,
                    Stage::Ended(_) => return Err(Error::Unauthenticated),
                };
                if mobile.is_some_and(|mobile| !mobile.matches(&session.owner.mobile)) {
                    return Err(Error::NotFound(Resource::User));
                }
                Ok((
                    session.owner.clone(),
                    SubscriptionScope::Session {
                        key: session.key,
                        token_hash: session.token_hash,
                        is_active,
                    },
                ))
            }
            Caller::InvalidCredentials | Caller::Anonymous => Err(Error::Unauthenticated),
        }
    }

    /// Returns a session for an alert that is being delivered to a subscriber. While the store is
    /// unavailable, this waits instead of failing, because a subscriber gets each alert only once.
    ///
    /// # Errors
    /// Returns [`Error::Store`] if the stored session is damaged.
    pub async fn session_for_subscriber(
        &self,
        user: UserId,
        key: SessionKey,
    ) -> Result<Option<Session>, Error> {
        let session = alerts::load_session(&*self.store, user, key).await?;
        Ok(session.map(|session| self.with_session_activity(session)))
    }
}
