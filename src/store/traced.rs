//! A store whose calls have spans. It is used only if traces are on.

use std::{ops::RangeInclusive, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use uuid::Uuid;

use super::{
    ChangeListener, ChangeNotification, ClockMark, Commit, CommitError, FailedLogin, FailedLogins,
    Feed, FeedPosition, KnownSession, Listening, Page, Purged, ReadUser, ReceiverId, SeenAfter,
    Slice, Snapshot, Store, StoreError, Touch, WebhookProgress, WebhookState, WebhookStore,
};
use crate::{
    domain::{
        Alert, AlertId, Mobile, Session, SessionKey, Timestamp, TokenHash, UserId, UserState,
    },
    traces::store_call,
};

/// A store whose calls have spans.
#[derive(Debug)]
pub struct TracedStore {
    inner: Arc<dyn Store>,
    system: &'static str,
}

impl TracedStore {
    /// Adds spans to the calls of a store. `system` is the name of its kind of database, as
    /// OpenTelemetry writes it.
    #[must_use]
    pub const fn new(inner: Arc<dyn Store>, system: &'static str) -> Self {
        Self { inner, system }
    }
}

#[deny(
    clippy::missing_trait_methods,
    reason = "a default method would hide that of the database"
)]
#[async_trait]
impl WebhookStore for TracedStore {
    async fn take_webhook_lease(
        &self,
        receiver: ReceiverId,
        duration: Duration,
    ) -> Result<Option<WebhookState>, StoreError> {
        let call = self.inner.take_webhook_lease(receiver, duration);
        store_call(self.system, "take_webhook_lease", call).await
    }

    async fn renew_webhook_lease(
        &self,
        receiver: ReceiverId,
        epoch: u64,
        duration: Duration,
    ) -> Result<bool, StoreError> {
        let call = self.inner.renew_webhook_lease(receiver, epoch, duration);
        store_call(self.system, "renew_webhook_lease", call).await
    }

    async fn save_webhook_progress(
        &self,
        receiver: ReceiverId,
        epoch: u64,
        progress: &WebhookProgress,
    ) -> Result<bool, StoreError> {
        let call = self.inner.save_webhook_progress(receiver, epoch, progress);
        store_call(self.system, "save_webhook_progress", call).await
    }
}

#[deny(
    clippy::missing_trait_methods,
    reason = "a default method would hide that of the database"
)]
#[async_trait]
impl Store for TracedStore {
    async fn user(&self, id: UserId) -> Result<Option<UserState>, StoreError> {
        store_call(self.system, "user", self.inner.user(id)).await
    }

    async fn fenced_user(&self, id: UserId) -> Result<Option<UserState>, StoreError> {
        store_call(self.system, "fenced_user", self.inner.fenced_user(id)).await
    }

    async fn read_user(&self, id: UserId) -> Result<Option<ReadUser>, StoreError> {
        store_call(self.system, "read_user", self.inner.read_user(id)).await
    }

    async fn user_by_mobile(&self, mobile: &Mobile) -> Result<Option<UserState>, StoreError> {
        store_call(
            self.system,
            "user_by_mobile",
            self.inner.user_by_mobile(mobile),
        )
        .await
    }

    async fn read_user_by_mobile(&self, mobile: &Mobile) -> Result<Option<ReadUser>, StoreError> {
        store_call(
            self.system,
            "read_user_by_mobile",
            self.inner.read_user_by_mobile(mobile),
        )
        .await
    }

    fn recent_user(&self, mobile: &Mobile) -> Option<UserState> {
        self.inner.recent_user(mobile)
    }

    async fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        store_call(self.system, "commit", self.inner.commit(commit)).await
    }

    async fn delete_user(&self, id: UserId) -> Result<bool, StoreError> {
        store_call(self.system, "delete_user", self.inner.delete_user(id)).await
    }

    async fn session_by_token(
        &self,
        user: UserId,
        hash: &TokenHash,
    ) -> Result<Option<Session>, StoreError> {
        store_call(
            self.system,
            "session_by_token",
            self.inner.session_by_token(user, hash),
        )
        .await
    }

    fn known_session(
        &self,
        user: UserId,
        hash: &TokenHash,
        read: &mut dyn FnMut(&KnownSession<'_>) -> bool,
    ) {
        self.inner.known_session(user, hash, read);
    }

    async fn session(&self, user: UserId, key: SessionKey) -> Result<Option<Session>, StoreError> {
        store_call(self.system, "session", self.inner.session(user, key)).await
    }

    async fn sessions_by_key(
        &self,
        keys: &[SessionKey],
    ) -> Result<Vec<Option<Session>>, StoreError> {
        store_call(
            self.system,
            "sessions_by_key",
            self.inner.sessions_by_key(keys),
        )
        .await
    }

    async fn sessions_of(
        &self,
        user: UserId,
        snapshot: &Snapshot,
        page: Page,
    ) -> Result<Slice<Session>, StoreError> {
        store_call(
            self.system,
            "sessions_of",
            self.inner.sessions_of(user, snapshot, page),
        )
        .await
    }

    async fn count_sessions_of(
        &self,
        user: UserId,
        snapshot: &Snapshot,
    ) -> Result<u64, StoreError> {
        store_call(
            self.system,
            "count_sessions_of",
            self.inner.count_sessions_of(user, snapshot),
        )
        .await
    }

    async fn alerts_of(
        &self,
        user: UserId,
        snapshot: &Snapshot,
        page: Page,
    ) -> Result<Slice<Alert>, StoreError> {
        store_call(
            self.system,
            "alerts_of",
            self.inner.alerts_of(user, snapshot, page),
        )
        .await
    }

    async fn alerts_after_of(
        &self,
        user: UserId,
        snapshot: &Snapshot,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Alert>, StoreError> {
        store_call(
            self.system,
            "alerts_after_of",
            self.inner.alerts_after_of(user, snapshot, after, limit),
        )
        .await
    }

    async fn alert(&self, id: AlertId) -> Result<Option<Alert>, StoreError> {
        store_call(self.system, "alert", self.inner.alert(id)).await
    }

    async fn touch(&self, touches: &[Touch]) -> Result<(), StoreError> {
        store_call(self.system, "touch", self.inner.touch(touches)).await
    }

    async fn overdue(&self, now: Timestamp, limit: usize) -> Result<Vec<UserId>, StoreError> {
        store_call(self.system, "overdue", self.inner.overdue(now, limit)).await
    }

    async fn summaries_due(
        &self,
        due: RangeInclusive<Timestamp>,
        limit: usize,
    ) -> Result<Vec<UserId>, StoreError> {
        store_call(
            self.system,
            "summaries_due",
            self.inner.summaries_due(due, limit),
        )
        .await
    }

    async fn seen_after(
        &self,
        latest: Timestamp,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<SeenAfter, StoreError> {
        store_call(
            self.system,
            "seen_after",
            self.inner.seen_after(latest, after, limit),
        )
        .await
    }

    async fn clock_mark(&self) -> Result<Option<Timestamp>, StoreError> {
        store_call(self.system, "clock_mark", self.inner.clock_mark()).await
    }

    async fn save_clock_mark(&self, mark: ClockMark) -> Result<(), StoreError> {
        let call = self.inner.save_clock_mark(mark);
        store_call(self.system, "save_clock_mark", call).await
    }

    async fn maintain(&self, now: Timestamp, limit: usize) -> Result<(), StoreError> {
        store_call(self.system, "maintain", self.inner.maintain(now, limit)).await
    }

    async fn purge(&self, before: Timestamp, limit: usize) -> Result<Purged, StoreError> {
        store_call(self.system, "purge", self.inner.purge(before, limit)).await
    }

    async fn purge_feed(&self, before: Timestamp, limit: usize) -> Result<u64, StoreError> {
        store_call(
            self.system,
            "purge_feed",
            self.inner.purge_feed(before, limit),
        )
        .await
    }

    async fn announce_listeners(
        &self,
        node: Uuid,
        changes: &[(SessionKey, bool)],
        away_after: Duration,
    ) -> Result<(), StoreError> {
        let call = self.inner.announce_listeners(node, changes, away_after);
        store_call(self.system, "announce_listeners", call).await
    }

    async fn listening(&self, session: SessionKey) -> Result<Listening, StoreError> {
        store_call(self.system, "listening", self.inner.listening(session)).await
    }

    async fn feed_end(&self) -> Result<FeedPosition, StoreError> {
        store_call(self.system, "feed_end", self.inner.feed_end()).await
    }

    fn feed(&self, after: FeedPosition) -> Feed {
        self.inner.feed(after)
    }

    async fn users(
        &self,
        before: Option<UserId>,
        limit: usize,
    ) -> Result<Slice<UserState>, StoreError> {
        store_call(self.system, "users", self.inner.users(before, limit)).await
    }

    async fn record_failed_login(
        &self,
        failure: &FailedLogin,
        now: Timestamp,
    ) -> Result<Duration, StoreError> {
        let call = self.inner.record_failed_login(failure, now);
        store_call(self.system, "record_failed_login", call).await
    }

    async fn failed_logins(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<FailedLogins>, StoreError> {
        store_call(
            self.system,
            "failed_logins",
            self.inner.failed_logins(now, limit),
        )
        .await
    }

    fn changes(&self) -> BoxStream<'static, ChangeNotification> {
        self.inner.changes()
    }

    fn on_change(&self, listener: ChangeListener) {
        self.inner.on_change(listener);
    }

    async fn ping(&self) -> Result<(), StoreError> {
        store_call(self.system, "ping", self.inner.ping()).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
