//! The time limits of this store's operations.

use std::{future::Future, time::Duration};

use crate::store::StoreError;

/// The time limit of an operation, including server selection and the driver's retry.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(10);

/// The time limit of a commit or a deletion, including all attempts.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(15);

/// The time limit of one write on the server, including its replication to a majority.
pub(super) const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// The time limit of the driver's shutdown, which ends its sessions on the server.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Runs an operation, and fails if it takes longer than [`OPERATION_TIMEOUT`].
pub(super) async fn operation<T>(
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    within(OPERATION_TIMEOUT, work).await
}

/// Runs the attempts at a commit or a deletion, and fails if they take longer than
/// [`COMMIT_TIMEOUT`].
pub(super) async fn attempts<T, E: From<StoreError>>(
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    within(COMMIT_TIMEOUT, work).await
}

pub(super) async fn within<T, E: From<StoreError>>(
    limit: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
        let error = format!("the database did not respond within {} s", limit.as_secs());
        Err(StoreError::Unavailable(error.into()).into())
    })
}
