//! Queries for single users, sessions and alerts, and for pages of them.

use bson::{Binary, Document, RawDocumentBuf, doc, spec::BinarySubtype};
use futures_util::TryStreamExt;
use mongodb::{Collection, error::Error};

use super::{
    collections::Collections,
    errors::{damaged, unavailable},
    maintenance::server_limit,
    records::{
        AlertDocument, Record, SessionDocument, StoredUser, UserDocument, binary, decode, id,
        integer, user_id,
    },
};
use crate::{
    domain::{Alert, AlertId, Mobile, Session, SessionKey, Status, TokenHash, UserId, UserState},
    store::{Page, Slice, StoreError},
};

/// The number of mismatches at one version that prove damaged data: see [`user`].
const MISMATCHES_OF_DAMAGED_DATA: usize = 3;

/// Reads the user and its open sessions at the same time, without a transaction.
///
/// A commit between the two reads is detected if it changed the status of a session: a session
/// never returns to an earlier status. If each session that the user refers to has the expected
/// status, the user and the sessions are of the same version, apart from a token, a device or
/// instants that a later commit may have written. A decision on this state is then stale. If a
/// status differs, both are read again. The stored data is damaged if they do not match three times
/// although the user's version stays the same: the second read of the sessions then began after the
/// first read of the user and ended before the third one, so no commit was in between.
pub(super) async fn user(
    collections: &Collections,
    user: UserId,
) -> Result<Option<UserState>, StoreError> {
    let mut mismatched_versions = Vec::new();
    loop {
        let (stored, open) = tokio::try_join!(
            user_document(collections, user),
            open_sessions(collections, user)
        )
        .map_err(|error| unavailable(&error))?;
        let Some(stored) = stored else {
            return Ok(None);
        };
        let stored = decode::<UserDocument>(&stored)?;
        let version = stored.user.version;
        if let Some(user) = join(stored, &open)? {
            return Ok(Some(user));
        }
        mismatched_versions.retain(|mismatched| *mismatched == version);
        mismatched_versions.push(version);
        if mismatched_versions.len() == MISMATCHES_OF_DAMAGED_DATA {
            return Err(damaged(
                "user",
                "it refers to a session that does not exist or has ended",
            ));
        }
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

async fn open_sessions(
    collections: &Collections,
    user: UserId,
) -> Result<Vec<RawDocumentBuf>, Error> {
    let filter = doc! { "user": id(user.as_uuid()), "open": true };
    collections.sessions.find(filter).await?.try_collect().await
}

/// Adds the active and the pending session to the user. Returns `None` if the sessions are of
/// another version.
fn join(stored: StoredUser, open: &[RawDocumentBuf]) -> Result<Option<UserState>, StoreError> {
    let StoredUser {
        mut user,
        active,
        pending,
    } = stored;
    user.active = find_session(active, open)?;
    user.pending = find_session(pending, open)?;
    let is_active = |session: &Session| session.status == Status::Active;
    let is_pending = |session: &Session| session.attempt().is_some();
    let same_version = user.active.is_some() == active.is_some()
        && user.pending.is_some() == pending.is_some()
        && user.active.as_ref().is_none_or(is_active)
        && user.pending.as_ref().is_none_or(is_pending);
    Ok(same_version.then_some(user))
}

/// Decodes only the session with this key, because other documents may be damaged.
fn find_session(
    key: Option<SessionKey>,
    open: &[RawDocumentBuf],
) -> Result<Option<Session>, StoreError> {
    let Some(key) = key else { return Ok(None) };
    let has_key = |document: &&RawDocumentBuf| {
        document.get_binary("_id").is_ok_and(|id| {
            id.subtype == BinarySubtype::Uuid && id.bytes == key.as_uuid().as_bytes()
        })
    };
    open.iter()
        .find(has_key)
        .map(|document| decode::<SessionDocument>(document))
        .transpose()
}

pub(super) async fn user_by_mobile(
    collections: &Collections,
    mobile: &Mobile,
) -> Result<Option<UserState>, StoreError> {
    let claim = collections
        .mobiles
        .find_one(doc! { "_id": mobile.as_str() })
        .await
        .map_err(|error| unavailable(&error))?;
    let Some(claim) = claim else {
        return Ok(None);
    };
    let owner = claim
        .get_binary("user")
        .map_err(|error| damaged("mobile number", error))?;
    let owner = Binary {
        subtype: owner.subtype,
        bytes: owner.bytes.to_vec(),
    }
    .to_uuid()
    .map_err(|error| damaged("mobile number", error))?;
    user(collections, user_id(owner)).await
}

pub(super) async fn session_by_token(
    collections: &Collections,
    user: UserId,
    hash: &TokenHash,
) -> Result<Option<Session>, StoreError> {
    let filter = doc! { "user": id(user.as_uuid()), "token_hash": binary(hash.as_bytes()) };
    one::<SessionDocument>(&collections.sessions, filter).await
}

pub(super) async fn session(
    collections: &Collections,
    user: UserId,
    key: SessionKey,
) -> Result<Option<Session>, StoreError> {
    let filter = doc! { "_id": id(key.as_uuid()), "user": id(user.as_uuid()) };
    one::<SessionDocument>(&collections.sessions, filter).await
}

pub(super) async fn sessions_by_key(
    collections: &Collections,
    keys: &[SessionKey],
) -> Result<Vec<Option<Session>>, StoreError> {
    let ids: Vec<_> = keys.iter().map(|key| id(key.as_uuid())).collect();
    let filter = doc! { "_id": { "$in": ids } };
    let by_key = doc! { "_id": 1 };
    let sessions =
        many::<SessionDocument>(&collections.sessions, filter, by_key, keys.len()).await?;
    Ok(keys
        .iter()
        .map(|key| sessions.iter().find(|session| session.key == *key).cloned())
        .collect())
}

pub(super) async fn sessions(
    collections: &Collections,
    user: UserId,
    page: Page,
) -> Result<Slice<Session>, StoreError> {
    let filter = page_filter(user, "number", page);
    let newest_first = doc! { "number": -1 };
    let limit = page.limit.saturating_add(1);
    let items = many::<SessionDocument>(&collections.sessions, filter, newest_first, limit).await?;
    Ok(Slice::from_limit_plus_one(items, page))
}

pub(super) async fn count_sessions(
    collections: &Collections,
    user: UserId,
) -> Result<u64, StoreError> {
    collections
        .sessions
        .count_documents(doc! { "user": id(user.as_uuid()) })
        .await
        .map_err(|error| unavailable(&error))
}

pub(super) async fn alerts(
    collections: &Collections,
    user: UserId,
    page: Page,
) -> Result<Slice<Alert>, StoreError> {
    let filter = page_filter(user, "sequence", page);
    let newest_first = doc! { "sequence": -1 };
    let limit = page.limit.saturating_add(1);
    let items = many::<AlertDocument>(&collections.alerts, filter, newest_first, limit).await?;
    Ok(Slice::from_limit_plus_one(items, page))
}

pub(super) async fn alerts_after(
    collections: &Collections,
    user: UserId,
    after: u64,
    limit: usize,
) -> Result<Vec<Alert>, StoreError> {
    let filter = doc! { "user": id(user.as_uuid()), "sequence": { "$gt": integer(after) } };
    let oldest_first = doc! { "sequence": 1 };
    many::<AlertDocument>(&collections.alerts, filter, oldest_first, limit).await
}

pub(super) async fn alert(
    collections: &Collections,
    alert: AlertId,
) -> Result<Option<Alert>, StoreError> {
    let Ok(sequence) = i64::try_from(alert.sequence) else {
        return Ok(None);
    };
    let filter = doc! { "user": id(alert.user.as_uuid()), "sequence": sequence };
    one::<AlertDocument>(&collections.alerts, filter).await
}

async fn one<R: Record>(
    collection: &Collection<RawDocumentBuf>,
    filter: Document,
) -> Result<Option<R::Value>, StoreError> {
    let document = collection
        .find_one(filter)
        .await
        .map_err(|error| unavailable(&error))?;
    document.map(|document| decode::<R>(&document)).transpose()
}

async fn many<R: Record>(
    collection: &Collection<RawDocumentBuf>,
    filter: Document,
    sort: Document,
    limit: usize,
) -> Result<Vec<R::Value>, StoreError> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let found = async {
        collection
            .find(filter)
            .sort(sort)
            .limit(server_limit(limit))
            .await?
            .try_collect()
            .await
    };
    let documents: Vec<RawDocumentBuf> = found.await.map_err(|error| unavailable(&error))?;
    documents
        .iter()
        .map(|document| decode::<R>(document))
        .collect()
}

/// Selects a user's records whose `number` is below the bound of the page.
fn page_filter(user: UserId, number: &str, page: Page) -> Document {
    let mut filter = doc! { "user": id(user.as_uuid()) };
    if let Some(before) = page.before {
        filter.insert(number, doc! { "$lt": integer(before) });
    }
    filter
}
