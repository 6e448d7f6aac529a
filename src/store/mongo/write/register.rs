//! Registers a user: claims the mobile number, and then inserts the user.

use std::time::Duration;

use super::{
    super::{
        claims::{self, Claim},
        collections::Collections,
        errors::is_duplicate,
        records::id,
        retry::Retry,
    },
    change::new_document,
    outcome::{self, Outcome},
    unproven,
};
use crate::{
    backoff::Backoff,
    store::{Commit, CommitError, StoreError},
};

/// The pauses before a claim is read again whose user is being registered by another commit.
const FIRST_CLAIM_INTERVAL: Duration = Duration::from_millis(10);
const MAX_CLAIM_INTERVAL: Duration = Duration::from_millis(200);

/// The number of times that such a claim is read.
const MAX_CLAIM_READS: usize = 5;

pub(super) async fn register(
    collections: &Collections,
    commit: &Commit,
) -> Result<(), CommitError> {
    let mut retry = Retry::new();
    claim(collections, commit, &mut retry).await?;
    let document = new_document(commit)?;
    let users = collections.users.clone_with_type::<bson::Document>();
    loop {
        match users.insert_one(&document).await {
            Ok(_) => return Ok(()),
            Err(error) if is_duplicate(&error) => {}
            Err(error) => {
                retry.after_write(&error).await?;
                continue;
            }
        }
        match outcome::read(collections, commit, &mut retry).await? {
            Outcome::Applied => return Ok(()),
            Outcome::Unproven => return Err(unproven(&retry)),
            Outcome::Stale | Outcome::TailFull | Outcome::Open => {
                // The user exists already, or another registration has fenced this one, or the user
                // was deleted since. Only a user who exists keeps the number.
                let owner = &commit.user.owner;
                claims::release_orphan(collections, &owner.mobile, owner.id)
                    .await
                    .map_err(|error| super::super::errors::unavailable(&error))?;
                return Err(CommitError::Stale);
            }
        }
    }
}

/// Claims the number for the user of this commit.
async fn claim(
    collections: &Collections,
    commit: &Commit,
    retry: &mut Retry,
) -> Result<(), CommitError> {
    let mut backoff = Backoff::new(FIRST_CLAIM_INTERVAL, MAX_CLAIM_INTERVAL);
    let mut reads = 0;
    loop {
        match claims::claim(collections, &commit.user).await {
            Ok(Claim::Ours) => return Ok(()),
            Ok(Claim::Taken) => return Err(CommitError::MobileTaken),
            Ok(Claim::Lost) => {}
            Ok(Claim::Young) => {
                reads += 1;
                if reads == MAX_CLAIM_READS {
                    let user = id(commit.user.owner.id.as_uuid());
                    tracing::debug!(%user, "the mobile number is claimed by a registration");
                    let error = "another registration of the mobile number is not finished";
                    return Err(StoreError::Unavailable(error.into()).into());
                }
                backoff.wait().await;
            }
            Err(error) => retry.after_write(&error).await?,
        }
    }
}
