//! What has become of a commit whose update matched no document, or whose response was lost.

use bson::{Document, doc};
use mongodb::error::Error;

use super::{
    super::{
        collections::Collections,
        errors::damaged,
        records::{AlertDocument, Entry, SessionDocument, StoredUser, id, integer, millis},
        retry::Retry,
    },
    change::{MAX_RECENT_COMMITS, expires_unseen, min_archived, slot_of},
};
use crate::{
    domain::rules::SessionWrite,
    store::{Commit, StoreError},
};

/// What a read of a majority's data shows about a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The commit was applied.
    Applied,
    /// The commit was not applied, and never will be: another commit, a deletion or a touch was
    /// first.
    Stale,
    /// The tail has no place for the commit. It may be applied after the tail is archived.
    TailFull,
    /// The user has the expected version, so the commit may still be applied.
    Open,
    /// More commits followed than the document keeps ids of, and this commit left no other evidence.
    Unproven,
}

/// Reads the outcome. Repeats a failed read if that helps.
pub(super) async fn read(
    collections: &Collections,
    commit: &Commit,
    retry: &mut Retry,
) -> Result<Outcome, StoreError> {
    loop {
        let user = id(commit.user.owner.id.as_uuid());
        let found = match collections.users.find_one(doc! { "_id": user }).await {
            Ok(found) => found.and_then(StoredUser::new),
            Err(error) => {
                retry.after_read(&error).await?;
                continue;
            }
        };
        let Some(user) = found else {
            return Ok(Outcome::Stale);
        };
        if let Some(outcome) = in_document(commit, &user)? {
            return Ok(outcome);
        }
        match is_in_history(collections, commit).await {
            Ok(true) => return Ok(Outcome::Applied),
            Ok(false) => return Ok(Outcome::Unproven),
            Err(error) => retry.after_read(&error).await?,
        }
    }
}

/// The outcome that the user's document proves. `None` if the evidence may be in the history.
fn in_document(commit: &Commit, user: &StoredUser) -> Result<Option<Outcome>, StoreError> {
    let expected = integer(commit.expected_version);
    let later = user.version()?.saturating_sub(expected);
    if later < 0 {
        return Ok(Some(Outcome::Stale));
    }
    if later == 0 {
        return at_expected_version(commit, user).map(Some);
    }
    if user.has_commit(&slot_of(commit), &id(commit.id.as_uuid())) {
        return Ok(Some(Outcome::Applied));
    }
    if later <= integer(MAX_RECENT_COMMITS) {
        return Ok(Some(Outcome::Stale));
    }
    let has_field = |value: Option<&bson::RawDocument>, field: &str, expected: &bson::Uuid| {
        let binary = value.and_then(|entry| entry.get_binary(field).ok());
        binary.is_some_and(|binary| binary.bytes == expected.bytes())
    };
    if let Some((number, key)) = opened(commit) {
        let sessions = user.entries::<SessionDocument>();
        if let Some((_, session)) = sessions.iter().find(|(found, _)| *found == number) {
            let is_ours = has_field(session.as_document(), "key", &key);
            return Ok(Some(if is_ours {
                Outcome::Applied
            } else {
                Outcome::Stale
            }));
        }
    }
    if let Some(sequence) = last_alert(commit) {
        let alerts = user.entries::<AlertDocument>();
        if let Some((_, alert)) = alerts.iter().find(|(found, _)| *found == sequence) {
            let is_ours = has_field(alert.as_document(), "commit", &id(commit.id.as_uuid()));
            return Ok(Some(if is_ours {
                Outcome::Applied
            } else {
                Outcome::Stale
            }));
        }
    }
    Ok(None)
}

/// The reason why the update did not match although the user has the expected version.
fn at_expected_version(commit: &Commit, user: &StoredUser) -> Result<Outcome, StoreError> {
    if let Some(session) = expires_unseen(commit) {
        let seen = user.last_seen_of_active(session.key);
        let seen = seen.ok_or_else(|| damaged("user", "its active session is another one"))?;
        if seen > millis(session.last_seen_at) {
            return Ok(Outcome::Stale);
        }
    }
    let is_full = match min_archived(commit) {
        Some(archived) => user.archived()? < integer(archived),
        None => false,
    };
    Ok(if is_full {
        Outcome::TailFull
    } else {
        Outcome::Open
    })
}

async fn is_in_history(collections: &Collections, commit: &Commit) -> Result<bool, Error> {
    let user = id(commit.user.owner.id.as_uuid());
    let exists = async |history: &mongodb::Collection<_>, filter: Document| {
        let found = history
            .find_one(filter)
            .projection(doc! { "_id": 1 })
            .await?;
        Ok::<_, Error>(found.is_some())
    };
    if let Some((number, key)) = opened(commit) {
        let filter = doc! { "user": user, SessionDocument::NUMBER: number, "_id": key };
        if exists(&collections.sessions, filter).await? {
            return Ok(true);
        }
    }
    if let Some(sequence) = last_alert(commit) {
        let commit = id(commit.id.as_uuid());
        let filter = doc! { "user": user, AlertDocument::NUMBER: sequence, "commit": commit };
        return exists(&collections.alerts, filter).await;
    }
    Ok(false)
}

/// The number and the key of the session that the commit opens.
fn opened(commit: &Commit) -> Option<(i64, bson::Uuid)> {
    commit.sessions.iter().find_map(|write| match write {
        SessionWrite::Open(session) => Some((integer(session.number), id(session.key.as_uuid()))),
        _ => None,
    })
}

/// The sequence of the last alert that the commit adds.
fn last_alert(commit: &Commit) -> Option<i64> {
    commit.alerts.last().map(|alert| integer(alert.sequence))
}
