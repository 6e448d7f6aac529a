//! A commit: one transaction that compares and sets the user's version, and writes sessions and alerts with it.
//!
//! A transaction and not one document, since a user's history has no end and a document has (16 MiB); the sessions
//! and alerts stand in collections of their own, and all or nothing of them is written.

use bson::{Document, RawDocumentBuf, doc};
use mongodb::{ClientSession, error::Error};

use super::{
    collections::Collections,
    documents::{AlertDocument, SessionDocument, UserDocument, id, integer, read},
    errors::{damaged, is_duplicate, unavailable},
    transaction::{Retry, finish, session, undo},
};
use crate::{
    domain::{Session, UserId, rules::SessionWrite},
    store::{BoxError, Commit, CommitError, StoreError},
};

/// The ids of the last commits that a user carries. The commit whose answer was lost may not be the last one when its
/// node asks for it: others may have committed since. This many would have to, within one deadline.
const KEPT_COMMITS: i32 = 16;

/// Why an attempt left nothing behind.
#[derive(Debug)]
enum Failure {
    Stale,
    /// Stale, by more commits than a user carries the ids of: this one may be among them.
    Overtaken,
    MobileTaken,
    Driver(Error),
    Damaged(StoreError),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Driver(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Damaged(error)
    }
}

pub(super) async fn commit(collections: &Collections, commit: &Commit) -> Result<(), CommitError> {
    let mut session = session(collections)
        .await
        .map_err(|error| unavailable(&error))?;
    let mut retry = Retry::default();
    loop {
        return match attempt(collections, commit, &mut session).await {
            Ok(()) => Ok(()),
            Err(Failure::Overtaken) if retry.outcome_unknown => {
                let error = "whether the commit was applied cannot be told any more";
                Err(StoreError::Unavailable(error.into()).into())
            }
            Err(Failure::Stale | Failure::Overtaken) => Err(CommitError::Stale),
            Err(Failure::MobileTaken) => Err(CommitError::MobileTaken),
            Err(Failure::Damaged(error)) => Err(error.into()),
            Err(Failure::Driver(error)) => {
                let retried = retry.after(error, collections, &mut session).await;
                retried.map_err(|error| unavailable(&error))?;
                continue;
            }
        };
    }
}

async fn attempt(
    collections: &Collections,
    commit: &Commit,
    session: &mut ClientSession,
) -> Result<(), Failure> {
    session.start_transaction().await?;
    let written = write(collections, commit, session).await;
    match written {
        Ok(()) => finish(session).await?,
        // After an error of its own the server has undone it.
        Err(Failure::Driver(_)) => {}
        Err(_) => undo(session).await,
    }
    written
}

async fn write(
    collections: &Collections,
    commit: &Commit,
    session: &mut ClientSession,
) -> Result<(), Failure> {
    match recorded(collections, commit, session).await? {
        // Applied by an attempt whose answer was lost. Committing what was read waits until a majority has it.
        Recorded::This => return Ok(()),
        Recorded::Version(0) if commit.expected_version == 0 => {
            insert_user(collections, commit, session).await?;
        }
        Recorded::Version(version) if version == integer(commit.expected_version) => {
            update_user(collections, commit, session).await?;
        }
        Recorded::Version(version) => {
            let later = version.saturating_sub(integer(commit.expected_version));
            return Err(if later > KEPT_COMMITS.into() {
                Failure::Overtaken
            } else {
                Failure::Stale
            });
        }
    }
    for write in &commit.sessions {
        match write {
            SessionWrite::Open(opened) => {
                let document = stored("session", SessionDocument::of(opened))?;
                collections
                    .sessions
                    .insert_one(document)
                    .session(&mut *session)
                    .await?;
            }
            SessionWrite::Change(changed) => change_session(collections, changed, session).await?,
            SessionWrite::ExpireUnseen(expired) => {
                expire_unseen(collections, expired, session).await?;
            }
        }
    }
    if !commit.alerts.is_empty() {
        let alerts = commit
            .alerts
            .iter()
            .map(|alert| stored("alert", AlertDocument::of(alert)));
        let alerts = alerts.collect::<Result<Vec<_>, _>>()?;
        collections
            .alerts
            .insert_many(alerts)
            .session(session)
            .await?;
    }
    Ok(())
}

/// What the user's document says of the commit.
enum Recorded {
    /// It was applied.
    This,
    /// It was not, as far as the ids go back: the user has this version, 0 where there is none.
    Version(i64),
}

/// The comparison of the compare-and-set. It holds until the transaction ends: where another one writes the user
/// after this read, the server lets this one fail when it writes the user itself.
async fn recorded(
    collections: &Collections,
    commit: &Commit,
    session: &mut ClientSession,
) -> Result<Recorded, Failure> {
    let users = collections.users.clone_with_type::<Document>();
    let user = users
        .find_one(doc! { "_id": id(commit.user.owner.id.as_uuid()) })
        .projection(doc! { "version": 1, "commits": 1 })
        .session(session)
        .await?;
    let Some(user) = user else {
        return Ok(Recorded::Version(0));
    };
    let this = id(commit.id.as_uuid()).into();
    let commits = user
        .get_array("commits")
        .map_err(|error| Failure::Damaged(damaged("user", error)))?;
    if commits.contains(&this) {
        return Ok(Recorded::This);
    }
    user.get_i64("version")
        .map(Recorded::Version)
        .map_err(|error| Failure::Damaged(damaged("user", error)))
}

async fn insert_user(
    collections: &Collections,
    commit: &Commit,
    session: &mut ClientSession,
) -> Result<(), Failure> {
    let mut document = user_fields(commit)?;
    document.insert("commits", vec![id(commit.id.as_uuid())]);
    let users = collections.users.clone_with_type::<Document>();
    users
        .insert_one(document)
        .session(&mut *session)
        .await
        .map_err(taken(Failure::Stale))?;
    let owner = &commit.user.owner;
    let claim = doc! { "_id": owner.mobile.as_str(), "user": id(owner.id.as_uuid()) };
    let mobiles = collections.mobiles.clone_with_type::<Document>();
    mobiles
        .insert_one(claim)
        .session(session)
        .await
        .map_err(taken(Failure::MobileTaken))?;
    Ok(())
}

async fn update_user(
    collections: &Collections,
    commit: &Commit,
    session: &mut ClientSession,
) -> Result<(), Failure> {
    let mut set = user_fields(commit)?;
    let filter = doc! { "_id": set.remove("_id") };
    let this = id(commit.id.as_uuid());
    let update = doc! {
        "$set": set,
        "$push": { "commits": { "$each": [this], "$slice": -KEPT_COMMITS } },
    };
    collections
        .users
        .update_one(filter, update)
        .session(session)
        .await?;
    Ok(())
}

/// The user's document but for the ids of its commits. `hint` says version and last alert in one value, which changes
/// with each commit: a change stream shows changed values only, and a commit without an alert must show its last one.
fn user_fields(commit: &Commit) -> Result<Document, Failure> {
    let user =
        UserDocument::of(&commit.user).and_then(|user| Ok(bson::serialize_to_document(&user)?));
    let mut user = user.map_err(|error| Failure::Damaged(damaged("user", error)))?;
    user.insert(
        "hint",
        format!("{}/{}", commit.user.version, commit.user.last_alert),
    );
    Ok(user)
}

async fn change_session(
    collections: &Collections,
    changed: &Session,
    session: &mut ClientSession,
) -> Result<(), Failure> {
    let change = SessionDocument::of(changed)
        .map_err(|error| Failure::Damaged(damaged("session", error)))?
        .change();
    collections
        .sessions
        .update_one(session_filter(changed), change)
        .session(session)
        .await?;
    Ok(())
}

/// A touch that comes after the read here makes the transaction fail and be tried again, which then finds it.
async fn expire_unseen(
    collections: &Collections,
    expired: &Session,
    session: &mut ClientSession,
) -> Result<(), Failure> {
    let stored = collections
        .sessions
        .find_one(session_filter(expired))
        .session(&mut *session)
        .await?;
    let Some(stored) = stored else { return Ok(()) };
    let stored = read::<SessionDocument>(&stored)?;
    if stored.last_seen_at > expired.last_seen_at {
        return Err(Failure::Stale);
    }
    change_session(collections, expired, session).await
}

fn session_filter(session: &Session) -> Document {
    doc! { "user": id(session.owner.id.as_uuid()), "number": integer(session.number) }
}

fn stored<T: serde::Serialize>(
    what: &'static str,
    document: Result<T, BoxError>,
) -> Result<RawDocumentBuf, Failure> {
    document
        .and_then(|document| Ok(bson::serialize_to_raw_document_buf(&document)?))
        .map_err(|error| Failure::Damaged(damaged(what, error)))
}

fn taken(failure: Failure) -> impl FnOnce(Error) -> Failure {
    move |error| {
        if is_duplicate(&error) {
            failure
        } else {
            Failure::Driver(error)
        }
    }
}

/// Erases a user in one transaction, so that no session outlives it. Retention bounds how much that is.
pub(super) async fn delete_user(
    collections: &Collections,
    user: UserId,
) -> Result<bool, StoreError> {
    let mut session = session(collections)
        .await
        .map_err(|error| unavailable(&error))?;
    let mut retry = Retry::default();
    loop {
        match delete(collections, user, &mut session).await {
            // Gone after an attempt without an answer: it was that attempt.
            Ok(deleted) => return Ok(deleted || retry.outcome_unknown),
            Err(error) => {
                let retried = retry.after(error, collections, &mut session).await;
                retried.map_err(|error| unavailable(&error))?;
            }
        }
    }
}

async fn delete(
    collections: &Collections,
    user: UserId,
    session: &mut ClientSession,
) -> Result<bool, Error> {
    session.start_transaction().await?;
    let id = id(user.as_uuid());
    let users = collections.users.clone_with_type::<Document>();
    // First, so that of this and a commit to the user at the same time one fails.
    let found = users
        .find_one_and_delete(doc! { "_id": id })
        .projection(doc! { "mobile": 1 })
        .session(&mut *session)
        .await?;
    let mobile = found.as_ref().and_then(|user| user.get_str("mobile").ok());
    if let Some(mobile) = mobile {
        collections
            .mobiles
            .delete_one(doc! { "_id": mobile, "user": id })
            .session(&mut *session)
            .await?;
    }
    if found.is_some() {
        collections
            .sessions
            .delete_many(doc! { "user": id })
            .session(&mut *session)
            .await?;
        collections
            .alerts
            .delete_many(doc! { "user": id })
            .session(&mut *session)
            .await?;
    }
    finish(session).await?;
    Ok(found.is_some())
}
