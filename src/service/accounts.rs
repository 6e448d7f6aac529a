use super::{Action, Client, Error, NewSession, Resource, Service, StatedDevice, required};
use crate::{
    access::Caller,
    domain::{
        Mobile, Password, UserState, Username,
        rules::{Actor, Command, NewUser, Outcome, register},
    },
    store::CommitError,
};

#[derive(Debug)]
pub struct CreateUser {
    pub mobile: Mobile,
    pub username: Username,
    pub password: Option<Password>,
    pub device: StatedDevice,
}

#[derive(Debug)]
pub struct SetPassword {
    pub mobile: Mobile,
    pub old: Option<Password>,
    pub new: Password,
}

impl Service {
    /// Registers a number and opens its first session.
    ///
    /// # Errors
    /// [`Error::MobileTaken`]; [`Error::Invalid`] where a caller other than the service gives no password.
    pub async fn create_user(
        &self,
        caller: &Caller,
        client: &Client,
        input: CreateUser,
    ) -> Result<(UserState, NewSession), Error> {
        let device = Self::device(caller, client, input.device)?;
        if input.password.is_none() && !caller.is_service() {
            return Err(required("password"));
        }
        // Before the hash, which is the dear part; the commit makes sure.
        if self.store.user_by_mobile(&input.mobile).await?.is_some() {
            return Err(Error::MobileTaken);
        }
        let password = match input.password {
            Some(password) => Some(self.passwords.hash(password).await?),
            None => None,
        };
        let id = self.ids.user_id();
        let (new_ids, token) = self.new_ids(id);
        let user = NewUser {
            id,
            mobile: input.mobile,
            username: input.username,
            password,
        };
        let transition = register(user, device, self.now(), new_ids, &self.config.policy);
        self.commit(&transition, 0)
            .await
            .map_err(|error| match error {
                CommitError::MobileTaken | CommitError::Stale => Error::MobileTaken,
                CommitError::Store(error) => error.into(),
            })?;
        let Outcome::LoggedIn(session) = transition.outcome else {
            return Err(Error::Busy);
        };
        tracing::info!(user = %id, mobile = ?transition.next.owner.mobile, "user created");
        Ok((transition.next, NewSession { session, token }))
    }

    /// Sets or changes a password, and ends the user's other sessions.
    ///
    /// # Errors
    /// [`Error::InvalidCredentials`] where a session gives a wrong old password.
    pub async fn set_password(
        &self,
        caller: &Caller,
        client: &Client,
        input: SetPassword,
    ) -> Result<UserState, Error> {
        let actor = caller.actor().ok_or(Error::Unauthenticated)?;
        let user = self.existing_user_by_mobile(caller, &input.mobile).await?;
        if let Actor::Session(_) = actor
            && user.password.is_some()
        {
            let old = input.old.ok_or_else(|| required("oldPassword"))?;
            self.check_password(
                &user.owner.mobile,
                client.address,
                old,
                user.password.clone(),
            )
            .await?;
        }
        let hash = self.passwords.hash(input.new).await?;
        let checked = user.password;
        let transition = self
            .change(user.owner.id, |state| {
                // The old password was checked against this one.
                if matches!(actor, Actor::Session(_)) && state.password != checked {
                    return Err(Error::InvalidCredentials);
                }
                Ok(Command::ChangePassword {
                    actor,
                    hash: hash.clone(),
                })
            })
            .await?;
        Ok(transition.next)
    }

    /// Erases a user with all sessions and alerts.
    ///
    /// # Errors
    /// [`Error::NotFound`] where nobody owns the number.
    pub async fn delete_user(&self, caller: &Caller, mobile: &Mobile) -> Result<(), Error> {
        self.only_service(caller, Action::DeleteUser)?;
        let user = self
            .store
            .user_by_mobile(mobile)
            .await?
            .ok_or(Error::NotFound(Resource::User))?;
        if !self.store.delete_user(user.owner.id).await? {
            return Err(Error::NotFound(Resource::User));
        }
        tracing::info!(user = %user.owner.id, "user deleted");
        Ok(())
    }
}
