//! Users.

use async_graphql::{Context, ID, Object};
use tokio::sync::OnceCell;

use super::{
    super::errors::{ForClient, to_client},
    alert::SessionAlert,
    freeze::UserFreeze,
    paging::{self, SessionAlertConnection, SessionConnection},
    scalars::DateTime,
    service,
    session::Session,
};
use crate::{
    access::{Caller, Visibility},
    domain::{AlertId, Owner, Stage, UserState},
    service::{Error, ReadUser, Resource, Snapshot, UserView},
};

/// A user, and how much of it the caller may see. Each session contains the owner's fields. The
/// rest of the state is loaded when a resolver first needs it.
pub(super) struct User {
    owner: Owner,
    view: UserView,
    /// In a box, because a user is moved into the futures of fields, mostly without a state.
    state: OnceCell<Box<UserState>>,
}

impl User {
    pub(super) fn from_owner(owner: Owner, visibility: Visibility) -> Self {
        Self {
            view: UserView {
                user: owner.id,
                visibility,
                snapshot: Snapshot::default(),
            },
            owner,
            state: OnceCell::new(),
        }
    }

    pub(super) fn from_state(state: UserState, visibility: Visibility) -> Self {
        let owner = state.owner.clone();
        Self {
            state: OnceCell::new_with(Some(Box::new(state))),
            ..Self::from_owner(owner, visibility)
        }
    }

    /// Creates a user whose lists are read from the same snapshot as the state.
    pub(super) fn from_read(read: ReadUser, visibility: Visibility) -> Self {
        let mut user = Self::from_state(read.state, visibility);
        user.view.snapshot = read.snapshot;
        user
    }

    fn alert_id(&self, sequence: u64) -> ID {
        let user = self.owner.id;
        AlertId { user, sequence }.to_string().into()
    }

    async fn state(&self, context: &Context<'_>) -> async_graphql::Result<&UserState> {
        let load = async || {
            let found = service(context).user(self.owner.id).await.for_client()?;
            let state = found.ok_or_else(|| to_client(Error::NotFound(Resource::User)))?;
            Ok::<_, async_graphql::Error>(Box::new(state))
        };
        Ok(self.state.get_or_try_init(load).await?)
    }
}

/// A user: the owner of a mobile number, with at most one active session.
#[Object]
impl User {
    /// The user's globally unique id.
    pub(super) async fn id(&self) -> ID {
        self.owner.id.to_string().into()
    }

    /// The user's mobile number: digits, with a leading `+` if it was registered with one.
    async fn mobile(&self) -> &str {
        self.owner.mobile.as_str()
    }

    /// The user's name.
    async fn username(&self) -> &str {
        self.owner.username.as_str()
    }

    /// The time of the registration. Null if the caller's login was refused, or if its session waits
    /// for approval or has ended.
    async fn created_at(&self, context: &Context<'_>) -> async_graphql::Result<Option<DateTime>> {
        if self.view.visibility != Visibility::Full {
            return Ok(None);
        }
        Ok(Some(DateTime(self.state(context).await?.created_at)))
    }

    /// Whether the user is frozen: no session is valid, and no login succeeds. Null if the caller's
    /// login was refused, or if its session waits for approval or has ended.
    async fn is_frozen(&self, context: &Context<'_>) -> async_graphql::Result<Option<bool>> {
        if self.view.visibility != Visibility::Full {
            return Ok(None);
        }
        let now = service(context).now();
        Ok(Some(self.state(context).await?.freeze_at(now).is_some()))
    }

    /// The freeze of the user. Null if the user is not frozen, and for every caller except the
    /// service.
    async fn freeze(&self, context: &Context<'_>) -> async_graphql::Result<Option<UserFreeze>> {
        let is_service = context.data_unchecked::<Caller>().is_service();
        if self.view.visibility != Visibility::Full || !is_service {
            return Ok(None);
        }
        let now = service(context).now();
        Ok(self.state(context).await?.freeze_at(now).map(Into::into))
    }

    /// The session that is valid now. Null if there is none, or if the caller may not see it.
    async fn active_session(
        &self,
        context: &Context<'_>,
    ) -> async_graphql::Result<Option<Session>> {
        let now = service(context).now();
        let active = self.state(context).await?.active.as_ref();
        let active = active.filter(|session| {
            session.is_valid(now) && self.view.visibility.shows_session(session.key)
        });
        Ok(active.map(|session| Session::new(session.clone(), self.view.visibility)))
    }

    /// The user's sessions, newest first. The list also contains ended sessions until the server
    /// removes them. A caller whose session waits for approval or has ended sees only that session,
    /// and a caller whose login was refused sees none.
    #[graphql(complexity = "paging::page_size(first) * child_complexity + 1")]
    async fn sessions(
        &self,
        context: &Context<'_>,
        #[graphql(default = 20, desc = "The page size, from 0 to 100.")] first: Option<i32>,
        #[graphql(desc = "The `cursor` of the session before the page. \
                    Default: the page starts with the newest session.")]
        after: Option<String>,
    ) -> async_graphql::Result<SessionConnection> {
        let page = paging::page(first, after.as_deref())?;
        let slice = service(context)
            .sessions(&self.view, page)
            .await
            .for_client()?;
        Ok(SessionConnection::new(self.view.clone(), page, slice))
    }

    /// The current end of the user's alert log. Pass it as `after` to `sessionAlerts` to receive
    /// every later alert. It is also valid if the log is empty. A session that waits for approval
    /// may read it too. A caller whose login was refused gets the start of the log. Fails with
    /// `UNAUTHENTICATED` if the caller's session has ended.
    async fn alert_cursor(&self, context: &Context<'_>) -> async_graphql::Result<ID> {
        if self.view.visibility == Visibility::Identity {
            // It misses nothing, and does not show how many alerts the user has.
            return Ok(self.alert_id(0));
        }
        let state = self.state(context).await?;
        if let Visibility::OnlySession(key) = self.view.visibility {
            // A session that has ended must not observe how many alerts its user gets.
            let now = service(context).now();
            let session = state.current(key);
            if session.is_none_or(|session| matches!(session.stage(now), Stage::Ended(_))) {
                // A service key that may not read the user, in the payload of a mutation that has
                // ended the session.
                return if context.data_unchecked::<Caller>().is_service() {
                    Ok(self.alert_id(0))
                } else {
                    Err(to_client(Error::Unauthenticated))
                };
            }
        }
        Ok(self.alert_id(state.last_alert))
    }

    /// The user's alerts, newest first. The list is empty if the caller's login was refused, or if
    /// its session waits for approval or has ended.
    #[graphql(complexity = "paging::page_size(first) * child_complexity + 1")]
    async fn alerts(
        &self,
        context: &Context<'_>,
        #[graphql(default = 20, desc = "The page size, from 0 to 100.")] first: Option<i32>,
        #[graphql(desc = "The `cursor` of the alert before the page. \
                    Default: the page starts with the newest alert.")]
        after: Option<String>,
    ) -> async_graphql::Result<SessionAlertConnection> {
        let page = paging::page(first, after.as_deref())?;
        let slice = service(context)
            .alerts(&self.view, page)
            .await
            .for_client()?;
        Ok(SessionAlertConnection::new(page, &slice, |alert| {
            SessionAlert::new(alert.clone(), self.owner.clone(), self.view.visibility)
        }))
    }
}
