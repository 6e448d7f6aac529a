//! Applies a commit: one update of one document, which compares and sets the user's version.

mod change;
mod fence;
mod outcome;
mod register;

pub(super) use self::fence::fence;
use self::{change::Change, outcome::Outcome};
use super::{archive, collections::Collections, errors::damaged, retry::Retry};
use crate::store::{Commit, CommitError, StoreError};

/// Applies the commit. The caller limits the time.
///
/// Every attempt sends the same update. If the server has applied an earlier attempt, the filter
/// does not match, and the document shows what has happened.
pub(super) async fn commit(collections: &Collections, commit: &Commit) -> Result<(), CommitError> {
    check_numbers(commit)?;
    if commit.expected_version == 0 {
        return register::register(collections, commit).await;
    }
    let Change { filter, update } = Change::of(commit)?;
    let mut retry = Retry::new();
    loop {
        let attempt = collections.users.update_one(filter.clone(), update.clone());
        match attempt.await {
            Ok(result) if result.matched_count > 0 => return Ok(()),
            Ok(_) => {}
            Err(error) => {
                retry.after_write(&error).await?;
                continue;
            }
        }
        match outcome::read(collections, commit, &mut retry).await? {
            Outcome::Applied => return Ok(()),
            Outcome::Stale => return Err(CommitError::Stale),
            Outcome::Unproven => return Err(unproven(&retry)),
            Outcome::TailFull => archive::archive(collections, commit.user.owner.id).await?,
            Outcome::Open => retry.pause().await,
        }
    }
}

/// The result of a commit that left no evidence. Without an unknown outcome, no attempt can have
/// applied it.
fn unproven(retry: &Retry) -> CommitError {
    if retry.is_outcome_unknown() {
        let error = "it is unknown whether the commit was applied";
        StoreError::Unavailable(error.into()).into()
    } else {
        CommitError::Stale
    }
}

/// Rejects a commit whose alerts are not the last ones of the user's log. The update would replace
/// an alert, or leave a gap.
fn check_numbers(commit: &Commit) -> Result<(), StoreError> {
    let sequences = commit.alerts.iter().rev().map(|alert| alert.sequence);
    let expected = (0..=commit.user.last_alert).rev();
    let is_numbered = sequences.zip(expected).all(|(found, next)| found == next);
    let has_place = commit.alerts.len() as u64 <= commit.user.last_alert;
    if is_numbered && has_place {
        Ok(())
    } else {
        Err(damaged("alert", "it is not the next one of the log"))
    }
}
