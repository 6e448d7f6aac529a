//! The errors of all stores.

use thiserror::Error;

/// The reason why a store could not read or write.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The store cannot be reached, or cannot write. A later attempt may succeed.
    #[error("the store is unavailable")]
    Unavailable(#[source] BoxError),
    /// A stored record breaks a rule of its type. Another attempt does not help.
    #[error("a stored {record} is damaged")]
    Damaged {
        /// The kind of record, for example "session".
        record: &'static str,
        /// The broken rule.
        #[source]
        source: BoxError,
    },
}

/// The reason why a commit was not applied.
#[derive(Debug, Error)]
pub enum CommitError {
    /// Another commit or a touch changed the user first.
    #[error("the user has changed since it was loaded")]
    Stale,
    /// Another user owns the mobile number.
    #[error("the mobile number belongs to another user")]
    MobileTaken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The reason why a store could not be opened, in a sentence for an operator.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct OpenError(pub String);

/// The cause of a [`StoreError`].
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
