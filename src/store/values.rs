//! The inputs and results of the methods of [`Store`](super::Store).

use std::time::Duration;

use crate::domain::{
    ActiveChange, Alert, CommitId, Mobile, SessionKey, Timestamp, UserId, UserState, Username,
    active_limit, rules::SessionWrite,
};

/// A transition to apply to one user.
///
/// # Example
/// ```
/// use sessiond::{
///     domain::{
///         ActiveChange, CommitId, LoginHistory, Mobile, Owner, Timestamp, UserId, UserState, Username,
///     },
///     store::{Commit, Store, sqlite::SqliteStore},
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let folder = tempfile::tempdir()?;
/// let store = SqliteStore::open(&folder.path().join("sessiond.db"))?;
///
/// let mobile = Mobile::parse("+491510000001")?;
/// let user = UserState {
///     owner: Owner {
///         id: UserId::parse("4f9d5d5e-6b8a-4f0c-9a55-1f6d2f4d8c11").expect("a UUID"),
///         mobile: mobile.clone(),
///         username: Username::parse("Ada")?,
///     },
///     password: None,
///     created_at: Timestamp::from_millis(1_700_000_000_000),
///     version: 1,
///     active: None,
///     pending: None,
///     last_alert: 0,
///     sessions_opened: 0,
///     recent_conflicts: Vec::new(),
///     alert_window: None,
///     history: LoginHistory::default(),
///     freeze: None,
/// };
/// let commit = Commit {
///     id: CommitId::parse("0b1c9f2a-6a0e-4a36-8a0a-5f3c6d1e7b22").expect("a UUID"),
///     expected_version: 0,
///     user: user.clone(),
///     sessions: Vec::new(),
///     alerts: Vec::new(),
///     active_change: ActiveChange::default(),
/// };
/// store.commit(commit.clone()).await?;
/// // A commit is idempotent: the second call changes nothing.
/// store.commit(commit).await?;
/// assert_eq!(store.user_by_mobile(&mobile).await?, Some(user));
///
/// store.close().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Commit {
    /// Identifies this commit, so that it is applied at most once.
    pub id: CommitId,
    /// The version of the user that the transition was decided on: 0 for a new user.
    pub expected_version: u64,
    /// The user after the commit. Its version is `expected_version + 1`.
    pub user: UserState,
    /// The sessions that the transition opens or changes.
    pub sessions: Vec<SessionWrite>,
    /// The alerts that the transition adds to the user's log.
    pub alerts: Vec<Alert>,
    /// The session that the transition activates, and the one that it ends, for the feed.
    pub active_change: ActiveChange,
}

/// A request that was made with a session's token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Touch {
    /// The owner of the session.
    pub user: UserId,
    /// The session that the token opens.
    pub session: SessionKey,
    /// The time of the request.
    pub at: Timestamp,
}

/// An active session that a store has in memory: what a check of its token needs. It borrows the
/// store's own record, because a copy of the session would touch the memory of each of its texts.
#[derive(Debug, Clone, Copy)]
pub struct KnownSession<'a> {
    /// The session's public id.
    pub key: SessionKey,
    /// The number of its user.
    pub mobile: &'a Mobile,
    /// The name of its user.
    pub username: &'a Username,
    /// The time of the last recorded request with the token.
    pub last_seen_at: Timestamp,
    /// How long the session stays valid without a request.
    pub idle_timeout: Duration,
    /// The time when the session ends even if it is in use.
    pub lifetime_ends_at: Timestamp,
}

impl KnownSession<'_> {
    /// The time when the session's limit passes, as
    /// [`Session::expires_at`](crate::domain::Session::expires_at) has it.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        active_limit(self.last_seen_at, self.idle_timeout, self.lifetime_ends_at)
    }
}

/// The bounds of a page of a list, newest first: sessions by their number, or alerts by their
/// sequence.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// If set, only entries with a lower number or sequence are returned.
    pub before: Option<u64>,
    /// The maximum number of entries.
    pub limit: usize,
}

/// The entries of a [`Page`].
#[derive(Debug, Clone)]
pub struct Slice<T> {
    /// The entries, newest first.
    pub items: Vec<T>,
    /// True if more entries follow.
    pub has_more: bool,
}

impl<T> Slice<T> {
    /// Creates the slice from the results of a query with the limit `page.limit + 1`. The extra
    /// entry shows that more entries follow, and is dropped.
    #[must_use]
    pub fn from_limit_plus_one(mut items: Vec<T>, page: Page) -> Self {
        let has_more = items.len() > page.limit;
        items.truncate(page.limit);
        Self { items, has_more }
    }

    /// Returns a slice of a list without entries.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            items: Vec::new(),
            has_more: false,
        }
    }
}

/// A page of [`Store::seen_after`](super::Store::seen_after).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenAfter {
    /// The users who were found, in the order of their ids.
    pub users: Vec<UserId>,
    /// The user after whom the next page starts. `None` if this is the last page.
    pub next: Option<UserId>,
}

/// What [`Store::save_clock_mark`](super::Store::save_clock_mark) does with the mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockMark {
    /// Sets it to this time, also from a later one.
    At(Timestamp),
    /// Raises it to this time, if there is an earlier one.
    AtLeast(Timestamp),
}

/// The number of records that a purge deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Purged {
    /// Deleted sessions.
    pub sessions: u64,
    /// Deleted alerts.
    pub alerts: u64,
}

/// The failed logins of a mobile number, which may belong to no user. They are counted in a token
/// bucket, so the time when it is full again says how many there were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedLogins {
    /// The number, as the limits count it.
    pub mobile: Mobile,
    /// The time for which the failures still count.
    pub remaining: Duration,
}

/// One more failed login of a mobile number.
#[derive(Debug, Clone)]
pub struct FailedLogin {
    /// The number, as the limits count it.
    pub mobile: Mobile,
    /// The time for which the failures of the number still count, with this one, as far as this node
    /// knows them.
    pub remaining: Duration,
    /// The time for which one failure counts.
    pub interval: Duration,
    /// The longest time for which failures may count. A longer one was stored before a clock was set
    /// back.
    pub longest: Duration,
}

/// What other nodes have announced about a session that may listen there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listening {
    /// A stream of its alerts is open.
    Now,
    /// No stream is open, but one was until recently, or its node has died. Its device needs time to
    /// connect again.
    Recently,
    /// Nothing is known of a stream.
    No,
}
