//! The lists of a user as the store has them now.

use std::future::Future;

use sessiond::{
    domain::{Alert, Session, UserId},
    store::{Page, Slice, Snapshot, Store, StoreError},
};

/// Reads the lists of a user without the snapshot of an earlier read.
pub trait StoreLists: Store {
    /// Calls [`Store::sessions_of`].
    fn sessions(
        &self,
        user: UserId,
        page: Page,
    ) -> impl Future<Output = Result<Slice<Session>, StoreError>> + Send {
        async move { self.sessions_of(user, &Snapshot::default(), page).await }
    }

    /// Calls [`Store::count_sessions_of`].
    fn count_sessions(&self, user: UserId) -> impl Future<Output = Result<u64, StoreError>> + Send {
        async move { self.count_sessions_of(user, &Snapshot::default()).await }
    }

    /// Calls [`Store::alerts_of`].
    fn alerts(
        &self,
        user: UserId,
        page: Page,
    ) -> impl Future<Output = Result<Slice<Alert>, StoreError>> + Send {
        async move { self.alerts_of(user, &Snapshot::default(), page).await }
    }

    /// Calls [`Store::alerts_after_of`].
    fn alerts_after(
        &self,
        user: UserId,
        after: u64,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Alert>, StoreError>> + Send {
        async move {
            self.alerts_after_of(user, &Snapshot::default(), after, limit)
                .await
        }
    }
}

impl<S: Store + ?Sized> StoreLists for S {}
