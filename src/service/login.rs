//! Logins: credentials, the choice on a conflict, and the new session.

use std::net::IpAddr;

use super::{Action, Client, Error, NewSession, Service, StatedDevice};
use crate::{
    access::Caller,
    domain::{
        Mobile, Password, PasswordHash, UserState, Username,
        rules::{self, OnConflict},
    },
};

#[derive(Debug)]
pub struct Login {
    pub mobile: Mobile,
    pub username: Username,
    pub password: Option<Password>,
    pub device: StatedDevice,
    /// The server's setting where it is not given.
    pub on_conflict: Option<OnConflict>,
}

#[derive(Debug)]
pub struct LoginAnswer {
    pub outcome: LoginOutcome,
    pub user: UserState,
}

#[derive(Debug)]
pub enum LoginOutcome {
    LoggedIn(NewSession),
    Refused,
    AwaitingApproval(NewSession),
}

impl Service {
    /// Opens a session on a device, or does what was chosen where another device holds a valid one.
    ///
    /// # Errors
    /// [`Error::InvalidCredentials`], the same and as late for a wrong number, name or password;
    /// [`Error::RateLimited`]; [`Error::Forbidden`] for a choice that the operator does not leave to clients.
    pub async fn login(
        &self,
        caller: &Caller,
        client: &Client,
        input: Login,
    ) -> Result<LoginAnswer, Error> {
        let device = Self::device(caller, client, input.device)?;
        let on_conflict = self.allowed(caller, input.on_conflict)?;
        let user = self
            .check_credentials(
                caller,
                client.address,
                &input.mobile,
                &input.username,
                input.password,
            )
            .await?;
        let (new_ids, token) = self.new_ids(user.owner.id);
        let checked = user.password;
        let (transition, outcome) = self
            .change(user.owner.id, |state, context| {
                // The given password was compared with `checked`. A hash that has changed since needs a new check.
                if state.password != checked {
                    return Err(Error::InvalidCredentials);
                }
                let login = rules::Login {
                    device: device.clone(),
                    on_conflict,
                };
                Ok(rules::log_in(state, login, new_ids, context))
            })
            .await
            .map_err(|error| match error {
                // The user was deleted after the check. The response is the same as for an unknown user.
                Error::NotFound(_) => Error::InvalidCredentials,
                error => error,
            })?;
        let outcome = match outcome {
            rules::LoginOutcome::LoggedIn(session) => {
                LoginOutcome::LoggedIn(NewSession { session, token })
            }
            rules::LoginOutcome::Refused => LoginOutcome::Refused,
            rules::LoginOutcome::AwaitingApproval(session) => {
                LoginOutcome::AwaitingApproval(NewSession { session, token })
            }
        };
        Ok(LoginAnswer {
            outcome,
            user: transition.next,
        })
    }

    fn allowed(&self, caller: &Caller, chosen: Option<OnConflict>) -> Result<OnConflict, Error> {
        match chosen {
            None => Ok(self.config.on_conflict),
            Some(chosen)
                if caller.is_service() || self.config.client_on_conflict.contains(&chosen) =>
            {
                Ok(chosen)
            }
            Some(_) => Err(Error::Forbidden(Action::ChooseOnConflict)),
        }
    }

    /// The service vouches for users whom it authenticated itself, but a password that it passes on is checked.
    async fn check_credentials(
        &self,
        caller: &Caller,
        address: IpAddr,
        mobile: &Mobile,
        username: &Username,
        password: Option<Password>,
    ) -> Result<UserState, Error> {
        let found = self
            .store
            .user_by_mobile(mobile)
            .await?
            .filter(|user| user.owner.username == *username);
        let expected = found.as_ref().and_then(|user| user.password.clone());
        match password {
            None if caller.is_service() => {}
            Some(password) if caller.is_service() => {
                let place = self.passwords.place().await?;
                if !self.passwords.verify(place, password, expected).await? {
                    return Err(Error::InvalidCredentials);
                }
            }
            password => {
                // None takes as long as a wrong one.
                let password =
                    password.map_or_else(|| Password::attempt("password", String::new()), Ok)?;
                self.check_password(mobile, address, password, expected)
                    .await?;
            }
        }
        found.ok_or(Error::InvalidCredentials)
    }

    /// Compares a password under the limits on failures. They are read once there is a place to hash, so that of a
    /// thousand guesses sent at once no more than the places slip past them.
    pub(super) async fn check_password(
        &self,
        mobile: &Mobile,
        address: IpAddr,
        password: Password,
        expected: Option<PasswordHash>,
    ) -> Result<(), Error> {
        let place = self.passwords.place().await?;
        self.throttle.check(mobile, address)?;
        if self.passwords.verify(place, password, expected).await? {
            return Ok(());
        }
        self.throttle.record_failure(mobile, address);
        tracing::info!(?mobile, "login failed");
        Err(Error::InvalidCredentials)
    }
}
