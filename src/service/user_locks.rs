//! One change of a user at a time on this node. The store's compare-and-set is what makes a change safe;
//! taking user_locks only keeps a thousand logins of one user from spoiling each other's attempts.

use std::hash::{BuildHasher, RandomState};

use tokio::sync::{Mutex, MutexGuard};

use crate::domain::UserId;

/// Users share user_locks by hash. Enough that two busy users rarely meet, and of one size for any number of users.
const STRIPES: usize = 1024;

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

    pub(super) async fn lock(&self, user: UserId) -> MutexGuard<'_, ()> {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "any part of the hash will do"
        )]
        let stripe = self.hasher.hash_one(user) as usize % STRIPES;
        self.stripes[stripe].lock().await
    }
}
