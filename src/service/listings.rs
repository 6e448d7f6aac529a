//! Lists of all users, for the service.

use super::{Action, Error, Service};
use crate::{
    access::{Caller, Scope},
    domain::{Session, UserId, UserState},
    store::Slice,
};

/// The number of users who are read at once in the search for active sessions.
const SEARCH_BATCH: usize = 100;

/// The maximum number of users who are read for one page of active sessions.
const MAX_SEARCH: usize = 1000;

/// A page of active sessions. It may have fewer sessions than were asked for, although more follow:
/// the time that a page takes depends on its size, and not on the number of users.
#[derive(Debug, Clone)]
pub struct ActiveSessions {
    /// The sessions, in the descending order of the ids of their users.
    pub sessions: Vec<Session>,
    /// The user after whom the next page starts. `None` if no user was read.
    pub end: Option<UserId>,
    /// True if more users follow.
    pub has_more: bool,
}

impl Service {
    /// Returns a page of all users, in the descending order of their ids: at most `limit` of those
    /// after the user `after`.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Forbidden`] or [`Error::MissingScope`] if the caller is
    /// not the service with [`Scope::Read`], and [`Error::Store`] if the store fails.
    pub async fn users(
        &self,
        caller: &Caller,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Slice<UserState>, Error> {
        self.may_list(caller)?;
        let found = self.store.users(after, limit).await?;
        let users = found.items.into_iter();
        Ok(Slice {
            items: users.map(|user| self.with_activity(user)).collect(),
            has_more: found.has_more,
        })
    }

    /// Returns a page of the sessions that are active now.
    ///
    /// # Errors
    /// As for [`Service::users`].
    pub async fn active_sessions(
        &self,
        caller: &Caller,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<ActiveSessions, Error> {
        self.may_list(caller)?;
        let mut page = ActiveSessions {
            sessions: Vec::new(),
            end: after,
            has_more: true,
        };
        let mut searched = 0;
        while page.has_more && page.sessions.len() < limit && searched < MAX_SEARCH {
            let batch = SEARCH_BATCH.min(MAX_SEARCH - searched);
            let found = self.store.users(page.end, batch).await?;
            searched += batch;
            page.has_more = found.has_more;
            let now = self.now();
            let count = found.items.len();
            for (read, user) in (1..).zip(found.items) {
                page.end = Some(user.owner.id);
                let active = self.with_activity(user).active;
                page.sessions
                    .extend(active.filter(|session| session.is_valid(now)));
                if page.sessions.len() == limit {
                    page.has_more |= read < count;
                    break;
                }
            }
        }
        Ok(page)
    }

    fn may_list(&self, caller: &Caller) -> Result<(), Error> {
        self.only_service(caller, Action::ListUsers)?;
        Ok(caller.require(Scope::Read)?)
    }
}
