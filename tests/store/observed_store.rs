//! A store that counts the reads of a user and the calls of maintenance, and runs something after the
//! first read of a user or after each.

use std::{
    fmt,
    ops::RangeInclusive,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{future::BoxFuture, stream::BoxStream};
use sessiond::{
    domain::{
        Alert, AlertId, Mobile, Session, SessionKey, Timestamp, TokenHash, UserId, UserState,
    },
    store::{
        ChangeListener, ChangeNotification, ClockMark, Commit, CommitError, FailedLogin,
        FailedLogins, Feed, FeedPosition, Page, Purged, ReceiverId, SeenAfter, Slice, Snapshot,
        Store, StoreError, Touch, WebhookProgress, WebhookState, WebhookStore,
    },
};
use sessiond_test_support::fixtures::StoredUser;
use tokio::sync::Mutex;

pub(crate) struct ObservedStore {
    inner: Arc<dyn Store>,
    reads: AtomicUsize,
    fences: AtomicUsize,
    pages: AtomicUsize,
    sweeps: AtomicUsize,
    /// Whether a pass through all users fails.
    fails_pages: AtomicBool,
    after_first_read: Mutex<Option<BoxFuture<'static, ()>>>,
    /// Takes over after each read that is no fence.
    faster: Mutex<Option<StoredUser>>,
}

impl fmt::Debug for ObservedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObservedStore").finish_non_exhaustive()
    }
}

impl ObservedStore {
    pub(crate) fn new(inner: &Arc<dyn Store>) -> Self {
        Self {
            inner: Arc::clone(inner),
            reads: AtomicUsize::new(0),
            fences: AtomicUsize::new(0),
            pages: AtomicUsize::new(0),
            sweeps: AtomicUsize::new(0),
            fails_pages: AtomicBool::new(false),
            after_first_read: Mutex::default(),
            faster: Mutex::default(),
        }
    }

    /// Runs `then` when a user has been read, before the reader gets the user.
    pub(crate) fn after_first_read(
        inner: &Arc<dyn Store>,
        then: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        Self {
            after_first_read: Mutex::new(Some(Box::pin(then))),
            ..Self::new(inner)
        }
    }

    /// After each read of a user that is no fence, the user logs in at another node, before the reader
    /// gets the user.
    pub(crate) fn outrun_by(user: StoredUser) -> Self {
        let inner = Arc::clone(&user.store);
        Self {
            faster: Mutex::new(Some(user)),
            ..Self::new(&inner)
        }
    }

    /// The number of fences so far.
    pub(crate) fn fences(&self) -> usize {
        self.fences.load(Ordering::SeqCst)
    }

    /// The number of pages so far that a pass through all users has read.
    pub(crate) fn pages(&self) -> usize {
        self.pages.load(Ordering::SeqCst)
    }

    /// Lets every pass through all users fail from now on.
    pub(crate) fn fail_pages(&self) {
        self.fails_pages.store(true, Ordering::SeqCst);
    }

    /// The number of searches for overdue sessions so far.
    pub(crate) fn sweeps(&self) -> usize {
        self.sweeps.load(Ordering::SeqCst)
    }

    /// The number of reads of users so far, without fences.
    pub(crate) fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }

    async fn record_read(&self) {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let then = self.after_first_read.lock().await.take();
        if let Some(then) = then {
            then.await;
        }
        if let Some(user) = &mut *self.faster.lock().await {
            let device = u8::try_from(self.reads()).unwrap();
            user.take_over(device).await;
        }
    }
}

#[async_trait]
impl WebhookStore for ObservedStore {
    async fn take_webhook_lease(
        &self,
        receiver: ReceiverId,
        duration: Duration,
    ) -> Result<Option<WebhookState>, StoreError> {
        self.inner.take_webhook_lease(receiver, duration).await
    }

    async fn renew_webhook_lease(
        &self,
        receiver: ReceiverId,
        epoch: u64,
        duration: Duration,
    ) -> Result<bool, StoreError> {
        let inner = &self.inner;
        inner.renew_webhook_lease(receiver, epoch, duration).await
    }

    async fn save_webhook_progress(
        &self,
        receiver: ReceiverId,
        epoch: u64,
        progress: &WebhookProgress,
    ) -> Result<bool, StoreError> {
        let inner = &self.inner;
        inner.save_webhook_progress(receiver, epoch, progress).await
    }
}

#[async_trait]
impl Store for ObservedStore {
    async fn user(&self, id: UserId) -> Result<Option<UserState>, StoreError> {
        let user = self.inner.user(id).await;
        self.record_read().await;
        user
    }

    async fn user_by_mobile(&self, mobile: &Mobile) -> Result<Option<UserState>, StoreError> {
        let user = self.inner.user_by_mobile(mobile).await;
        self.record_read().await;
        user
    }

    async fn fenced_user(&self, id: UserId) -> Result<Option<UserState>, StoreError> {
        self.fences.fetch_add(1, Ordering::SeqCst);
        self.inner.fenced_user(id).await
    }

    fn recent_user(&self, mobile: &Mobile) -> Option<UserState> {
        self.inner.recent_user(mobile)
    }

    async fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        self.inner.commit(commit).await
    }

    async fn delete_user(&self, id: UserId) -> Result<bool, StoreError> {
        self.inner.delete_user(id).await
    }

    async fn session_by_token(
        &self,
        user: UserId,
        hash: &TokenHash,
    ) -> Result<Option<Session>, StoreError> {
        self.inner.session_by_token(user, hash).await
    }

    async fn session(&self, user: UserId, key: SessionKey) -> Result<Option<Session>, StoreError> {
        self.inner.session(user, key).await
    }

    async fn sessions_by_key(
        &self,
        keys: &[SessionKey],
    ) -> Result<Vec<Option<Session>>, StoreError> {
        self.inner.sessions_by_key(keys).await
    }

    async fn sessions_of(
        &self,
        user: UserId,
        snapshot: &Snapshot,
        page: Page,
    ) -> Result<Slice<Session>, StoreError> {
        self.inner.sessions_of(user, snapshot, page).await
    }

    async fn count_sessions_of(
        &self,
        user: UserId,
        snapshot: &Snapshot,
    ) -> Result<u64, StoreError> {
        self.inner.count_sessions_of(user, snapshot).await
    }

    async fn alerts_of(
        &self,
        user: UserId,
        snapshot: &Snapshot,
        page: Page,
    ) -> Result<Slice<Alert>, StoreError> {
        self.inner.alerts_of(user, snapshot, page).await
    }

    async fn alerts_after_of(
        &self,
        user: UserId,
        snapshot: &Snapshot,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Alert>, StoreError> {
        self.inner
            .alerts_after_of(user, snapshot, after, limit)
            .await
    }

    async fn alert(&self, id: AlertId) -> Result<Option<Alert>, StoreError> {
        self.inner.alert(id).await
    }

    async fn touch(&self, touches: &[Touch]) -> Result<(), StoreError> {
        self.inner.touch(touches).await
    }

    async fn overdue(&self, now: Timestamp, limit: usize) -> Result<Vec<UserId>, StoreError> {
        self.sweeps.fetch_add(1, Ordering::SeqCst);
        self.inner.overdue(now, limit).await
    }

    async fn summaries_due(
        &self,
        due: RangeInclusive<Timestamp>,
        limit: usize,
    ) -> Result<Vec<UserId>, StoreError> {
        self.inner.summaries_due(due, limit).await
    }

    async fn seen_after(
        &self,
        latest: Timestamp,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<SeenAfter, StoreError> {
        self.pages.fetch_add(1, Ordering::SeqCst);
        if self.fails_pages.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("the page is lost".into()));
        }
        self.inner.seen_after(latest, after, limit).await
    }

    async fn clock_mark(&self) -> Result<Option<Timestamp>, StoreError> {
        self.inner.clock_mark().await
    }

    async fn save_clock_mark(&self, mark: ClockMark) -> Result<(), StoreError> {
        self.inner.save_clock_mark(mark).await
    }

    async fn purge(&self, before: Timestamp, limit: usize) -> Result<Purged, StoreError> {
        self.inner.purge(before, limit).await
    }

    async fn purge_feed(&self, before: Timestamp, limit: usize) -> Result<u64, StoreError> {
        self.inner.purge_feed(before, limit).await
    }

    async fn record_failed_login(
        &self,
        failure: &FailedLogin,
        now: Timestamp,
    ) -> Result<Duration, StoreError> {
        self.inner.record_failed_login(failure, now).await
    }

    async fn failed_logins(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<FailedLogins>, StoreError> {
        self.inner.failed_logins(now, limit).await
    }

    fn changes(&self) -> BoxStream<'static, ChangeNotification> {
        self.inner.changes()
    }

    fn on_change(&self, listener: ChangeListener) {
        self.inner.on_change(listener);
    }

    async fn feed_end(&self) -> Result<FeedPosition, StoreError> {
        self.inner.feed_end().await
    }

    fn feed(&self, after: FeedPosition) -> Feed {
        self.inner.feed(after)
    }

    async fn users(
        &self,
        before: Option<UserId>,
        limit: usize,
    ) -> Result<Slice<UserState>, StoreError> {
        self.inner.users(before, limit).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.inner.ping().await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
