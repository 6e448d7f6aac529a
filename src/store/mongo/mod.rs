//! The store for many nodes in one MongoDB database, on a replica set or a sharded cluster.
//!
//! A majority of the members acknowledges and journals each write. Each read goes to the primary,
//! and returns only data that a majority has. Acknowledged writes therefore survive a failover, and
//! every node reads what any node committed. A decision rests only on the compare-and-set of its
//! commit: a former primary that is cut off may serve old reads until it steps down. Each operation
//! has a time limit, after which it fails
//! as unavailable.

mod archive;
mod archiver;
mod change_event;
mod changes;
mod claims;
mod clock_mark;
mod collections;
mod delete;
mod errors;
mod failed_logins;
mod feed;
mod layout;
mod maintenance;
mod migrate;
mod open;
mod presence;
mod read;
mod recent_users;
mod records;
mod report;
mod retry;
mod start;
mod timeouts;
mod webhooks;
mod write;

use std::{fmt, ops::RangeInclusive, sync::Arc, time::Duration};

use async_trait::async_trait;
use bson::doc;
use futures_util::stream::BoxStream;
use parking_lot::Mutex;
use tokio::{sync::Semaphore, task::JoinHandle};
use tokio_util::sync::DropGuard;
use uuid::Uuid;

use self::{
    archiver::Archiver,
    collections::Collections,
    errors::unavailable,
    read::Lists,
    recent_users::RecentUsers,
    records::{AlertDocument, SessionDocument},
    timeouts::{CLOSE_TIMEOUT, attempts, operation},
};
pub use self::{
    migrate::Migration,
    report::{CollectionReport, IndexReport, Report},
    start::MigrationPlan,
};
use super::{
    ChangeListener, ChangeNotification, ClockMark, Commit, CommitError, FailedLogin, FailedLogins,
    Feed, FeedPosition, Listening, Page, Purged, ReadUser, SeenAfter, Slice, Snapshot, Store,
    StoreError, Touch, changes::ChangeNotifier,
};
use crate::domain::{
    Alert, AlertId, Mobile, Session, SessionKey, Timestamp, TokenHash, UserId, UserState,
};

/// The store in one MongoDB database. Any number of handles, in any number of processes, may have
/// it open.
pub struct MongoStore {
    collections: Collections,
    notifier: ChangeNotifier,
    archiver: Archiver,
    recent_users: Arc<RecentUsers>,
    announcer: presence::Announcer,
    /// One permit for each reader of the feed.
    feed_readers: Arc<Semaphore>,
    /// `None` after the store was closed.
    tasks: Mutex<Option<Tasks>>,
}

/// The tasks that follow the change stream and archive tails. They stop when this is dropped.
struct Tasks {
    running: [JoinHandle<()>; 2],
    stop: DropGuard,
}

impl fmt::Debug for MongoStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MongoStore")
            .field("database", &self.collections.database.name())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for MongoStore {
    async fn user(&self, id: UserId) -> Result<Option<UserState>, StoreError> {
        operation(read::user(&self.collections, id)).await
    }

    async fn fenced_user(&self, id: UserId) -> Result<Option<UserState>, StoreError> {
        operation(write::fence(&self.collections, id)).await
    }

    async fn read_user(&self, id: UserId) -> Result<Option<ReadUser>, StoreError> {
        operation(read::read_user(&self.collections, id)).await
    }

    async fn user_by_mobile(&self, mobile: &Mobile) -> Result<Option<UserState>, StoreError> {
        operation(read::user_by_mobile(&self.collections, mobile)).await
    }

    async fn read_user_by_mobile(&self, mobile: &Mobile) -> Result<Option<ReadUser>, StoreError> {
        operation(read::read_user_by_mobile(&self.collections, mobile)).await
    }

    async fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        if let Err(error) = attempts(write::commit(&self.collections, &commit)).await {
            self.recent_users.remove(commit.user.owner.id);
            return Err(error);
        }
        let (last, added) = (commit.user.last_alert, commit.alerts.len() as u64);
        if archive::is_due_after(last, added) {
            self.archiver.queue(commit.user.owner.id);
        }
        self.recent_users.insert(commit.user);
        Ok(())
    }

    fn recent_user(&self, mobile: &Mobile) -> Option<UserState> {
        self.recent_users.by_mobile(mobile)
    }

    async fn delete_user(&self, id: UserId) -> Result<bool, StoreError> {
        self.recent_users.remove(id);
        attempts(delete::delete_user(&self.collections, id)).await
    }

    async fn session_by_token(
        &self,
        user: UserId,
        hash: &TokenHash,
    ) -> Result<Option<Session>, StoreError> {
        operation(read::session_by_token(&self.collections, user, hash)).await
    }

    async fn session(&self, user: UserId, key: SessionKey) -> Result<Option<Session>, StoreError> {
        operation(read::session(&self.collections, user, key)).await
    }

    async fn sessions_by_key(
        &self,
        keys: &[SessionKey],
    ) -> Result<Vec<Option<Session>>, StoreError> {
        operation(read::sessions_by_key(&self.collections, keys)).await
    }

    async fn sessions_of(
        &self,
        user: UserId,
        snapshot: &Snapshot,
        page: Page,
    ) -> Result<Slice<Session>, StoreError> {
        let user = Lists::new(&self.collections, user, snapshot);
        operation(user.page::<SessionDocument>(page)).await
    }

    async fn count_sessions_of(
        &self,
        user: UserId,
        snapshot: &Snapshot,
    ) -> Result<u64, StoreError> {
        let user = Lists::new(&self.collections, user, snapshot);
        operation(user.count::<SessionDocument>()).await
    }

    async fn alerts_of(
        &self,
        user: UserId,
        snapshot: &Snapshot,
        page: Page,
    ) -> Result<Slice<Alert>, StoreError> {
        let user = Lists::new(&self.collections, user, snapshot);
        operation(user.page::<AlertDocument>(page)).await
    }

    async fn alerts_after_of(
        &self,
        user: UserId,
        snapshot: &Snapshot,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Alert>, StoreError> {
        let user = Lists::new(&self.collections, user, snapshot);
        operation(user.after::<AlertDocument>(after, limit)).await
    }

    async fn alert(&self, id: AlertId) -> Result<Option<Alert>, StoreError> {
        operation(read::alert(&self.collections, id)).await
    }

    async fn touch(&self, touches: &[Touch]) -> Result<(), StoreError> {
        operation(maintenance::touch(&self.collections, touches)).await
    }

    async fn overdue(&self, now: Timestamp, limit: usize) -> Result<Vec<UserId>, StoreError> {
        operation(maintenance::overdue(&self.collections, now, limit)).await
    }

    async fn summaries_due(
        &self,
        due: RangeInclusive<Timestamp>,
        limit: usize,
    ) -> Result<Vec<UserId>, StoreError> {
        operation(maintenance::summaries_due(&self.collections, due, limit)).await
    }

    async fn seen_after(
        &self,
        latest: Timestamp,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<SeenAfter, StoreError> {
        operation(maintenance::seen_after(
            &self.collections,
            latest,
            after,
            limit,
        ))
        .await
    }

    async fn clock_mark(&self) -> Result<Option<Timestamp>, StoreError> {
        operation(clock_mark::load(&self.collections)).await
    }

    async fn save_clock_mark(&self, mark: ClockMark) -> Result<(), StoreError> {
        operation(clock_mark::save(&self.collections, mark)).await
    }

    async fn maintain(&self, now: Timestamp, limit: usize) -> Result<(), StoreError> {
        maintenance::maintain(&self.collections, now, limit).await
    }

    async fn purge(&self, before: Timestamp, limit: usize) -> Result<Purged, StoreError> {
        operation(maintenance::purge(&self.collections, before, limit)).await
    }

    async fn announce_listeners(
        &self,
        node: Uuid,
        changes: &[(SessionKey, bool)],
        away_after: Duration,
    ) -> Result<(), StoreError> {
        let announcement = self
            .announcer
            .announce(&self.collections, node, changes, away_after);
        operation(announcement).await
    }

    async fn listening(&self, session: SessionKey) -> Result<Listening, StoreError> {
        operation(presence::listening(&self.collections, session)).await
    }

    async fn record_failed_login(
        &self,
        failure: &FailedLogin,
        _now: Timestamp,
    ) -> Result<Duration, StoreError> {
        operation(failed_logins::record(&self.collections, failure)).await
    }

    async fn failed_logins(
        &self,
        _now: Timestamp,
        limit: usize,
    ) -> Result<Vec<FailedLogins>, StoreError> {
        operation(failed_logins::load(&self.collections, limit)).await
    }

    fn changes(&self) -> BoxStream<'static, ChangeNotification> {
        self.notifier.subscribe()
    }

    fn on_change(&self, listener: ChangeListener) {
        self.notifier.listen(listener);
    }

    async fn feed_end(&self) -> Result<FeedPosition, StoreError> {
        operation(feed::end(&self.collections.users)).await
    }

    fn feed(&self, after: FeedPosition) -> Feed {
        let permit = Arc::clone(&self.feed_readers).try_acquire_owned().ok();
        feed::follow(self.collections.users.clone(), &after, permit)
    }

    async fn users(
        &self,
        before: Option<UserId>,
        limit: usize,
    ) -> Result<Slice<UserState>, StoreError> {
        operation(read::users(&self.collections, before, limit)).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        operation(async {
            let database = &self.collections.database;
            match database.run_command(doc! { "ping": 1 }).await {
                Ok(_) => Ok(()),
                Err(error) => Err(unavailable(&error)),
            }
        })
        .await
    }

    async fn close(&self) {
        let tasks = self.tasks.lock().take();
        let Some(Tasks { running, stop }) = tasks else {
            return;
        };
        drop(stop);
        for task in running {
            if task.await.is_err() {
                tracing::error!("a task of the store panicked");
            }
        }
        // Shut down immediately: every accepted write has been acknowledged.
        let shutdown = self.collections.client.clone().shutdown().immediate(true);
        if tokio::time::timeout(CLOSE_TIMEOUT, shutdown).await.is_err() {
            tracing::warn!(
                "could not end the driver's sessions on the server in time; they will time out"
            );
        }
    }
}
