//! Freezing and unfreezing of users.

use std::sync::Arc;

use super::{Action, Error, Resource, Service, required, run_to_end::Workload};
use crate::{
    access::{Caller, Scope},
    domain::{
        FreezeReason, Timestamp, TypedMobile, UserState,
        rules::{self, FreezeUser},
    },
};

/// Input of [`Service::freeze_user`].
#[derive(Debug)]
pub struct Freezing {
    /// The user's mobile number. A session may leave it out.
    pub mobile: Option<TypedMobile>,
    /// The time when the freeze ends by itself.
    pub until: Option<Timestamp>,
    /// The reason.
    pub reason: Option<FreezeReason>,
}

impl Service {
    /// Freezes a user: ends every session, and lets no login succeed. Only the service and the
    /// user's active session may freeze a user. Runs to its end even if the client hangs up.
    ///
    /// # Errors
    /// - [`Error::MissingScope`] if the caller has a service key without [`Scope::Manage`].
    /// - [`Error::Unauthenticated`] if the caller is neither the service nor an active session.
    /// - [`Error::NotFound`] if there is no user with this mobile number, or if the caller may not
    ///   see the user.
    /// - [`Error::Invalid`] if the service leaves out `mobile`, or if `until` has passed or is later
    ///   than a session may choose.
    /// - [`Error::Busy`] or [`Error::Store`] if the server cannot carry it out.
    pub async fn freeze_user(
        self: &Arc<Self>,
        caller: &Caller,
        input: Freezing,
    ) -> Result<UserState, Error> {
        caller.require(Scope::Manage)?;
        let caller = caller.clone();
        self.run_to_end(Workload::Store, |service| async move {
            service.freeze(&caller, input).await
        })
        .await
    }

    async fn freeze(&self, caller: &Caller, input: Freezing) -> Result<UserState, Error> {
        let actor = caller.actor().ok_or(Error::Unauthenticated)?;
        let own = match caller {
            Caller::Session(own) => Some(own.owner.id),
            _ => None,
        };
        let user = match (&input.mobile, own) {
            (Some(mobile), _) => {
                let found = self.find_for(caller, mobile).await?;
                found.ok_or(Error::NotFound(Resource::User))?.owner.id
            }
            (None, Some(own)) => own,
            (None, None) => return Err(required("mobile")),
        };
        let (transition, ()) = self
            .change(user, |state, context| {
                let command = FreezeUser {
                    actor,
                    until: input.until,
                    reason: input.reason.clone(),
                };
                Ok((rules::freeze_user(state, command, context)?, ()))
            })
            .await?;
        tracing::info!(%user, by_service = caller.is_service(), "user frozen");
        Ok(transition.next)
    }

    /// Ends the freeze of a user. Only the service may do so. Idempotent. Runs to its end even if
    /// the client hangs up.
    ///
    /// # Errors
    /// - [`Error::Unauthenticated`] or [`Error::Forbidden`] if the caller is not the service.
    /// - [`Error::MissingScope`] if the caller has a service key without [`Scope::Manage`].
    /// - [`Error::NotFound`] if there is no user with this mobile number.
    /// - [`Error::Busy`] or [`Error::Store`] if the server cannot carry it out.
    pub async fn unfreeze_user(
        self: &Arc<Self>,
        caller: &Caller,
        mobile: TypedMobile,
    ) -> Result<UserState, Error> {
        self.only_service(caller, Action::UnfreezeUser)?;
        caller.require(Scope::Manage)?;
        self.run_to_end(Workload::Store, |service| async move {
            let found = service.find_by_mobile(&mobile).await?;
            let user = found.ok_or(Error::NotFound(Resource::User))?.owner.id;
            let (transition, ()) = service
                .change(user, |state, context| {
                    Ok((rules::unfreeze_user(state, context), ()))
                })
                .await?;
            tracing::info!(%user, "user unfrozen");
            Ok(transition.next)
        })
        .await
    }
}
