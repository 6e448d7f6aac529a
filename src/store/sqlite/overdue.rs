//! Finding the users with overdue sessions.
//!
//! A user has one expiry check, not later than the first of its open sessions expires. Requests and
//! logins extend the sessions and leave the check where it is, so most checks that are due find that
//! nothing has expired. They are then moved to the present time of the expiry, which takes a write,
//! at most once in an idle timeout for each user.

use super::{SqliteStore, maintenance, writer::Command};
use crate::{
    domain::{Timestamp, UserId},
    store::StoreError,
};

impl SqliteStore {
    /// Returns the users of whom a session has expired at `now`, at most `limit`, the longest
    /// overdue first.
    pub(super) async fn find_overdue(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<UserId>, StoreError> {
        let mut overdue = Vec::new();
        let mut after = None;
        while overdue.len() < limit {
            let checks = self
                .readers
                .scan("user", move |connection| {
                    maintenance::expiry_checks(connection, now, after, limit)
                })
                .await?;
            let is_last = checks.len() < limit;
            after = checks.last().copied();
            let (expired, open): (Vec<_>, Vec<_>) = checks
                .into_iter()
                .partition(|check| check.expires_at.is_some_and(|at| at <= now));
            overdue.extend(expired);
            if !open.is_empty() {
                let users = open.into_iter().map(|check| check.user).collect();
                self.write(|reply| Command::MoveExpiryChecks { users, reply })
                    .await?;
            }
            if is_last {
                break;
            }
        }
        overdue.sort_by_key(|check| check.expires_at);
        overdue.truncate(limit);
        Ok(overdue.into_iter().map(|check| check.user).collect())
    }
}
