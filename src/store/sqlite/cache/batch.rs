//! The changes of one batch of the writer to the cache.

use std::{collections::HashMap, sync::Arc};

use super::{CachedUser, UserCache};
use crate::{
    domain::UserId,
    store::{Commit, Touch},
};

/// The users that a batch changes, with their states after the commands so far.
///
/// They are taken out of the cache before the transaction commits. [`Batch::publish`] puts them
/// back with their new states. A batch that is dropped, because its transaction is lost, leaves
/// them out.
#[derive(Debug)]
pub(in super::super) struct Batch<'a> {
    cache: Option<&'a UserCache>,
    users: HashMap<UserId, Option<Arc<CachedUser>>>,
}

impl<'a> Batch<'a> {
    /// Creates a batch without changes. Without a cache, it does nothing.
    pub(in super::super) fn new(cache: Option<&'a UserCache>) -> Self {
        Self {
            cache,
            users: HashMap::new(),
        }
    }

    /// Takes the user of the next command out of the cache.
    pub(in super::super) fn take_out(&mut self, user: UserId) {
        self.user(user);
    }

    /// Notes that a commit was applied.
    pub(in super::super) fn apply(&mut self, commit: &Commit) {
        if let Some(user) = self.user(commit.user.owner.id) {
            *user = CachedUser::after_commit(user.as_deref(), commit).map(Arc::new);
        }
    }

    /// Notes that last-seen times were written.
    pub(in super::super) fn touch(&mut self, touches: &[Touch]) {
        for touch in touches {
            if let Some(Some(user)) = self.user(touch.user) {
                Arc::make_mut(user).touch(touch.session, touch.at);
            }
        }
    }

    /// Notes that the user was deleted, or that the file may have another state than the cache.
    pub(in super::super) fn forget(&mut self, user: UserId) {
        if let Some(user) = self.user(user) {
            *user = None;
        }
    }

    /// Notes that ended sessions of the user were deleted.
    pub(in super::super) fn forget_ended(&mut self, user: UserId) {
        if let Some(Some(user)) = self.user(user) {
            Arc::make_mut(user).forget_ended();
        }
    }

    /// Takes the user out of the cache, unless an earlier command of the batch has done so. Returns
    /// the user after the commands so far, `Some(None)` if its state is not known.
    fn user(&mut self, id: UserId) -> Option<&mut Option<Arc<CachedUser>>> {
        let cache = self.cache?;
        let user = self.users.entry(id);
        Some(user.or_insert_with(|| cache.take_out(id)))
    }

    /// Puts the changed users back. The transaction must be durable, and its results must not have
    /// been sent yet.
    pub(in super::super) fn publish(mut self) {
        if let Some(cache) = self.cache {
            for (id, user) in self.users.drain() {
                cache.put_back(id, user);
            }
        }
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        if let Some(cache) = self.cache {
            for (id, _) in self.users.drain() {
                cache.put_back(id, None);
            }
        }
    }
}
