//! Queries. Each returns only data that the caller may see. If the calling code must check this,
//! the docs of the query require it.

use futures_util::future::{BoxFuture, try_join_all};

use super::{Action, Error, Service};
use crate::{
    access::{Caller, Scope, Visibility},
    domain::{Alert, AlertId, Mobile, Owner, Session, SessionKey, TypedMobile, UserId, UserState},
    store::{Page, ReadUser, Slice, Snapshot, Store, StoreError},
};

/// The look-up of one number in a store.
type LookUp<T> =
    for<'a> fn(&'a dyn Store, &'a Mobile) -> BoxFuture<'a, Result<Option<T>, StoreError>>;

/// A user whose lists are read, and how much of them the caller may see.
#[derive(Debug, Clone)]
pub struct UserView {
    /// The user.
    pub user: UserId,
    /// How much the caller may see.
    pub visibility: Visibility,
    /// What the request has already read of the user.
    pub snapshot: Snapshot,
}

impl Service {
    /// Returns the user who owns this number, for a caller that reads the user's lists too. `None`
    /// if there is no such user, or if the caller may not see the user.
    ///
    /// # Errors
    /// Returns the errors of [`Service::user_by_mobile`].
    pub async fn read_user_by_mobile(
        &self,
        caller: &Caller,
        mobile: &TypedMobile,
    ) -> Result<Option<ReadUser>, Error> {
        caller.require(Scope::Read)?;
        if !matches!(caller, Caller::Service(_)) {
            let user = self.user_by_mobile(caller, mobile).await?;
            return Ok(user.map(|state| ReadUser {
                state,
                snapshot: Snapshot::default(),
            }));
        }
        let found = self
            .find_by(mobile, |store, mobile| store.read_user_by_mobile(mobile))
            .await?;
        Ok(found.map(|read| ReadUser {
            state: self.with_activity(read.state),
            ..read
        }))
    }

    /// Returns the user who owns this number. `None` if there is no such user, or if the caller may
    /// not see the user.
    ///
    /// # Errors
    /// Returns [`Error::MissingScope`] if the caller has a service key without [`Scope::Read`],
    /// [`Error::Unauthenticated`] if the caller is neither the service nor a valid session,
    /// [`Error::Invalid`] if no user may have the number, and [`Error::Store`] if the store fails.
    pub async fn user_by_mobile(
        &self,
        caller: &Caller,
        mobile: &TypedMobile,
    ) -> Result<Option<UserState>, Error> {
        caller.require(Scope::Read)?;
        self.find_for(caller, mobile).await
    }

    /// Returns the user who owns this number. `None` if there is no such user, or if the caller is
    /// a session of another user. The calling code must check the scopes of the service.
    pub(super) async fn find_for(
        &self,
        caller: &Caller,
        mobile: &TypedMobile,
    ) -> Result<Option<UserState>, Error> {
        match caller {
            Caller::Service(_) => Ok(self
                .find_by_mobile(mobile)
                .await?
                .map(|user| self.with_activity(user))),
            Caller::Session(session) if session.is_valid(self.now()) => {
                if mobile.matches(&session.owner.mobile) {
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

    /// Returns the user whom a typed number means: the user who is stored under the number as it
    /// was typed, or else under the number in its one form, or else in one of its former forms. The
    /// calling code must check that the user is visible.
    pub(super) async fn find_by_mobile(
        &self,
        mobile: &TypedMobile,
    ) -> Result<Option<UserState>, Error> {
        self.find_by(mobile, |store, mobile| store.user_by_mobile(mobile))
            .await
    }

    /// Finds a user as [`Service::find_by_mobile`] does, with this look-up of one number.
    async fn find_by<T>(
        &self,
        mobile: &TypedMobile,
        look_up: LookUp<T>,
    ) -> Result<Option<T>, Error> {
        let store = &*self.store;
        for candidate in mobile.candidates() {
            if let Some(user) = look_up(store, candidate).await? {
                return Ok(Some(user));
            }
        }
        mobile.number()?;
        let former = mobile.former_forms().collect::<Vec<_>>();
        let users = former.iter().map(|form| look_up(store, form));
        Ok(try_join_all(users).await?.into_iter().flatten().next())
    }

    /// Returns the user with this id. The calling code must check that the user is visible.
    ///
    /// # Errors
    /// Returns [`Error::Store`] if the store fails.
    pub async fn user(&self, id: UserId) -> Result<Option<UserState>, Error> {
        self.load(id).await
    }

    /// Returns a session with its latest activity. The calling code must check that the session is
    /// visible.
    ///
    /// # Errors
    /// Returns [`Error::Store`] if the store fails.
    pub async fn session(&self, user: UserId, key: SessionKey) -> Result<Option<Session>, Error> {
        Ok(self
            .store
            .session(user, key)
            .await?
            .map(|session| self.with_session_activity(session)))
    }

    /// Returns the sessions with these keys, in the order of the keys. Only the service may call
    /// this, with [`Scope::Check`] or [`Scope::Read`].
    ///
    /// # Errors
    /// Returns [`Error::Unauthenticated`] or [`Error::Forbidden`] for other callers,
    /// [`Error::MissingScope`] if the service key has neither scope, and [`Error::Store`] if the
    /// store fails.
    pub async fn sessions_by_key(
        &self,
        caller: &Caller,
        keys: &[SessionKey],
    ) -> Result<Vec<Option<Session>>, Error> {
        self.only_service(caller, Action::LookUpSessionsByKey)?;
        if !caller.has_scope(Scope::Read) {
            caller.require(Scope::Check)?;
        }
        let found = self.store.sessions_by_key(keys).await?;
        Ok(found
            .into_iter()
            .map(|session| session.map(|session| self.with_session_activity(session)))
            .collect())
    }

    /// Returns a page of a user's visible sessions, newest first.
    ///
    /// # Errors
    /// Returns [`Error::Store`] if the store fails.
    pub async fn sessions(&self, view: &UserView, page: Page) -> Result<Slice<Session>, Error> {
        let visible = match view.visibility {
            Visibility::Full => None,
            Visibility::OnlySession(key) | Visibility::WithoutUser(key) => Some(key),
            Visibility::Identity => return Ok(Slice::empty()),
        };
        if let Some(key) = visible {
            let session = self.session(view.user, key).await?;
            let items = session
                .into_iter()
                .filter(|own| page.before.is_none_or(|before| own.number < before))
                .collect();
            return Ok(Slice::from_limit_plus_one(items, page));
        }
        let found = self.store.sessions_of(view.user, &view.snapshot, page);
        let mut slice = found.await?;
        let now = self.now();
        for session in &mut slice.items {
            self.activity.apply_to(session, now);
        }
        Ok(slice)
    }

    /// Returns the number of a user's visible sessions.
    ///
    /// # Errors
    /// Returns [`Error::Store`] if the store fails.
    pub async fn count_sessions(&self, view: &UserView) -> Result<u64, Error> {
        match view.visibility {
            Visibility::Full => {
                let count = self.store.count_sessions_of(view.user, &view.snapshot);
                Ok(count.await?)
            }
            Visibility::OnlySession(_) | Visibility::WithoutUser(_) => Ok(1),
            Visibility::Identity => Ok(0),
        }
    }

    /// Returns a page of a user's alerts, newest first. The page is empty unless the visibility
    /// is [`Visibility::Full`].
    ///
    /// # Errors
    /// Returns [`Error::Store`] if the store fails.
    pub async fn alerts(&self, view: &UserView, page: Page) -> Result<Slice<Alert>, Error> {
        match view.visibility {
            Visibility::Full => {
                let found = self.store.alerts_of(view.user, &view.snapshot, page);
                Ok(found.await?)
            }
            Visibility::OnlySession(_) | Visibility::WithoutUser(_) | Visibility::Identity => {
                Ok(Slice::empty())
            }
        }
    }

    /// Returns the session with this key, if the caller may see it. The session may belong to any
    /// user.
    ///
    /// # Errors
    /// Returns [`Error::MissingScope`] if the caller has a service key without [`Scope::Read`], and
    /// [`Error::Store`] if the store fails.
    pub async fn visible_session(
        &self,
        caller: &Caller,
        key: SessionKey,
    ) -> Result<Option<(Session, Visibility)>, Error> {
        caller.require(Scope::Read)?;
        let found = match caller {
            Caller::Service(_) => self.store.sessions_by_key(&[key]).await?.pop().flatten(),
            // Authentication has just read it.
            Caller::Session(own) if own.key == key => Some((**own).clone()),
            Caller::Session(own) => self.store.session(own.owner.id, key).await?,
            Caller::InvalidCredentials | Caller::Anonymous => None,
        };
        let now = self.now();
        Ok(found.and_then(|session| {
            let visibility = caller.visibility(session.owner.id, now)?;
            visibility
                .shows_session(key)
                .then(|| (self.with_session_activity(session), visibility))
        }))
    }

    /// Returns the user with this id, if the caller may see the user.
    ///
    /// # Errors
    /// Returns [`Error::MissingScope`] if the caller has a service key without [`Scope::Read`], and
    /// [`Error::Store`] if the store fails.
    pub async fn visible_user(
        &self,
        caller: &Caller,
        id: UserId,
    ) -> Result<Option<(UserState, Visibility)>, Error> {
        caller.require(Scope::Read)?;
        let Some(visibility) = caller.visibility(id, self.now()) else {
            return Ok(None);
        };
        Ok(self.load(id).await?.map(|user| (user, visibility)))
    }

    /// Returns the alert with this id and the owner of its log, if the caller may see it.
    ///
    /// # Errors
    /// Returns [`Error::MissingScope`] if the caller has a service key without [`Scope::Read`], and
    /// [`Error::Store`] if the store fails.
    pub async fn visible_alert(
        &self,
        caller: &Caller,
        id: AlertId,
    ) -> Result<Option<(Alert, Owner, Visibility)>, Error> {
        caller.require(Scope::Read)?;
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

    pub(super) fn with_session_activity(&self, mut session: Session) -> Session {
        self.activity.apply_to(&mut session, self.now());
        session
    }
}
