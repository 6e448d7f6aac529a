//! Reading a user together with the sessions that it names.

use bson::{RawDocumentBuf, doc, spec::BinarySubtype};
use futures_util::TryStreamExt;
use mongodb::error::Error;

use super::{
    collections::Collections,
    documents::{SessionDocument, StoredUser, UserDocument, id, read},
    errors::{damaged, unavailable},
};
use crate::{
    domain::{Session, SessionKey, Status, UserId, UserState},
    store::StoreError,
};

/// The user, and its open sessions, asked for at once and without a transaction.
///
/// A commit may fall between the two reads. It is noticed: nothing of a session but its status and its last request
/// ever changes, and a status never comes back, so where each session that the user names has the status that it is
/// named for, the two belong to one version. Where not, both are read again; where nothing was committed meanwhile,
/// the documents contradict each other for good.
pub(super) async fn user(
    collections: &Collections,
    user: UserId,
) -> Result<Option<UserState>, StoreError> {
    let mut contradicted = None;
    loop {
        let (stored, open) =
            tokio::try_join!(user_document(collections, user), open(collections, user))
                .map_err(|error| unavailable(&error))?;
        let Some(stored) = stored else {
            return Ok(None);
        };
        let stored = read::<UserDocument>(&stored)?;
        let version = stored.user.version;
        if let Some(user) = join(stored, &open)? {
            return Ok(Some(user));
        }
        if contradicted == Some(version) {
            return Err(damaged(
                "user",
                "it names a session that is not there, or has ended",
            ));
        }
        contradicted = Some(version);
    }
}

async fn user_document(
    collections: &Collections,
    user: UserId,
) -> Result<Option<RawDocumentBuf>, Error> {
    collections
        .users
        .find_one(doc! { "_id": id(user.as_uuid()) })
        .await
}

async fn open(collections: &Collections, user: UserId) -> Result<Vec<RawDocumentBuf>, Error> {
    let filter = doc! { "user": id(user.as_uuid()), "open": true };
    collections.sessions.find(filter).await?.try_collect().await
}

fn join(stored: StoredUser, open: &[RawDocumentBuf]) -> Result<Option<UserState>, StoreError> {
    let StoredUser {
        mut user,
        active,
        pending,
    } = stored;
    user.active = named(active, open)?;
    user.pending = named(pending, open)?;
    let is_active = |session: &Session| session.status == Status::Active;
    let agrees = user.active.is_some() == active.is_some()
        && user.pending.is_some() == pending.is_some()
        && user.active.as_ref().is_none_or(is_active)
        && user
            .pending
            .as_ref()
            .is_none_or(|session| session.attempt().is_some());
    Ok(agrees.then_some(user))
}

/// Reads the named session only: another one, damaged, is no matter here.
fn named(key: Option<SessionKey>, open: &[RawDocumentBuf]) -> Result<Option<Session>, StoreError> {
    let Some(key) = key else { return Ok(None) };
    let is_it = |document: &&RawDocumentBuf| {
        document.get_binary("_id").is_ok_and(|id| {
            id.subtype == BinarySubtype::Uuid && id.bytes == key.as_uuid().as_bytes()
        })
    };
    open.iter()
        .find(is_it)
        .map(|document| read::<SessionDocument>(document))
        .transpose()
}
