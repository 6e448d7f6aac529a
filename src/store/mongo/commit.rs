//! A commit: one transaction that compares and sets the user's version, and writes sessions and alerts with it.
//!
//! A transaction and not one document, since a user's history has no end and a document has (16 MiB); the sessions
//! and alerts stand in collections of their own, and all or nothing of them is written.

use bson::{Document, RawDocumentBuf, doc};
use mongodb::{ClientSession, error::Error};

use super::{
    collections::Collections,
    documents::{AlertDocument, SessionDocument, UserDocument, date, id},
    errors::{damaged, is_duplicate, unavailable},
    transaction::{Retry, begin, finish, undo},
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
    /// The user is not as the commit expects, unless it is so because the commit was applied.
    Stale,
    MobileTaken,
    Driver(Error),
    Value(&'static str, BoxError),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Driver(error)
    }
}

pub(super) async fn commit(collections: &Collections, commit: &Commit) -> Result<(), CommitError> {
    let mut retry = Retry::default();
    loop {
        let refusal = match attempt(collections, commit).await {
            Ok(()) => return Ok(()),
            Err(Failure::Value(what, error)) => return Err(damaged(what, error).into()),
            Err(Failure::Driver(error)) => {
                retry.after(error).await.map_err(|error| unavailable(&error))?;
                None
            }
            Err(Failure::Stale) => Some(CommitError::Stale),
            Err(Failure::MobileTaken) => Some(CommitError::MobileTaken),
        };
        // Before it is refused, and before it is tried again, it is asked whether it was applied.
        if refusal.is_none() && !retry.outcome_unknown {
            continue;
        }
        match (trace(collections, commit).await, refusal) {
            (Ok(Trace::Applied), _) => return Ok(()),
            (Ok(Trace::TooOld), _) if retry.outcome_unknown => {
                let error = "whether the commit was applied cannot be told any more";
                return Err(StoreError::Unavailable(error.into()).into());
            }
            (Ok(_), Some(refusal)) => return Err(refusal),
            (Ok(_), None) => {}
            (Err(error), _) => retry.after(error).await.map_err(|error| unavailable(&error))?,
        }
    }
}

/// What is left of a commit in its user's document.
enum Trace {
    Applied,
    Nothing,
    /// More commits than a user carries the ids of have followed.
    TooOld,
}

async fn trace(collections: &Collections, commit: &Commit) -> Result<Trace, Error> {
    let user = collections
        .users
        .clone_with_type::<Document>()
        .find_one(doc! { "_id": id(commit.user.owner.id.as_uuid()) })
        .projection(doc! { "version": 1, "commits": 1 })
        .await?;
    let Some(user) = user else { return Ok(Trace::Nothing) };
    let this = id(commit.id.as_uuid()).into();
    if user.get_array("commits").is_ok_and(|commits| commits.contains(&this)) {
        return Ok(Trace::Applied);
    }
    let later = user.get_i64("version").unwrap_or(0).saturating_sub_unsigned(commit.expected_version);
    Ok(if later > KEPT_COMMITS.into() { Trace::TooOld } else { Trace::Nothing })
}

async fn attempt(collections: &Collections, commit: &Commit) -> Result<(), Failure> {
    let mut session = begin(collections).await?;
    match write(collections, commit, &mut session).await {
        Ok(()) => Ok(finish(session).await?),
        Err(failure) => {
            // After an error of its own the server has undone it.
            if !matches!(failure, Failure::Driver(_)) {
                undo(session).await;
            }
            Err(failure)
        }
    }
}

async fn write(
    collections: &Collections,
    commit: &Commit,
    session: &mut ClientSession,
) -> Result<(), Failure> {
    if commit.expected_version == 0 {
        insert_user(collections, commit, session).await?;
    } else {
        update_user(collections, commit, session).await?;
    }
    for write in &commit.sessions {
        match write {
            SessionWrite::Open(opened) => {
                let document = stored("session", SessionDocument::of(opened))?;
                collections.sessions.insert_one(document).session(&mut *session).await?;
            }
            SessionWrite::Change(changed) => {
                change_session(collections, changed, Document::new(), session).await?;
            }
            SessionWrite::ExpireUnseen(expired) => expire_unseen(collections, expired, session).await?,
        }
    }
    if !commit.alerts.is_empty() {
        let alerts = commit.alerts.iter().map(|alert| stored("alert", AlertDocument::of(alert)));
        let alerts = alerts.collect::<Result<Vec<_>, _>>()?;
        collections.alerts.insert_many(alerts).session(session).await?;
    }
    Ok(())
}

async fn insert_user(
    collections: &Collections,
    commit: &Commit,
    session: &mut ClientSession,
) -> Result<(), Failure> {
    let mut document = user_fields(commit)?;
    document.insert("commits", vec![id(commit.id.as_uuid())]);
    let users = collections.users.clone_with_type::<Document>();
    users.insert_one(document).session(&mut *session).await.map_err(taken(Failure::Stale))?;
    let owner = &commit.user.owner;
    let claim = doc! { "_id": owner.mobile.as_str(), "user": id(owner.id.as_uuid()) };
    let mobiles = collections.mobiles.clone_with_type::<Document>();
    mobiles.insert_one(claim).session(session).await.map_err(taken(Failure::MobileTaken))?;
    Ok(())
}

/// Of two transactions that write one user at once, the server lets one fail: that is what decides a race.
async fn update_user(
    collections: &Collections,
    commit: &Commit,
    session: &mut ClientSession,
) -> Result<(), Failure> {
    let mut set = user_fields(commit)?;
    let filter = doc! { "_id": set.remove("_id"), "version": version(commit.expected_version)? };
    let this = id(commit.id.as_uuid());
    let update = doc! {
        "$set": set,
        "$push": { "commits": { "$each": [this], "$slice": -KEPT_COMMITS } },
    };
    let updated = collections.users.update_one(filter, update).session(session).await?;
    if updated.matched_count == 0 { Err(Failure::Stale) } else { Ok(()) }
}

/// The user's document but for the ids of its commits. `hint` says version and last alert in one value, which changes
/// with each commit: a change stream shows changed values only, and a commit without an alert must show its last one.
fn user_fields(commit: &Commit) -> Result<Document, Failure> {
    let user = UserDocument::of(&commit.user).and_then(|user| Ok(bson::serialize_to_document(&user)?));
    let mut user = user.map_err(|error| Failure::Value("user", error))?;
    user.insert("hint", format!("{}/{}", commit.user.version, commit.user.last_alert));
    Ok(user)
}

async fn change_session(
    collections: &Collections,
    changed: &Session,
    condition: Document,
    session: &mut ClientSession,
) -> Result<bool, Failure> {
    let mut filter = session_filter(changed);
    filter.extend(condition);
    let change = SessionDocument::of(changed).map_err(|error| Failure::Value("session", error))?.change();
    let updated = collections.sessions.update_one(filter, change).session(session).await?;
    Ok(updated.matched_count > 0)
}

/// A touch that comes while the transaction runs makes it fail and be tried again, which then finds it here.
async fn expire_unseen(
    collections: &Collections,
    expired: &Session,
    session: &mut ClientSession,
) -> Result<(), Failure> {
    let unseen = doc! { "last_seen_at": { "$lte": date(expired.last_seen_at) } };
    if change_session(collections, expired, unseen, session).await? {
        return Ok(());
    }
    let is_there = collections.sessions.find_one(session_filter(expired)).session(session).await?.is_some();
    if is_there { Err(Failure::Stale) } else { Ok(()) }
}

fn session_filter(session: &Session) -> Document {
    doc! { "_id": id(session.key.as_uuid()), "user": id(session.owner.id.as_uuid()) }
}

fn stored<T: serde::Serialize>(
    what: &'static str,
    document: Result<T, BoxError>,
) -> Result<RawDocumentBuf, Failure> {
    document
        .and_then(|document| Ok(bson::serialize_to_raw_document_buf(&document)?))
        .map_err(|error| Failure::Value(what, error))
}

fn version(number: u64) -> Result<i64, Failure> {
    number.try_into().map_err(|_| Failure::Value("user", "the version is out of range".into()))
}

fn taken(failure: Failure) -> impl FnOnce(Error) -> Failure {
    move |error| if is_duplicate(&error) { failure } else { Failure::Driver(error) }
}

/// Erases a user in one transaction, so that no session outlives it. Retention bounds how much that is.
pub(super) async fn delete_user(collections: &Collections, user: UserId) -> Result<bool, StoreError> {
    let mut retry = Retry::default();
    loop {
        match delete(collections, user).await {
            // Gone after an attempt without an answer: it was that attempt.
            Ok(deleted) => return Ok(deleted || retry.outcome_unknown),
            Err(error) => retry.after(error).await.map_err(|error| unavailable(&error))?,
        }
    }
}

async fn delete(collections: &Collections, user: UserId) -> Result<bool, Error> {
    let mut session = begin(collections).await?;
    let id = id(user.as_uuid());
    let users = collections.users.clone_with_type::<Document>();
    // First, so that a commit to the user at the same time fails.
    let found = users
        .find_one_and_delete(doc! { "_id": id })
        .projection(doc! { "mobile": 1 })
        .session(&mut session)
        .await?;
    let Some(found) = found else {
        undo(session).await;
        return Ok(false);
    };
    if let Ok(mobile) = found.get_str("mobile") {
        collections.mobiles.delete_one(doc! { "_id": mobile, "user": id }).session(&mut session).await?;
    }
    collections.sessions.delete_many(doc! { "user": id }).session(&mut session).await?;
    collections.alerts.delete_many(doc! { "user": id }).session(&mut session).await?;
    finish(session).await?;
    Ok(true)
}
