//! Authentication: the caller behind the credentials of a request.
//!
//! A check of a token reads one session of the store, which may have it in memory. If the session
//! is valid, the check also counts as a request of the session and so extends its idle timeout. The
//! [`ActivityTracker`] records the time in memory and writes it later, in a batch.
//!
//! [`ActivityTracker`]: super::activity::ActivityTracker

use super::{Error, Service};
use crate::{
    access::Caller,
    domain::{Session, Token},
};

impl Service {
    /// Identifies the sender of `credentials`, which are the text after `Bearer`. If they are the
    /// token of a valid session, this extends the session's idle timeout.
    ///
    /// # Errors
    /// Returns [`Error::Store`] if the token cannot be looked up.
    pub async fn authenticate(&self, credentials: Option<&str>) -> Result<Caller, Error> {
        let Some(credentials) = credentials else {
            let development_mode = self.config.service_key.is_none();
            return Ok(if development_mode {
                Caller::Service
            } else {
                Caller::Anonymous
            });
        };
        if let Some(token) = Token::parse(credentials) {
            return Ok(self
                .session_by_token(&token)
                .await?
                .map_or(Caller::InvalidCredentials, |(session, _)| {
                    Caller::Session(session.into())
                }));
        }
        let is_service = self
            .config
            .service_key
            .as_ref()
            .is_some_and(|key| key.matches(credentials));
        Ok(if is_service {
            Caller::Service
        } else {
            Caller::InvalidCredentials
        })
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
