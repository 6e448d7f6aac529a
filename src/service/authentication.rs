//! Authentication: the caller behind the credentials of a request.
//!
//! A check of a token reads one session of the store, which may have it in memory. If the session
//! is valid, the check also counts as a request of the session and so extends its idle timeout. The
//! [`ActivityTracker`] records the time in memory and writes it later, in a batch.
//!
//! [`ActivityTracker`]: super::activity::ActivityTracker

use std::{future, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};

use super::{Error, Service};
use crate::{
    access::{Caller, ServiceKey},
    domain::{Session, Timestamp, Token, UserId},
    store::KnownSession,
};

/// How often a stream of a service key that has an expiry checks whether the key has expired.
const EXPIRY_INTERVAL: Duration = Duration::from_millis(500);

impl Service {
    /// Identifies the sender of `credentials`, which are the text after `Bearer`. If they are the
    /// token of a valid session, this extends the session's idle timeout.
    ///
    /// # Errors
    /// Returns [`Error::Store`] if the token cannot be looked up.
    pub async fn authenticate(&self, credentials: Option<&str>) -> Result<Caller, Error> {
        let Some(credentials) = credentials else {
            let key = self.config.service_keys.of_anyone();
            return Ok(key.map_or(Caller::Anonymous, Caller::Service));
        };
        if let Some(token) = Token::parse(credentials) {
            return Ok(self
                .session_by_token(&token)
                .await?
                .map_or(Caller::InvalidCredentials, |(session, _)| {
                    Caller::Session(session.into())
                }));
        }
        let key = self.config.service_keys.find(credentials, self.now());
        Ok(key.map_or(Caller::InvalidCredentials, Caller::Service))
    }

    /// Returns the service key that `credentials` are.
    #[must_use]
    pub fn service_key(&self, credentials: Option<&str>) -> Option<Arc<ServiceKey>> {
        let credentials = credentials.filter(|text| Token::parse(text).is_none())?;
        self.config.service_keys.find(credentials, self.now())
    }

    /// Returns a future that completes when this key is removed, expires, or loses a scope that it
    /// has now or gains later. It completes at once if that has happened since the key was found.
    #[must_use]
    pub fn key_revoked(self: &Arc<Self>, mut key: Arc<ServiceKey>) -> BoxFuture<'static, ()> {
        let (service, mut keys) = (Arc::clone(self), self.config.service_keys.watch());
        let revoked = async move {
            loop {
                {
                    let present = keys.borrow_and_update();
                    if !present.still_permits(&key, service.now()) {
                        return;
                    }
                    // The next set is compared with this one: operations may have begun with a scope
                    // that the key has gained since.
                    key = present.same_as(&key).map_or(key, Arc::clone);
                }
                let expires = key.expires_at.is_some();
                // The wall clock may be set, so the time of the expiry is not a time to sleep.
                let expiry = async {
                    if expires {
                        tokio::time::sleep(EXPIRY_INTERVAL).await;
                    } else {
                        future::pending::<()>().await;
                    }
                };
                tokio::select! {
                    changed = keys.changed() => if changed.is_err() { return },
                    () = expiry => {}
                }
            }
        };
        revoked.boxed()
    }

    /// Returns the session that `token` opens, if the session is valid, and extends its idle
    /// timeout.
    ///
    /// # Errors
    /// Returns [`Error::Store`] if the token cannot be looked up.
    pub async fn verify(&self, token: &str) -> Result<Option<Session>, Error> {
        let Some(token) = Token::parse(token) else {
            return Ok(None);
        };
        let found = self.session_by_token(&token).await?;
        Ok(found.and_then(|(session, is_valid)| is_valid.then_some(session)))
    }

    /// Calls `valid` with the user and the session that `token` opens, if the session is valid at
    /// `now`, the store has it in memory, and it was seen so recently that this request need not be
    /// recorded. Returns whether `valid` was called. If not, [`Service::verify`] decides.
    #[must_use]
    pub fn verify_known(
        &self,
        token: &str,
        now: Timestamp,
        mut valid: impl FnMut(UserId, &KnownSession<'_>),
    ) -> bool {
        let Some(token) = Token::parse(token) else {
            return false;
        };
        let mut is_valid = false;
        let mut check = |session: &KnownSession<'_>| {
            let KnownSession {
                last_seen_at,
                idle_timeout,
                ..
            } = *session;
            if now < session.expires_at()
                && self.activity.is_recent(last_seen_at, idle_timeout, now)
            {
                is_valid = true;
                valid(token.user(), session);
            }
            is_valid
        };
        self.store
            .known_session(token.user(), &token.hash(), &mut check);
        is_valid
    }

    /// Returns the session that `token` opens and whether it is valid, and extends its idle timeout
    /// if it is.
    async fn session_by_token(&self, token: &Token) -> Result<Option<(Session, bool)>, Error> {
        let Some(mut session) = self
            .store
            .session_by_token(token.user(), &token.hash())
            .await?
        else {
            return Ok(None);
        };
        let now = self.now();
        self.activity.apply_to(&mut session, now);
        let is_valid = session.is_valid(now);
        if is_valid {
            self.activity.record(&mut session, now);
        }
        Ok(Some((session, is_valid)))
    }
}
