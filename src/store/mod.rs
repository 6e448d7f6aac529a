//! Where users, sessions and alerts are kept.
//!
//! [`Store`] is one contract with two implementations, held to one suite in `tests/store/`. A store knows no rules:
//! it loads a [`UserState`], and applies a [`Commit`] if the user still has the version that it was decided on.

pub mod mongo;
mod names;
pub mod sqlite;

use std::fmt;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use thiserror::Error;

use crate::domain::{
    Alert, AlertId, CommitId, Mobile, Session, SessionKey, Timestamp, TokenHash, UserId, UserState,
    rules::SessionWrite,
};

/// A place for users, sessions and alerts, shared by every task of a node.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// The user with this id. Its active and pending sessions carry the last request that the store has recorded.
    ///
    /// # Errors
    /// [`StoreError`], as every method here.
    async fn user(&self, id: UserId) -> Result<Option<UserState>, StoreError>;

    /// The user who owns this number.
    async fn user_by_mobile(&self, mobile: &Mobile) -> Result<Option<UserState>, StoreError>;

    /// Applies `commit` whole, durably, or not at all. Applying one commit twice is the same as once.
    ///
    /// # Errors
    /// [`CommitError::Stale`] where the user has another version, or a session that was to expire unseen has been
    /// seen: load, decide and commit again. [`CommitError::MobileTaken`] where a new user's number has an owner.
    async fn commit(&self, commit: Commit) -> Result<(), CommitError>;

    /// Erases a user with all sessions and alerts; false where there is none.
    async fn delete_user(&self, id: UserId) -> Result<bool, StoreError>;

    /// The session that a token opens, ended ones included: one indexed read.
    async fn session_by_token(
        &self,
        user: UserId,
        hash: &TokenHash,
    ) -> Result<Option<Session>, StoreError>;

    /// One of a user's sessions.
    async fn session(&self, user: UserId, key: SessionKey) -> Result<Option<Session>, StoreError>;

    /// The sessions with these keys, whosever they are, in the keys' order.
    async fn sessions_by_key(
        &self,
        keys: &[SessionKey],
    ) -> Result<Vec<Option<Session>>, StoreError>;

    /// A user's sessions, newest first.
    async fn sessions(&self, user: UserId, page: Page) -> Result<Slice<Session>, StoreError>;

    /// How many sessions of a user are kept.
    async fn count_sessions(&self, user: UserId) -> Result<u64, StoreError>;

    /// A user's alerts, newest first.
    async fn alerts(&self, user: UserId, page: Page) -> Result<Slice<Alert>, StoreError>;

    /// A user's alerts with a sequence above `after`, oldest first, `limit` at most.
    async fn alerts_after(
        &self,
        user: UserId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Alert>, StoreError>;

    /// One alert.
    async fn alert(&self, id: AlertId) -> Result<Option<Alert>, StoreError>;

    /// Moves sessions' last requests forward, never back; skips sessions that have ended or are gone.
    /// No part of a user's version: a touch never makes a commit stale.
    async fn touch(&self, touches: &[Touch]) -> Result<(), StoreError>;

    /// Users with a session that is recorded as active or pending and whose limit has passed at `now`,
    /// as far as its last request is recorded; `limit` at most, the longest overdue first.
    async fn overdue(&self, now: Timestamp, limit: usize) -> Result<Vec<UserId>, StoreError>;

    /// Forgets alerts raised and sessions ended before `before`, `limit` of each at most.
    async fn purge(&self, before: Timestamp, limit: usize) -> Result<Purged, StoreError>;

    /// What changes, from now on, whichever node changes it. Never falls silent while the store lives:
    /// where hints may have been lost it says [`ChangeNotification::Resync`].
    fn changes(&self) -> BoxStream<'static, ChangeNotification>;

    /// Whether the store answers.
    async fn ping(&self) -> Result<(), StoreError>;

    /// Finishes what has been accepted, and lets go of the files or connections.
    async fn close(&self);
}

/// A transition to apply to one user.
#[derive(Debug, Clone)]
pub struct Commit {
    /// Tells this commit from every other, so that it is never applied twice.
    pub id: CommitId,
    /// The version that it was decided on: 0 for a user who is not there yet.
    pub expected_version: u64,
    /// The user afterwards; its version is `expected_version + 1`.
    pub user: UserState,
    pub sessions: Vec<SessionWrite>,
    pub alerts: Vec<Alert>,
}

/// A request made with a session's token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Touch {
    pub user: UserId,
    pub session: SessionKey,
    pub at: Timestamp,
}

/// Says where to look; the log says what happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeNotification {
    /// A commit touched this user, whose last alert now has this sequence; or the user was deleted.
    Changed { user: UserId, sequence: u64 },
    /// Hints may have been lost: look at every user who is followed.
    Resync,
}

/// A piece of a list that runs from the highest number down.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Only entries with a number below this one.
    pub before: Option<u64>,
    pub limit: usize,
}

/// The entries of a [`Page`], and whether more follow.
#[derive(Debug, Clone)]
pub struct Slice<T> {
    pub items: Vec<T>,
    pub has_more: bool,
}

impl<T> Slice<T> {
    /// Makes the slice of what a store found when it looked for one entry more than the page holds.
    #[must_use]
    pub fn of_one_more(mut items: Vec<T>, page: Page) -> Self {
        let has_more = items.len() > page.limit;
        items.truncate(page.limit);
        Self { items, has_more }
    }
}

/// How much was forgotten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Purged {
    pub sessions: u64,
    pub alerts: u64,
}

/// Why a store could not do what it was asked.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The store cannot be reached, or cannot write. Trying again later may help.
    #[error("the store is unavailable")]
    Unavailable(#[source] BoxError),
    /// What was read breaks a rule of its type. Trying again does not help.
    #[error("a stored {what} is damaged")]
    Damaged {
        what: &'static str,
        #[source]
        source: BoxError,
    },
}

/// Why a commit was not applied.
#[derive(Debug, Error)]
pub enum CommitError {
    #[error("the user has changed since")]
    Stale,
    #[error("the mobile number has an owner")]
    MobileTaken,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a store could not be opened, as a sentence for an operator.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct OpenError(pub String);

pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
