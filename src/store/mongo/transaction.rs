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

/// The first pause between two attempts. It doubles each time, up to [`MAX_RETRY_INTERVAL`].
const FIRST_RETRY_INTERVAL: Duration = Duration::from_millis(5);
const MAX_RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// How often `commitTransaction` is sent while its result is unknown. After that, the data shows
/// what happened.
const MAX_COMMIT_ATTEMPTS: usize = 3;

/// Starts a session on the server, for transactions one after the other. The next transaction in a
/// session ends the one before. When the session is dropped, the server aborts its open
/// transaction.
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

/// Aborts the transaction. If the server cannot be reached, it aborts the transaction itself after
/// a while.
pub(super) async fn abort(session: &mut ClientSession) {
    // An error means that the transaction has ended already.
    let _ = session.abort_transaction().await;
}

const fn backoff() -> Backoff {
    Backoff::new(FIRST_RETRY_INTERVAL, MAX_RETRY_INTERVAL)
}

/// The attempts at one transaction.
#[derive(Debug)]
pub(super) struct Retry {
    backoff: Backoff,
    /// Whether an attempt may have succeeded although its reply was lost.
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
    /// If it is unknown whether the server has committed, the session is kept: the next transaction
    /// in it ends the one before. Otherwise the user stays locked for a minute if the commit never
    /// arrived.
    pub(super) async fn prepare(
        &mut self,
        error: Error,
        collections: &Collections,
        session: &mut ClientSession,
    ) -> Result<()> {
        let is_unknown = is_unknown(&error);
        self.outcome_unknown |= is_unknown;
        let can_retry = is_transient(&error) || is_unknown || is_connection(&error);
        // The driver has waited for a server for its full timeout. Only an unknown outcome
        // justifies waiting longer.
        let is_away = is_server_selection(&error) && !self.outcome_unknown;
        if !can_retry || is_away {
            return Err(error);
        }
        self.backoff.wait().await;
        if !is_unknown {
            *session = start_session(collections).await?;
        }
        Ok(())
    }
}
