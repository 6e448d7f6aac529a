use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};

use super::{Action, Error, Resource, Service};
use crate::{
    access::{Caller, Visibility},
    alerts::{self, AlertSubscriber, SubscriptionScope},
    domain::{
        Alert, AlertId, InputRule, InvalidInput, Mobile, Owner, Session, SessionKey, Stage, UserId,
        UserState,
    },
    store::{Page, Slice},
};

impl Service {
    /// The user who owns this number, as far as the caller may see; `None` where there is none or it may not.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] where the caller may see no user at all.
    pub async fn user_by_mobile(
        &self,
        caller: &Caller,
        mobile: &Mobile,
    ) -> Result<Option<UserState>, Error> {
        match caller {
            Caller::Service => Ok(self
                .store
                .user_by_mobile(mobile)
                .await?
                .map(|user| self.with_activity(user))),
            Caller::Session(session) if session.is_valid(self.now()) => {
                if session.owner.mobile == *mobile {
                    self.load(session.owner.id).await
                } else {
                    Ok(None)
                }
            }
            Caller::Session(_) | Caller::InvalidCredentials | Caller::Anonymous => {
                Err(Error::Unauthenticated)
            }
        }
    }

    pub(super) async fn user_in_whole(
        &self,
        caller: &Caller,
        mobile: &Mobile,
    ) -> Result<UserState, Error> {
        self.user_by_mobile(caller, mobile)
            .await?
            .ok_or(Error::NotFound(Resource::User))
    }

    /// A user by id, for what has been found to be visible.
    ///
    /// # Errors
    /// [`Error::Store`], as every query here.
    pub async fn user(&self, id: UserId) -> Result<Option<UserState>, Error> {
        self.load(id).await
    }

    /// A session as it stands now.
    pub async fn session(&self, user: UserId, key: SessionKey) -> Result<Option<Session>, Error> {
        Ok(self
            .store
            .session(user, key)
            .await?
            .map(|session| self.up_to_date(session)))
    }

    /// The session that an alert is about, which is on its way to a subscriber: waits for as long as the store is away.
    pub async fn session_of_alert(&self, alert: &Alert) -> Result<Option<Session>, Error> {
        let session = alerts::session_of(&*self.store, alert).await?;
        Ok(session.map(|session| self.up_to_date(session)))
    }

    /// The sessions with these keys, in the keys' order. For the service.
    pub async fn sessions_by_key(
        &self,
        caller: &Caller,
        keys: &[SessionKey],
    ) -> Result<Vec<Option<Session>>, Error> {
        self.only_service(caller, Action::LookUpSessionsByKey)?;
        let found = self.store.sessions_by_key(keys).await?;
        Ok(found
            .into_iter()
            .map(|session| session.map(|session| self.up_to_date(session)))
            .collect())
    }

    /// A user's sessions, newest first, as far as `visibility` goes.
    pub async fn sessions(
        &self,
        user: UserId,
        visibility: Visibility,
        page: Page,
    ) -> Result<Slice<Session>, Error> {
        if let Visibility::OnlySession(key) = visibility {
            let items: Vec<_> = self.session(user, key).await?.into_iter().collect();
            let items = items
                .into_iter()
                .filter(|own| page.before.is_none_or(|before| own.number < before))
                .collect();
            return Ok(Slice::of_one_more(items, page));
        }
        let mut slice = self.store.sessions(user, page).await?;
        for session in &mut slice.items {
            self.activity.apply_to(session);
        }
        Ok(slice)
    }

    pub async fn count_sessions(&self, user: UserId, visibility: Visibility) -> Result<u64, Error> {
        match visibility {
            Visibility::Full => Ok(self.store.count_sessions(user).await?),
            Visibility::OnlySession(_) => Ok(1),
        }
    }

    /// A user's alerts, newest first; none for whoever sees less than the whole user.
    pub async fn alerts(
        &self,
        user: UserId,
        visibility: Visibility,
        page: Page,
    ) -> Result<Slice<Alert>, Error> {
        match visibility {
            Visibility::Full => Ok(self.store.alerts(user, page).await?),
            Visibility::OnlySession(_) => Ok(Slice {
                items: Vec::new(),
                has_more: false,
            }),
        }
    }

    /// The session with this key, whosever it is, where the caller may see it.
    pub async fn visible_session(
        &self,
        caller: &Caller,
        key: SessionKey,
    ) -> Result<Option<(Session, Visibility)>, Error> {
        let found = match caller {
            Caller::Service => self.store.sessions_by_key(&[key]).await?.pop().flatten(),
            Caller::Session(own) => self.store.session(own.owner.id, key).await?,
            Caller::InvalidCredentials | Caller::Anonymous => None,
        };
        let now = self.now();
        Ok(found.and_then(|session| {
            let visibility = caller.visibility(session.owner.id, now)?;
            visibility
                .shows_session(key)
                .then(|| (self.up_to_date(session), visibility))
        }))
    }

    /// The user with this id, where the caller may see it.
    pub async fn visible_user(
        &self,
        caller: &Caller,
        id: UserId,
    ) -> Result<Option<(UserState, Visibility)>, Error> {
        let Some(visibility) = caller.visibility(id, self.now()) else {
            return Ok(None);
        };
        Ok(self.load(id).await?.map(|user| (user, visibility)))
    }

    /// The alert with this id and its user, where the caller may see it.
    pub async fn visible_alert(
        &self,
        caller: &Caller,
        id: AlertId,
    ) -> Result<Option<(Alert, Owner, Visibility)>, Error> {
        let Some(Visibility::Full) = caller.visibility(id.user, self.now()) else {
            return Ok(None);
        };
        let Some(alert) = self.store.alert(id).await? else {
            return Ok(None);
        };
        Ok(self
            .store
            .user(id.user)
            .await?
            .map(|user| (alert, user.owner, Visibility::Full)))
    }

    /// A user's alerts: those after `after` (those to come, where it is not given), then live.
    /// The stream completes after the alert that ends the caller's session.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`]; [`Error::NotFound`] for a user whom the caller may not follow;
    /// [`Error::Invalid`] for an `after` of another user.
    pub async fn follow(
        &self,
        caller: &Caller,
        mobile: Option<Mobile>,
        after: Option<AlertId>,
    ) -> Result<
        (
            Owner,
            BoxStream<'static, Result<(Alert, Visibility), Error>>,
        ),
        Error,
    > {
        let (owner, follows) = self.followed(caller, mobile).await?;
        if after.is_some_and(|after| after.user != owner.id) {
            return Err(InvalidInput::new("after", InputRule::AlertOfThisUser).into());
        }
        // Before the log is read, so that nothing falls between.
        let follower = AlertSubscriber::new(Arc::clone(&self.hub), owner.id, follows);
        let user = self
            .store
            .user(owner.id)
            .await?
            .ok_or(Error::NotFound(Resource::User))?;
        let follower = follower.with_active_session(user.active.map(|session| session.key));
        let last = user.last_alert;
        let after = after.map_or(last, |after| after.sequence.min(last));
        Ok((owner, follower.after(after).map_err(Error::from).boxed()))
    }

    async fn followed(
        &self,
        caller: &Caller,
        mobile: Option<Mobile>,
    ) -> Result<(Owner, SubscriptionScope), Error> {
        match caller {
            Caller::Service => {
                let mobile = mobile.ok_or_else(|| super::required("mobile"))?;
                let user = self
                    .store
                    .user_by_mobile(&mobile)
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
                if mobile.is_some_and(|mobile| mobile != session.owner.mobile) {
                    return Err(Error::NotFound(Resource::User));
                }
                Ok((
                    session.owner.clone(),
                    SubscriptionScope::Session {
                        key: session.key,
                        is_active,
                    },
                ))
            }
            Caller::InvalidCredentials | Caller::Anonymous => Err(Error::Unauthenticated),
        }
    }

    pub(super) fn up_to_date(&self, mut session: Session) -> Session {
        self.activity.apply_to(&mut session);
        session
    }
}
