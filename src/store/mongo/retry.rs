//! Retries of writes whose outcome is unknown.

use std::time::Duration;

use mongodb::error::{Error, ErrorKind};

use super::errors::{code, is_server_selection, unavailable};
use crate::{backoff::Backoff, store::StoreError};

/// The first pause between two attempts. Each further pause is twice as long, up to
/// [`MAX_RETRY_INTERVAL`].
const FIRST_RETRY_INTERVAL: Duration = Duration::from_millis(5);
const MAX_RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// The server's error codes that mean that it has not applied a write and never will: it rejects
/// the command, the document, or the user.
const REFUSALS: [i32; 17] = [
    2, 9, 13, 14, 18, 40, 52, 54, 66, 72, 73, 121, 8000, 10334, 11000, 17419, 17420,
];

/// The attempts at one idempotent write. The caller limits the time of all attempts.
#[derive(Debug)]
pub(super) struct Retry {
    backoff: Backoff,
    /// True if an attempt may have been applied, or may still be, although it failed.
    outcome_unknown: bool,
}

impl Retry {
    pub(super) const fn new() -> Self {
        Self {
            backoff: Backoff::new(FIRST_RETRY_INTERVAL, MAX_RETRY_INTERVAL),
            outcome_unknown: false,
        }
    }

    pub(super) const fn is_outcome_unknown(&self) -> bool {
        self.outcome_unknown
    }

    /// Waits until the next attempt is due.
    pub(super) async fn pause(&mut self) {
        self.backoff.wait().await;
    }

    /// Waits until a failed write may be repeated. Returns the error if that does not help. A
    /// write-concern error and a timeout are unknown outcomes too: the server has applied the
    /// write, or may have.
    pub(super) async fn after_write(&mut self, error: &Error) -> Result<(), StoreError> {
        if is_refusal(error) {
            return Err(unavailable(error));
        }
        self.outcome_unknown |= !is_server_selection(error);
        self.after_read(error).await
    }

    /// Waits until a failed read may be repeated. Returns the error if that does not help.
    pub(super) async fn after_read(&mut self, error: &Error) -> Result<(), StoreError> {
        // After a failed server selection, the driver has already waited for its full timeout. Only
        // an unknown outcome justifies waiting longer.
        let has_waited = is_server_selection(error) && !self.outcome_unknown;
        if is_refusal(error) || has_waited {
            return Err(unavailable(error));
        }
        self.pause().await;
        Ok(())
    }
}

fn is_refusal(error: &Error) -> bool {
    match &*error.kind {
        ErrorKind::Authentication { .. }
        | ErrorKind::InvalidArgument { .. }
        | ErrorKind::InvalidTlsConfig { .. }
        | ErrorKind::BsonSerialization(_)
        | ErrorKind::Shutdown => true,
        _ => code(error).is_some_and(|code| REFUSALS.contains(&code)),
    }
}
