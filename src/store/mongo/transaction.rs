//! Transactions, and their retries.

use std::time::Duration;

use mongodb::{
    ClientSession,
    error::{Error, Result},
    options::{ReadConcern, TransactionOptions},
};

use super::{
    collections::{Collections, durable, primary},
    errors::{is_connection, is_server_selection, is_transient, is_unknown},
    timeouts::WRITE_TIMEOUT,
};
use crate::backoff::Backoff;

/// The first pause between two attempts. Each further pause is twice as long, up to
/// [`MAX_RETRY_INTERVAL`].
const FIRST_RETRY_INTERVAL: Duration = Duration::from_millis(5);
const MAX_RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// The maximum number of times that `commitTransaction` is sent while its result is unknown. After
/// that, the next attempt at the transaction reads from the data whether it was committed.
const MAX_COMMIT_ATTEMPTS: usize = 3;

/// Starts a session on the server. A session has one transaction at a time: the server aborts an
/// open transaction when the next one starts, and when the session is dropped.
pub(super) async fn start_session(collections: &Collections) -> Result<ClientSession> {
    let options = TransactionOptions::builder()
        .read_concern(ReadConcern::snapshot())
        .write_concern(durable())
        .selection_criteria(primary())
        .max_commit_time(WRITE_TIMEOUT)
        .build();
    collections
        .client
        .start_session()
        .default_transaction_options(options)
        .await
}

/// Commits the transaction. Sending the commit again is idempotent: the server identifies the
/// transaction by its number.
pub(super) async fn commit_transaction(session: &mut ClientSession) -> Result<()> {
    let mut backoff = backoff();
    for _ in 1..MAX_COMMIT_ATTEMPTS {
        match session.commit_transaction().await {
            Err(error) if is_unknown(&error) && !is_server_selection(&error) => {
                backoff.wait().await;
            }
            result => return result,
        }
    }
    session.commit_transaction().await
}

/// Aborts the transaction. If that fails, the transaction has ended already, or the server cannot
/// be reached and will abort the transaction after a time limit.
pub(super) async fn abort(session: &mut ClientSession) {
    let _ = session.abort_transaction().await;
}

const fn backoff() -> Backoff {
    Backoff::new(FIRST_RETRY_INTERVAL, MAX_RETRY_INTERVAL)
}

/// The attempts at one transaction.
#[derive(Debug)]
pub(super) struct Retry {
    backoff: Backoff,
    /// True if an attempt may have succeeded although its reply was lost.
    pub outcome_unknown: bool,
}

impl Retry {
    pub(super) const fn new() -> Self {
        Self {
            backoff: backoff(),
            outcome_unknown: false,
        }
    }

    /// Waits until the next attempt is due, and prepares `session` for it. Returns the error if a
    /// retry does not help.
    ///
    /// If it is unknown whether the server has committed, the session is kept, so that the next
    /// transaction in it aborts one that is still open. In a new session, an open transaction would
    /// block writes to the user for a minute.
    pub(super) async fn prepare(
        &mut self,
        error: Error,
        collections: &Collections,
        session: &mut ClientSession,
    ) -> Result<()> {
        let is_unknown = is_unknown(&error);
        self.outcome_unknown |= is_unknown;
        let can_retry = is_transient(&error) || is_unknown || is_connection(&error);
        // After a failed server selection, the driver has already waited for its full timeout. Only
        // an unknown outcome justifies waiting longer.
        let has_waited = is_server_selection(&error) && !self.outcome_unknown;
        if !can_retry || has_waited {
            return Err(error);
        }
        self.backoff.wait().await;
        if !is_unknown {
            *session = start_session(collections).await?;
        }
        Ok(())
    }
}
