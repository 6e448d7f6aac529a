//! Transactions, and what to do when one fails for now.

use std::time::Duration;

use mongodb::{
    ClientSession,
    error::{Error, Result},
    options::{ReadConcern, TransactionOptions},
};

use super::{
    WRITE_LIMIT,
    collections::{Collections, durable, primary},
    errors::{is_connection, is_server_selection, is_transient, is_unknown},
};

/// How long until another attempt: doubled each time, up to [`PAUSE_MOST`].
const PAUSE_LEAST: Duration = Duration::from_millis(5);
const PAUSE_MOST: Duration = Duration::from_millis(500);

/// How often a commit whose result is unknown is asked for again, before the database is asked what it holds.
const COMMITS: usize = 3;

/// A session of the server's, for transactions one after the other. Beginning one ends what was left of the one
/// before. Dropped, it lets the server undo the one that is not committed.
pub(super) async fn session(collections: &Collections) -> Result<ClientSession> {
    let options = TransactionOptions::builder()
        .read_concern(ReadConcern::snapshot())
        .write_concern(durable())
        .selection_criteria(primary())
        .max_commit_time(WRITE_LIMIT)
        .build();
    collections
        .client
        .start_session()
        .default_transaction_options(options)
        .await
}

/// Commits. Asking again is safe: the server knows the transaction by its number.
pub(super) async fn finish(session: &mut ClientSession) -> Result<()> {
    let mut retry = Retry::default();
    for _ in 1..COMMITS {
        match session.commit_transaction().await {
            Err(error) if is_unknown(&error) && !is_server_selection(&error) => retry.pause().await,
            done => return done,
        }
    }
    session.commit_transaction().await
}

/// Undoes what a transaction has written. Where the server cannot be told, it finds out by itself.
pub(super) async fn undo(session: &mut ClientSession) {
    // An error says that the transaction is gone already.
    let _ = session.abort_transaction().await;
}

/// Attempts at one transaction.
#[derive(Debug)]
pub(super) struct Retry {
    next_pause: Duration,
    /// An attempt may have succeeded without an answer.
    pub outcome_unknown: bool,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            next_pause: PAUSE_LEAST,
            outcome_unknown: false,
        }
    }
}

impl Retry {
    /// Waits for another attempt after one that failed for now, and makes `session` ready for it. Hands back an error
    /// that is to stay.
    ///
    /// Where it is not known whether the server has committed, the session is kept: another transaction in it ends
    /// the one before, which would else keep the user locked for a minute if the commit never got there.
    pub(super) async fn after(
        &mut self,
        error: Error,
        collections: &Collections,
        session: &mut ClientSession,
    ) -> Result<()> {
        let is_unknown = is_unknown(&error);
        self.outcome_unknown |= is_unknown;
        let may_pass = is_transient(&error) || is_unknown || is_connection(&error);
        // The driver has looked for a server for as long as it may already; but what is not known is looked for on.
        let is_away = is_server_selection(&error) && !self.outcome_unknown;
        if !may_pass || is_away {
            return Err(error);
        }
        self.pause().await;
        if !is_unknown {
            *session = self::session(collections).await?;
        }
        Ok(())
    }

    async fn pause(&mut self) {
        tokio::time::sleep(self.next_pause).await;
        self.next_pause = (self.next_pause * 2).min(PAUSE_MOST);
    }
}
