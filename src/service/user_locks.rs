//! Locks that allow one change per user at a time on this node. The compare-and-set of the store
//! makes changes safe. The locks only prevent concurrent changes of one user from invalidating each
//! other, which would make each of them retry many times.

use std::hash::{BuildHasher, RandomState};

use tokio::sync::{Mutex, MutexGuard};

use crate::domain::UserId;

/// The number of locks. Users share them by hash (lock striping), so memory does not grow with the
/// number of users. Two busy users rarely share one.
const STRIPES: usize = 1024;

/// The locks of all users.
#[derive(Debug)]
pub(super) struct UserLocks {
    stripes: Box<[Mutex<()>]>,
    hasher: RandomState,
}

impl UserLocks {
    pub(super) fn new() -> Self {
        Self {
            stripes: (0..STRIPES).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
        }
    }

    /// Waits for the lock of `user`. The lock is released when the guard is dropped.
    pub(super) async fn lock(&self, user: UserId) -> MutexGuard<'_, ()> {
        self.stripe(user).lock().await
    }

    /// Returns the lock of `user` if it is free.
    pub(super) fn try_lock(&self, user: UserId) -> Option<MutexGuard<'_, ()>> {
        self.stripe(user).try_lock().ok()
    }

    fn stripe(&self, user: UserId) -> &Mutex<()> {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "any part of the hash selects a lock"
        )]
        let stripe = self.hasher.hash_one(user) as usize % STRIPES;
        &self.stripes[stripe]
    }
}
