//! Accounts: registration, passwords, and deletion.

use std::{iter, sync::Arc};

use super::{
    Action, Client, DeviceInput, Error, NewSession, Resource, Service, passwords::NewPassword,
    required, run_to_end::Workload,
};
use crate::{
    access::{Caller, Scope},
    domain::{
        Mobile, Password, TypedMobile, UserState, Username,
        rules::{self, Actor, NewUser},
    },
};

/// Input of [`Service::create_user`].
#[derive(Debug)]
pub struct CreateUser {
    /// The mobile number that the user will own.
    pub mobile: Mobile,
    /// The user's name.
    pub username: Username,
    /// The user's password. Only the service may leave it out.
    pub password: Option<Password>,
    /// The device of the first session.
    pub device: DeviceInput,
}

/// Input of [`Service::set_password`].
#[derive(Debug)]
pub struct SetPassword {
    /// The mobile number of the user.
    pub mobile: TypedMobile,
    /// The current password. Only the service may leave it out.
    pub old: Option<Password>,
    /// The password to set.
    pub new: Password,
}

impl Service {
    /// Registers a user and opens a first session. Runs to its end even if the client hangs up.
    ///
    /// # Errors
    /// - [`Error::Forbidden`] or [`Error::Unauthenticated`] if the operator lets only the service
    ///   register users, and the caller is not the service.
    /// - [`Error::MissingScope`] if the caller has a service key without [`Scope::Login`].
    /// - [`Error::TooManyRegistrations`] after too many attempts from the caller's address, unless
    ///   the caller is the service.
    /// - [`Error::MobileTaken`] if the mobile number is already registered.
    /// - [`Error::Invalid`] if a caller other than the service leaves out the password, or if a
    ///   device property breaks a rule.
    /// - [`Error::Forbidden`] if a caller other than the service sets an address.
    /// - [`Error::Busy`], [`Error::Store`] or [`Error::Hashing`] if the server cannot carry out the
    ///   registration.
    pub async fn create_user(
        self: &Arc<Self>,
        caller: &Caller,
        client: &Client,
        input: CreateUser,
    ) -> Result<(UserState, NewSession), Error> {
        caller.require(Scope::Login)?;
        let workload = match input.password {
            Some(_) => Workload::Hash,
            None => Workload::Store,
        };
        let (caller, client) = (caller.clone(), client.clone());
        self.run_to_end(workload, |service| async move {
            service.register(&caller, &client, input).await
        })
        .await
    }

    async fn register(
        &self,
        caller: &Caller,
        client: &Client,
        input: CreateUser,
    ) -> Result<(UserState, NewSession), Error> {
        self.may_register(caller)?;
        let device = Self::device(caller, client, input.device)?;
        if input.password.is_none() && !caller.is_service() {
            return Err(required("password"));
        }
        // Counted before the look-up, because a taken number shows the caller who is registered.
        if !caller.is_service() {
            self.registrations.record(client.address)?;
        }
        // Check before hashing, which is expensive. The commit enforces uniqueness.
        // An earlier version may have stored the number in another form. No user is added in such
        // a form any more, so this check needs no commit to enforce it.
        for form in iter::once(input.mobile.clone()).chain(input.mobile.former_forms()) {
            if self.store.user_by_mobile(&form).await?.is_some() {
                return Err(Error::MobileTaken);
            }
        }
        let password = match input.password {
            Some(password) => {
                let new = NewPassword {
                    field: "password",
                    password,
                    mobile: input.mobile.clone(),
                    username: input.username.clone(),
                };
                Some(self.passwords.hash_new(new).await?)
            }
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
        let (transition, session) =
            rules::register(user, device, new_ids.numbered(0), self.context());
        self.commit(&transition, 0).await?;
        tracing::info!(user = %id, mobile = ?transition.next.owner.mobile, "user created");
        Ok((transition.next, NewSession { session, token }))
    }

    /// Sets or changes a password, and ends the user's sessions except the caller's own. Runs to
    /// its end even if the client hangs up.
    ///
    /// # Errors
    /// - [`Error::MissingScope`] if the caller has a service key without [`Scope::Manage`].
    /// - [`Error::Unauthenticated`] if the caller is neither the service nor an active session.
    /// - [`Error::NotFound`] if there is no user with this mobile number, or if the caller may not
    ///   see the user.
    /// - [`Error::Forbidden`] if the caller is a session, and the user has no password yet. Also if a
    ///   recent take-over has opened the caller's session, and a login waits for approval.
    /// - [`Error::Invalid`] if the caller is a session, and the input leaves out the old password.
    /// - [`Error::InvalidCredentials`] if the old password is wrong.
    /// - [`Error::RateLimited`] after too many failures.
    /// - [`Error::Busy`], [`Error::Store`] or [`Error::Hashing`] if the server cannot carry out the
    ///   change.
    pub async fn set_password(
        self: &Arc<Self>,
        caller: &Caller,
        client: &Client,
        input: SetPassword,
    ) -> Result<UserState, Error> {
        caller.require(Scope::Manage)?;
        let (caller, client) = (caller.clone(), client.clone());
        self.run_to_end(Workload::Hash, |service| async move {
            service.change_password(&caller, &client, input).await
        })
        .await
    }

    async fn change_password(
        &self,
        caller: &Caller,
        client: &Client,
        input: SetPassword,
    ) -> Result<UserState, Error> {
        let actor = caller.actor().ok_or(Error::Unauthenticated)?;
        let user = self
            .find_for(caller, &input.mobile)
            .await?
            .ok_or(Error::NotFound(Resource::User))?;
        if let Actor::Session(_) = actor {
            // Until then, only the service logs this user in. With a password of its own, a stolen
            // token would open sessions after the stolen one has ended.
            if user.password.is_none() {
                return Err(Error::Forbidden(Action::SetFirstPassword));
            }
            let old = input.old.ok_or_else(|| required("oldPassword"))?;
            self.check_password(&user.owner.mobile, client.address, old, Some(&user))
                .await?;
        }
        let new = NewPassword {
            field: "newPassword",
            password: input.new,
            mobile: user.owner.mobile.clone(),
            username: user.owner.username.clone(),
        };
        let hash = self.passwords.hash_new(new).await?;
        let checked = user.password;
        let (transition, ()) = self
            .change(user.owner.id, |state, context| {
                // The old password was compared with `checked`. A hash that has changed since needs
                // a new check.
                if matches!(actor, Actor::Session(_)) && state.password != checked {
                    return Err(Error::InvalidCredentials);
                }
                let transition = rules::change_password(state, actor, hash.clone(), context)?;
                Ok((transition, ()))
            })
            .await?;
        Ok(transition.next)
    }

    /// Deletes a user with all sessions and alerts. Runs to its end even if the client hangs up.
    ///
    /// # Errors
    /// - [`Error::Unauthenticated`] or [`Error::Forbidden`] if the caller is not the service.
    /// - [`Error::MissingScope`] if the caller has a service key without [`Scope::Admin`].
    /// - [`Error::NotFound`] if there is no user with this mobile number.
    /// - [`Error::Store`] if the store fails.
    pub async fn delete_user(
        self: &Arc<Self>,
        caller: &Caller,
        mobile: TypedMobile,
    ) -> Result<(), Error> {
        self.only_service(caller, Action::DeleteUser)?;
        caller.require(Scope::Admin)?;
        self.run_to_end(Workload::Store, |service| async move {
            service.erase_user(&mobile).await
        })
        .await
    }

    async fn erase_user(&self, mobile: &TypedMobile) -> Result<(), Error> {
        let user = self
            .find_by_mobile(mobile)
            .await?
            .ok_or(Error::NotFound(Resource::User))?;
        if !self.store.delete_user(user.owner.id).await? {
            return Err(Error::NotFound(Resource::User));
        }
        tracing::info!(user = %user.owner.id, "user deleted");
        Ok(())
    }
}
