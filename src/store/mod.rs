//! Storage of users, sessions and alerts.
//!
//! [`Store`] is the contract. [`sqlite::SqliteStore`] and [`mongo::MongoStore`] implement it, and
//! one suite, `tests/support/src/contract`, tests both. A store knows no rules: it loads a
//! [`UserState`], and applies a [`Commit`] if the user still has the version that the commit was
//! decided on.
//!
//! Files with the same name do the same job in both stores: `open` (open and check the database),
//! `read`, `write` and `delete`, `maintenance` (last-seen times, overdue sessions, due summaries,
//! purging) and `records` (stored form to domain values and back).
//!
//! # Adding a store
//! 1. Implement [`Store`] in a folder beside `sqlite`.
//! 2. Run the contract suite over it in `tests/store`, as `tests/store/sqlite.rs` does.
//! 3. Add its URL scheme to [`config`](crate::config), and the call that opens it to
//!    [`app`](crate::app).

mod changes;
mod errors;
mod feed;
mod login_history;
pub mod mongo;
mod names;
mod snapshot;
pub mod sqlite;
mod traced;
mod values;
mod webhooks;

use std::{fmt, ops::RangeInclusive, time::Duration};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use uuid::Uuid;

pub use self::{
    changes::{ChangeListener, ChangeNotification},
    errors::{BoxError, CommitError, OpenError, StoreError},
    feed::{Committed, Feed, FeedChange, FeedChangeKind, FeedError, FeedItem, FeedPosition},
    snapshot::{ReadUser, Snapshot},
    traced::TracedStore,
    values::{
        ClockMark, Commit, FailedLogin, FailedLogins, KnownSession, Listening, Page, Purged,
        SeenAfter, Slice, Touch,
    },
    webhooks::{ParkedUser, ReceiverId, WebhookProgress, WebhookState, WebhookStore},
};
use crate::domain::{
    Alert, AlertId, Mobile, Session, SessionKey, Timestamp, TokenHash, UserId, UserState,
};

/// Users, sessions and alerts, shared by every task of a node.
///
/// All methods may be called concurrently. If a caller stops waiting for a write, the store may
/// still apply it.
#[async_trait]
pub trait Store: WebhookStore + fmt::Debug + Send + Sync + 'static {
    /// Returns the user with this id, with its active and its pending session as they are recorded,
    /// even if their limits have passed.
    ///
    /// # Errors
    /// [`StoreError`] if the store is unavailable, or the user's record or one of the two sessions
    /// is damaged.
    async fn user(&self, id: UserId) -> Result<Option<UserState>, StoreError>;

    /// Returns the user with this id, as [`Store::user`] does, and makes every commit stale that was
    /// decided on an earlier state. Several nodes may share a store, and one that changes a user again
    /// and again may always be ahead of another one. The slower node calls this then, so that its
    /// commit is ahead of the next one.
    ///
    /// If the present state was fenced already, and no commit has followed, it stays as it is: all nodes
    /// that are outrun decide on the same state. This is only for speed, and a store whose node is the
    /// only one reads the user.
    ///
    /// # Errors
    /// [`StoreError`] as for [`Store::user`].
    async fn fenced_user(&self, id: UserId) -> Result<Option<UserState>, StoreError> {
        self.user(id).await
    }

    /// Returns the user with this id, with a snapshot for [`Store::alerts_after_of`].
    ///
    /// # Errors
    /// [`StoreError`] as for [`Store::user`].
    async fn read_user(&self, id: UserId) -> Result<Option<ReadUser>, StoreError> {
        Ok(self.user(id).await?.map(ReadUser::without_snapshot))
    }

    /// Returns the user that owns this mobile number, as [`Store::user`] does.
    ///
    /// # Errors
    /// [`StoreError`] as for [`Store::user`].
    async fn user_by_mobile(&self, mobile: &Mobile) -> Result<Option<UserState>, StoreError>;

    /// Returns the user that owns this mobile number, with a snapshot for
    /// [`Store::sessions_of`], [`Store::count_sessions_of`] and [`Store::alerts_of`].
    ///
    /// # Errors
    /// [`StoreError`] as for [`Store::user`].
    async fn read_user_by_mobile(&self, mobile: &Mobile) -> Result<Option<ReadUser>, StoreError> {
        let found = self.user_by_mobile(mobile).await?;
        Ok(found.map(ReadUser::without_snapshot))
    }

    /// Returns a state of the user that owns this mobile number from the memory of the store, or
    /// `None` if the memory has none. **The state may be outdated**, and the number may belong to
    /// another user by now. Only a commit may be based on it, because the commit compares the
    /// version. A store whose reads need no statement to a server returns `None`.
    fn recent_user(&self, mobile: &Mobile) -> Option<UserState>;

    /// Applies the whole commit durably, or none of it. Idempotent: repeated calls with the same
    /// commit id apply the commit once.
    ///
    /// # Errors
    /// - [`CommitError::Stale`] if the user has another version, or if the commit ends a session by
    ///   its idle timeout and the store has recorded a later request of that session. Load the
    ///   user, decide and commit again.
    /// - [`CommitError::MobileTaken`] if another user owns the mobile number of a new user.
    /// - [`CommitError::Store`] if the store is unavailable or a record is damaged. After
    ///   [`StoreError::Unavailable`] the commit may have been applied. Commit again with the same
    ///   id to find out.
    async fn commit(&self, commit: Commit) -> Result<(), CommitError>;

    /// Erases a user with all sessions and alerts. Returns false if the user does not exist.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store cannot be reached or cannot write.
    async fn delete_user(&self, id: UserId) -> Result<bool, StoreError>;

    /// Returns the session that the token opens, even if it has ended. Costs a few indexed reads at
    /// most, and none if the store has the session in memory.
    ///
    /// # Errors
    /// [`StoreError`] if the store is unavailable or the session's record is damaged.
    async fn session_by_token(
        &self,
        user: UserId,
        hash: &TokenHash,
    ) -> Result<Option<Session>, StoreError>;

    /// Calls `read` with the session that the token opens, if the session is active and the store
    /// has it in memory. It is the same session as [`Store::session_by_token`] returns. A store that
    /// keeps no sessions in memory does nothing. `read` returns whether it has used the session:
    /// otherwise the caller reads it again.
    fn known_session(
        &self,
        _user: UserId,
        _hash: &TokenHash,
        _read: &mut dyn FnMut(&KnownSession<'_>) -> bool,
    ) {
    }

    /// Returns the user's session with this key.
    ///
    /// # Errors
    /// [`StoreError`] if the store is unavailable or the session's record is damaged.
    async fn session(&self, user: UserId, key: SessionKey) -> Result<Option<Session>, StoreError>;

    /// Returns the sessions with these keys, of any user, in the order of the keys.
    ///
    /// # Errors
    /// [`StoreError`] if the store is unavailable or the record of one of the sessions is damaged.
    async fn sessions_by_key(
        &self,
        keys: &[SessionKey],
    ) -> Result<Vec<Option<Session>>, StoreError>;

    /// Returns a page of a user's sessions, newest first: at the time of the snapshot, unless it is
    /// empty. Sessions that were purged since may be missing.
    ///
    /// # Errors
    /// [`StoreError`] if the store is unavailable or the record of one of the sessions is damaged.
    async fn sessions_of(
        &self,
        user: UserId,
        snapshot: &Snapshot,
        page: Page,
    ) -> Result<Slice<Session>, StoreError>;

    /// Returns the number of a user's stored sessions, including ended ones, at the time of the
    /// snapshot, as [`Store::sessions_of`] does.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store cannot be reached.
    async fn count_sessions_of(&self, user: UserId, snapshot: &Snapshot)
    -> Result<u64, StoreError>;

    /// Returns a page of a user's alerts, newest first, at the time of the snapshot, as
    /// [`Store::sessions_of`] does.
    ///
    /// # Errors
    /// [`StoreError`] if the store is unavailable or one of the alerts is damaged.
    async fn alerts_of(
        &self,
        user: UserId,
        snapshot: &Snapshot,
        page: Page,
    ) -> Result<Slice<Alert>, StoreError>;

    /// Returns at most `limit` of the user's alerts whose sequence is above `after`, oldest first, at
    /// the time of the snapshot, as [`Store::sessions_of`] does.
    ///
    /// # Errors
    /// [`StoreError`] if the store is unavailable or one of the alerts is damaged.
    async fn alerts_after_of(
        &self,
        user: UserId,
        snapshot: &Snapshot,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Alert>, StoreError>;

    /// Returns one alert.
    ///
    /// # Errors
    /// [`StoreError`] if the store is unavailable or the alert is damaged.
    async fn alert(&self, id: AlertId) -> Result<Option<Alert>, StoreError>;

    /// Moves the last-seen times of sessions forward, never back. Skips sessions that have ended or
    /// do not exist. A user's version does not change, so a touch never makes a commit stale.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store cannot be reached or cannot write. Some of the
    /// touches may have been written.
    async fn touch(&self, touches: &[Touch]) -> Result<(), StoreError>;

    /// Returns the owners of overdue sessions: sessions that are recorded as active or pending, but
    /// have expired at `now` according to their recorded last-seen times. Returns at most `limit`
    /// ids, the longest overdue first. The owner of two such sessions may be returned twice.
    /// Maintenance calls it once a second.
    ///
    /// # Errors
    /// [`StoreError`] if the store is unavailable or one of the records is damaged.
    async fn overdue(&self, now: Timestamp, limit: usize) -> Result<Vec<UserId>, StoreError>;

    /// Returns the users whose [`AlertWindow::summary_due_at`] is in `due`: at most `limit`, the
    /// earliest first.
    ///
    /// [`AlertWindow::summary_due_at`]: crate::domain::AlertWindow::summary_due_at
    ///
    /// # Errors
    /// [`StoreError`] if the store is unavailable or one of the records is damaged.
    async fn summaries_due(
        &self,
        due: RangeInclusive<Timestamp>,
        limit: usize,
    ) -> Result<Vec<UserId>, StoreError>;

    /// Reads a page of users in the order of their ids, after the user `after`. Returns those with
    /// an open session whose recorded last-seen time is later than `latest`: it lies in the future,
    /// if the clock was set back. The time that this takes depends on `limit`, at least 1, and not
    /// on the number of users. A user who registers during the pass may be missed.
    ///
    /// # Errors
    /// [`StoreError`] if the store is unavailable or one of the records is damaged.
    async fn seen_after(
        &self,
        latest: Timestamp,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<SeenAfter, StoreError>;

    /// Returns the clock mark: a time that the clock of a node has shown. Records are about a minute
    /// later at most, so a start whose clock is behind the mark looks for records in the future. `None`
    /// in a new store.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    async fn clock_mark(&self) -> Result<Option<Timestamp>, StoreError>;

    /// Saves the clock mark. Maintenance raises it as the clock runs and at the end, and lowers or
    /// creates it when no record is in the future any more.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store cannot be reached or cannot write.
    async fn save_clock_mark(&self, mark: ClockMark) -> Result<(), StoreError>;

    /// Does the work that the store owes to its own layout and that no call waits for, at most
    /// `limit` records of each kind. Maintenance calls it once a minute.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store cannot be reached or cannot write.
    async fn maintain(&self, now: Timestamp, limit: usize) -> Result<(), StoreError> {
        let _ = (now, limit);
        Ok(())
    }

    /// Deletes alerts that were created before `before` and sessions that ended before it, at most
    /// `limit` of each. Maintenance calls it once a minute, so a store also does its own periodic
    /// work then.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store cannot be reached or cannot write.
    async fn purge(&self, before: Timestamp, limit: usize) -> Result<Purged, StoreError>;

    /// Deletes the oldest changes of the feed if they are from before `before`, at most `limit`, and
    /// never the last one. Returns their number. Maintenance calls it once a minute. A store whose
    /// server deletes them itself does nothing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store cannot be reached or cannot write.
    async fn purge_feed(&self, before: Timestamp, limit: usize) -> Result<u64, StoreError> {
        let _ = (before, limit);
        Ok(0)
    }

    /// Counts a failed login of a mobile number, which may belong to no user, and forgets those that
    /// no longer count. Returns the time for which the failures of the number still count, with
    /// those of other nodes.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store cannot be reached or cannot write.
    async fn record_failed_login(
        &self,
        failure: &FailedLogin,
        now: Timestamp,
    ) -> Result<Duration, StoreError>;

    /// Returns the failed logins that still count, at most `limit`, those that count longest first.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    async fn failed_logins(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<FailedLogins>, StoreError>;

    /// Announces to the other nodes which sessions listen on `node`, this one: each session that
    /// began or ceased to listen, with whether it listens now. One that has ceased is remembered for
    /// `away_after`. Maintenance calls it about once a second, also without changes, so that the
    /// announcements of a node that has died do not count for long. A store with one node does
    /// nothing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store cannot be reached or cannot write.
    async fn announce_listeners(
        &self,
        _node: Uuid,
        _changes: &[(SessionKey, bool)],
        _away_after: Duration,
    ) -> Result<(), StoreError> {
        Ok(())
    }

    /// Returns what other nodes have announced about the session.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store cannot be reached.
    async fn listening(&self, _session: SessionKey) -> Result<Listening, StoreError> {
        Ok(Listening::No)
    }

    /// Subscribes to the changes that any node makes from now on. The stream ends when the store is
    /// dropped. If notifications may have been lost, it yields [`ChangeNotification::Resync`].
    fn changes(&self) -> BoxStream<'static, ChangeNotification>;

    /// Calls `listener` with each notification of [`Store::changes`] from now on, until the store is
    /// dropped. No task is woken for it, which a commit would pay for.
    fn on_change(&self, listener: ChangeListener);

    /// Returns the position after the last change of the feed. A change whose commit has returned is
    /// before it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store cannot be reached.
    async fn feed_end(&self) -> Result<FeedPosition, StoreError>;

    /// Follows the feed from this position: first the changes that were committed since, and then
    /// each new one. While the store is unavailable, the stream waits. It holds a bounded number of
    /// changes, and reads no more of them than its reader asks for.
    ///
    /// The stream fails with [`FeedError::Expired`] if the position was never one of this database,
    /// or if the changes after it may have been deleted.
    fn feed(&self, after: FeedPosition) -> Feed;

    /// Returns a page of the users, in the descending order of their ids, which is about that of
    /// their registration: at most `limit` of those with an id below `before`.
    ///
    /// # Errors
    /// [`StoreError`] if the store is unavailable or one of the records is damaged.
    async fn users(
        &self,
        before: Option<UserId>,
        limit: usize,
    ) -> Result<Slice<UserState>, StoreError>;

    /// Checks that the store can be read.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it cannot.
    async fn ping(&self) -> Result<(), StoreError>;

    /// Finishes the accepted writes, and closes the files or connections. Later reads and writes
    /// fail with [`StoreError::Unavailable`].
    async fn close(&self);
}
