//! The feed: what was committed for all users, in the order of the commits of each user.
//!
//! A reader follows it from a [`FeedPosition`], and can continue from the position of the last
//! change that it has processed. It receives each change at least once.

use std::{ops::Range, time::Duration};

use futures_util::stream::BoxStream;
use thiserror::Error;

use super::StoreError;
use crate::domain::{ActiveChange, Alert, Timestamp, UserId};

/// The time after which a reader that receives no change gets the next [`FeedItem::CaughtUp`].
pub(super) const CAUGHT_UP_INTERVAL: Duration = Duration::from_secs(5);

/// A place in the feed, between two changes. Only the store that made it can read it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FeedPosition(String);

impl FeedPosition {
    /// The maximum number of characters. MongoDB's resume tokens have about 200.
    pub const MAX_CHARS: usize = 1024;

    /// Wraps a text of 1 to [`Self::MAX_CHARS`] ASCII letters, digits, hyphens and underscores.
    /// `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let has_length = (1..=Self::MAX_CHARS).contains(&text.len());
        (has_length && text.bytes().all(is_valid)).then(|| Self(text.to_owned()))
    }

    /// Wraps the text of a store, which follows the rules of [`Self::parse`].
    pub(super) const fn of_store(text: String) -> Self {
        Self(text)
    }

    /// The text that [`Self::parse`] reads.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One step of a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedItem {
    /// A commit or a deletion.
    Change(Box<FeedChange>),
    /// The reader has received every change that was committed before this item. It comes once the
    /// reader has caught up, and then after every 5 seconds without a change, as long as the store
    /// responds.
    CaughtUp(FeedPosition),
}

/// A change of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedChange {
    /// The position after this change.
    pub position: FeedPosition,
    /// The changed user.
    pub user: UserId,
    /// What has changed.
    pub kind: FeedChangeKind,
}

/// What has changed of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedChangeKind {
    /// A commit.
    Committed(Committed),
    /// The user was deleted, at this time by the clock of the store.
    Deleted(Timestamp),
}

/// The part of a commit that the feed has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The session that became active, and the one that no longer is.
    pub active_change: ActiveChange,
    /// The sequences of the alerts that the commit added to the user's log.
    pub alerts: Range<u64>,
}

impl Committed {
    /// Returns the feed's part of a commit. `None` if the feed has nothing of it.
    pub(super) fn of(active_change: &ActiveChange, alerts: &[Alert]) -> Option<Self> {
        let first = alerts.first().map_or(0, |alert| alert.sequence);
        let committed = Self {
            active_change: active_change.clone(),
            alerts: first..first + alerts.len() as u64,
        };
        (!committed.active_change.is_empty() || !committed.alerts.is_empty()).then_some(committed)
    }
}

/// The reason why a reader cannot continue.
#[derive(Debug, Error)]
pub enum FeedError {
    /// The position is too old, or is not one of this database. Changes may have been missed.
    #[error("the position in the feed is too old or unknown")]
    Expired,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The items after a position. After an error, the stream ends.
pub type Feed = BoxStream<'static, Result<FeedItem, FeedError>>;
