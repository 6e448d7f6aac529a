//! Applies a commit: one transaction compares and sets the user's version, and writes the sessions
//! and alerts.
//!
//! Sessions and alerts are in separate collections, because a document is limited to 16 MiB and a
//! user's history is not. The transaction writes all of them or none.

mod user;

use bson::{Document, RawDocumentBuf, doc};
use mongodb::{ClientSession, error::Error, options::UpdateModifications};

use self::user::{insert_user, update_user};
use super::{
    collections::Collections,
    errors::{damaged, unavailable},
    records::{AlertDocument, SessionDocument, decode, id, integer},
    transaction::{Retry, abort, commit_transaction, start_session},
};
use crate::{
    domain::{Session, rules::SessionWrite},
    store::{BoxError, Commit, CommitError, StoreError},
};

/// The maximum number of recent commit ids that a user's document keeps. If the reply to a commit
/// was lost, the node searches for the commit's id. The id is missing only if at least this many
/// other commits followed within one transaction timeout.
const MAX_RECENT_COMMITS: i32 = 16;

/// The reason why an attempt wrote nothing.
#[derive(Debug)]
enum Failure {
    Stale,
    /// Stale, and more commits followed than the user's document keeps ids of. This commit may be
    /// one of them.
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
    let mut session = start_session(collections)
        .await
        .map_err(|error| unavailable(&error))?;
    let mut retry = Retry::new();
    loop {
        match attempt(collections, commit, &mut session).await {
            Ok(()) => return Ok(()),
            Err(Failure::Overtaken) if retry.outcome_unknown => {
                let error = "it is unknown whether the commit was applied";
                return Err(StoreError::Unavailable(error.into()).into());
            }
            Err(Failure::Stale | Failure::Overtaken) => return Err(CommitError::Stale),
            Err(Failure::MobileTaken) => return Err(CommitError::MobileTaken),
            Err(Failure::Damaged(error)) => return Err(error.into()),
            Err(Failure::Driver(error)) => retry
                .prepare(error, collections, &mut session)
                .await
                .map_err(|error| unavailable(&error))?,
        }
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
        Ok(()) => commit_transaction(session).await?,
        // The server aborts a transaction when it reports an error.
        Err(Failure::Driver(_)) => {}
        Err(_) => abort(session).await,
    }
    written
}

async fn write(
    collections: &Collections,
    commit: &Commit,
    session: &mut ClientSession,
) -> Result<(), Failure> {
    match recorded(collections, commit, session).await? {
        // An attempt whose reply was lost has applied it. The commit of this read-only transaction
        // waits until a majority has the data.
        Recorded::This => return Ok(()),
        Recorded::Version(0) if commit.expected_version == 0 => {
            insert_user(collections, commit, session).await?;
        }
        Recorded::Version(version) if version == integer(commit.expected_version) => {
            update_user(collections, commit, session).await?;
        }
        Recorded::Version(version) => {
            let later = version.saturating_sub(integer(commit.expected_version));
            return Err(if later > MAX_RECENT_COMMITS.into() {
                Failure::Overtaken
            } else {
                Failure::Stale
            });
        }
    }
    for write in &commit.sessions {
        match write {
            SessionWrite::Open(opened) => {
                let document = encode("session", SessionDocument::of(opened))?;
                collections
                    .sessions
                    .insert_one(document)
                    .session(&mut *session)
                    .await?;
            }
            SessionWrite::Change(changed) => change_session(collections, changed, session).await?,
            SessionWrite::Renew(renewed) => {
                let renewal = session_document(renewed)?.into_renewal();
                update_session(collections, renewed, renewal, session).await?;
            }
            SessionWrite::ExpireIdle(expired) => {
                expire_idle(collections, expired, session).await?;
            }
            SessionWrite::SetBack(set_back) => {
                let change = session_document(set_back)?.into_set_back();
                update_session(collections, set_back, change, session).await?;
            }
        }
    }
    if !commit.alerts.is_empty() {
        let alerts = commit
            .alerts
            .iter()
            .map(|alert| encode("alert", AlertDocument::of(alert)))
            .collect::<Result<Vec<_>, _>>()?;
        collections
            .alerts
            .insert_many(alerts)
            .session(session)
            .await?;
    }
    Ok(())
}

/// The state of a commit in the user's document.
enum Recorded {
    /// The commit was applied.
    This,
    /// The commit is not among the recent ones. The user has this version, or 0 if the user does
    /// not exist.
    Version(i64),
}

/// Reads the version for the compare-and-set. The comparison holds until the transaction ends: if
/// another transaction writes the user after this read, the server rejects this transaction's write
/// of the user.
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

async fn change_session(
    collections: &Collections,
    changed: &Session,
    session: &mut ClientSession,
) -> Result<(), Failure> {
    let change = session_document(changed)?.into_update();
    update_session(collections, changed, change, session).await
}

async fn update_session(
    collections: &Collections,
    stored: &Session,
    update: impl Into<UpdateModifications>,
    session: &mut ClientSession,
) -> Result<(), Failure> {
    collections
        .sessions
        .update_one(session_filter(stored), update)
        .session(session)
        .await?;
    Ok(())
}

fn session_document(session: &Session) -> Result<SessionDocument, Failure> {
    SessionDocument::of(session).map_err(|error| Failure::Damaged(damaged("session", error)))
}

/// Ends a session because of its idle time, unless a touch has recorded a later request. If a touch
/// follows this read, the transaction fails, and its retry finds the touch.
async fn expire_idle(
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
    let stored = decode::<SessionDocument>(&stored)?;
    if stored.last_seen_at > expired.last_seen_at {
        return Err(Failure::Stale);
    }
    change_session(collections, expired, session).await
}

fn session_filter(session: &Session) -> Document {
    doc! { "user": id(session.owner.id.as_uuid()), "number": integer(session.number) }
}

fn encode<T: serde::Serialize>(
    record: &'static str,
    document: Result<T, BoxError>,
) -> Result<RawDocumentBuf, Failure> {
    document
        .and_then(|document| Ok(bson::serialize_to_raw_document_buf(&document)?))
        .map_err(|error| Failure::Damaged(damaged(record, error)))
}
