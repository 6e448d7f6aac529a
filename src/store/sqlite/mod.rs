//! The embedded store in one SQLite file (write-ahead log, `synchronous=FULL`).
//!
//! One writer thread commits queued writes together. A cache in memory serves the reads of known
//! users and their newest sessions, and a pool of read-only connections serves all other reads.
//! Only one handle, in any process, may have the file open: see `lock::Lock`.

mod backup;
mod cache;
mod cached_reads;
mod checkpoints;
mod clock_mark;
mod conflicts;
mod delete;
mod device_ids;
mod empty_log;
mod errors;
mod failed_logins;
mod feed;
mod file_id;
mod layout_version;
mod lock;
mod log_size;
mod maintenance;
mod misplaced_log;
mod one_table;
mod open;
mod overdue;
mod page_cache;
mod placement;
mod prepared;
mod publisher;
mod purge;
mod read;
mod reader_pool;
mod records;
mod sessions;
mod webhooks;
mod write;
mod writer;
mod writer_handle;

use std::{num::NonZeroU64, ops::RangeInclusive, path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use parking_lot::Mutex;

pub use self::{
    backup::{Copied, CopyError, back_up, restore},
    layout_version::{LayoutVersion, check_not_in_use, layout_version},
    log_size::MAX_LOG_SIZE,
};
use self::{
    cache::UserCache,
    lock::Lock,
    placement::Placement,
    publisher::Publisher,
    reader_pool::ReaderPool,
    writer::{Command, Reply},
    writer_handle::Writer,
};
use super::{
    ChangeListener, ChangeNotification, ClockMark, Commit, CommitError, FailedLogin, FailedLogins,
    Feed, FeedPosition, KnownSession, OpenError, Page, Purged, SeenAfter, Slice, Snapshot, Store,
    StoreError, Touch, changes::ChangeNotifier,
};
use crate::domain::{
    Alert, AlertId, Mobile, Session, SessionKey, Timestamp, TokenHash, UserId, UserState,
};

/// The store in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    readers: Arc<ReaderPool>,
    placement: Placement,
    /// `None` if it is turned off.
    cache: Option<Arc<UserCache>>,
    notifier: ChangeNotifier,
    /// `None` after the store was closed.
    writer: Mutex<Option<Writer>>,
}

impl SqliteStore {
    /// The size of the cache if none is set, in bytes: 64 MiB.
    pub const DEFAULT_CACHE_SIZE: u64 = 64 << 20;

    /// Opens the file with a cache of [`Self::DEFAULT_CACHE_SIZE`]. Creates the file if it is
    /// missing, and migrates it if it is of an older version.
    ///
    /// Call it in a Tokio runtime that has its I/O and time drivers, as that of `#[tokio::main]` and of
    /// [`enable_all`](tokio::runtime::Builder::enable_all). It panics in one without an I/O driver. A
    /// task of the runtime sends the results of commits, and readers of the feed use its timer.
    ///
    /// # Errors
    /// [`OpenError`] if the file cannot be opened, is in use, belongs to another program, or was
    /// written by a newer version.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Self::open_with_cache(path, Self::DEFAULT_CACHE_SIZE)
    }

    /// Opens the file as [`Self::open`] does, with a cache of at most this many bytes. 0 turns the
    /// cache off.
    ///
    /// # Errors
    /// [`OpenError`] as for [`Self::open`].
    pub fn open_with_cache(path: &Path, cache_size: u64) -> Result<Self, OpenError> {
        let path = open::resolve(path)?;
        let lock = Arc::new(Lock::acquire(&path)?);
        let cache = NonZeroU64::new(cache_size).map(|size| Arc::new(UserCache::new(size)));
        let notifier = ChangeNotifier::new();
        let started = open::open_writer(&path).and_then(|connection| {
            let publisher = Publisher::new(&connection, cache.clone(), notifier.clone())
                .map_err(|error| open::cannot_open(&path, &error))?;
            let placement = Placement::of(&path, &lock)?;
            let writer = writer::start(connection, placement.clone(), publisher)?;
            Ok((writer, placement))
        });
        let ((commands, thread), placement) = match started {
            Ok(writer) => writer,
            Err(error) => {
                lock.release_rejected();
                return Err(error);
            }
        };
        Ok(Self {
            readers: Arc::new(ReaderPool::new(placement.clone())),
            placement,
            cache,
            notifier,
            writer: Mutex::new(Some(Writer {
                commands,
                thread,
                lock,
            })),
        })
    }

    /// Queues a command, and waits for its result.
    async fn write<T, E: From<StoreError>>(
        &self,
        command: impl FnOnce(Reply<T, E>) -> Command,
    ) -> Result<T, E> {
        let stopped = || StoreError::Unavailable("the writer has stopped".into());
        let commands = {
            let writer = self.writer.lock();
            writer.as_ref().ok_or_else(stopped)?.commands.clone()
        };
        let (reply, result) = Reply::channel();
        commands.send(command(reply)).await.map_err(|_| stopped())?;
        result.await.map_err(|_| stopped())?
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn user(&self, id: UserId) -> Result<Option<UserState>, StoreError> {
        self.cached_user(id)
    }

    async fn user_by_mobile(&self, mobile: &Mobile) -> Result<Option<UserState>, StoreError> {
        self.cached_user_by_mobile(mobile)
    }

    fn recent_user(&self, _mobile: &Mobile) -> Option<UserState> {
        None
    }

    async fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        let commit = Box::new(commit);
        self.write(|reply| Command::Commit { commit, reply }).await
    }

    async fn delete_user(&self, user: UserId) -> Result<bool, StoreError> {
        self.write(|reply| Command::DeleteUser { user, reply })
            .await
    }

    async fn session_by_token(
        &self,
        user: UserId,
        hash: &TokenHash,
    ) -> Result<Option<Session>, StoreError> {
        self.cached_session_by_token(user, hash)
    }

    fn known_session(
        &self,
        user: UserId,
        hash: &TokenHash,
        read: &mut dyn FnMut(&KnownSession<'_>) -> bool,
    ) {
        self.read_known_session(user, hash, read);
    }

    async fn session(&self, user: UserId, key: SessionKey) -> Result<Option<Session>, StoreError> {
        self.cached_session(user, key)
    }

    async fn sessions_by_key(
        &self,
        keys: &[SessionKey],
    ) -> Result<Vec<Option<Session>>, StoreError> {
        let keys = keys.to_vec();
        let count = keys.len();
        self.readers
            .rows("session", count, move |connection| {
                read::sessions_by_key(connection, &keys)
            })
            .await
    }

    async fn sessions_of(
        &self,
        user: UserId,
        _snapshot: &Snapshot,
        page: Page,
    ) -> Result<Slice<Session>, StoreError> {
        self.cached_sessions(user, page).await
    }

    async fn count_sessions_of(
        &self,
        user: UserId,
        _snapshot: &Snapshot,
    ) -> Result<u64, StoreError> {
        self.readers
            .scan("session", move |connection| {
                sessions::count(connection, user)
            })
            .await
    }

    async fn alerts_of(
        &self,
        user: UserId,
        _snapshot: &Snapshot,
        page: Page,
    ) -> Result<Slice<Alert>, StoreError> {
        self.readers
            .page("alert", page, move |connection| {
                read::alerts(connection, user, page)
            })
            .await
    }

    async fn alerts_after_of(
        &self,
        user: UserId,
        _snapshot: &Snapshot,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Alert>, StoreError> {
        self.cached_alerts_after(user, after, limit).await
    }

    async fn alert(&self, id: AlertId) -> Result<Option<Alert>, StoreError> {
        self.readers
            .read("alert", |connection| read::alert(connection, id))
    }

    async fn touch(&self, touches: &[Touch]) -> Result<(), StoreError> {
        let touches = touches.to_vec();
        self.write(|reply| Command::Touch { touches, reply }).await
    }

    async fn overdue(&self, now: Timestamp, limit: usize) -> Result<Vec<UserId>, StoreError> {
        self.detect_other_writers();
        self.find_overdue(now, limit).await
    }

    async fn summaries_due(
        &self,
        due: RangeInclusive<Timestamp>,
        limit: usize,
    ) -> Result<Vec<UserId>, StoreError> {
        self.readers
            .scan("user", move |connection| {
                maintenance::summaries_due(connection, &due, limit)
            })
            .await
    }

    async fn seen_after(
        &self,
        latest: Timestamp,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<SeenAfter, StoreError> {
        self.readers
            .scan("session", move |connection| {
                maintenance::seen_after(connection, latest, after, limit)
            })
            .await
    }

    async fn clock_mark(&self) -> Result<Option<Timestamp>, StoreError> {
        self.readers.read("clock mark", clock_mark::load)
    }

    async fn save_clock_mark(&self, mark: ClockMark) -> Result<(), StoreError> {
        self.write(|reply| Command::SaveClockMark { mark, reply })
            .await
    }

    async fn purge(&self, before: Timestamp, limit: usize) -> Result<Purged, StoreError> {
        self.write(|reply| Command::Purge {
            before,
            limit,
            reply,
        })
        .await
    }

    async fn purge_feed(&self, before: Timestamp, limit: usize) -> Result<u64, StoreError> {
        self.write(|reply| Command::PurgeFeed {
            before,
            limit,
            reply,
        })
        .await
    }

    async fn feed_end(&self) -> Result<FeedPosition, StoreError> {
        self.readers.read("change", feed::end)
    }

    fn feed(&self, after: FeedPosition) -> Feed {
        feed::follow(Arc::clone(&self.readers), self.notifier.subscribe(), &after)
    }

    async fn users(
        &self,
        before: Option<UserId>,
        limit: usize,
    ) -> Result<Slice<UserState>, StoreError> {
        let users = self.readers.rows("user", limit, move |connection| {
            read::users(connection, before, limit + 1)
        });
        let page = Page {
            before: None,
            limit,
        };
        Ok(Slice::from_limit_plus_one(users.await?, page))
    }

    async fn record_failed_login(
        &self,
        failure: &FailedLogin,
        now: Timestamp,
    ) -> Result<Duration, StoreError> {
        let (remaining, failure) = (failure.remaining, failure.clone());
        self.write(|reply| Command::RecordFailedLogin {
            failure,
            now,
            reply,
        })
        .await?;
        Ok(remaining)
    }

    async fn failed_logins(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<FailedLogins>, StoreError> {
        self.readers
            .scan("failed login", move |connection| {
                failed_logins::load(connection, now, limit)
            })
            .await
    }

    fn changes(&self) -> BoxStream<'static, ChangeNotification> {
        self.notifier.subscribe()
    }

    fn on_change(&self, listener: ChangeListener) {
        self.notifier.listen(listener);
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.placement.check()?;
        self.readers.read("file", |connection| {
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
        })
    }

    async fn close(&self) {
        let writer = self.writer.lock().take();
        let Some(writer) = writer else {
            return;
        };
        let lock = writer.finish().await;
        self.readers.close();
        if let Some(cache) = &self.cache {
            cache.close();
        }
        drop(lock);
    }
}
