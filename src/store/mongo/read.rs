//! Reads of users, sessions and alerts: the user's document first, and then the history, if the
//! document does not have the answer.
//!
//! The result is the state at the first read. An entry that is in both places is taken from the
//! document. An entry that was archived after the first read is in the document that was read. The
//! history may hold entries of later commits: their numbers are above those that the document knows.

mod by_key;
mod lists;
mod pages;

use bson::{Bson, Document, RawDocumentBuf, doc};
use futures_util::TryStreamExt;
use mongodb::{ClientSession, error::Error};

pub(super) use self::{by_key::sessions_by_key, lists::Lists};
use super::{
    collections::Collections,
    errors::{damaged, unavailable},
    maintenance::server_limit,
    migrate::{FORMER_FIELD, convert_user, is_former},
    records::{
        AlertDocument, Entry, SessionDocument, StoredUser, binary, decode, decode_value, id,
        integer, user_id,
    },
};
use crate::{
    domain::{Alert, AlertId, Mobile, Owner, Session, SessionKey, TokenHash, UserId, UserState},
    store::{ReadUser, Slice, StoreError},
};

/// Reads in the order of their calls: no read returns an earlier state of the data than the one
/// before it, even if another member has become the primary in between.
pub(super) struct Reader<'a> {
    collections: &'a Collections,
    session: ClientSession,
}

impl<'a> Reader<'a> {
    pub(super) async fn new(collections: &'a Collections) -> Result<Self, StoreError> {
        let session = collections.client.start_session().causal_consistency(true);
        Ok(Self {
            collections,
            session: session.await.map_err(|error| unavailable(&error))?,
        })
    }

    /// Returns the user's document. The projection must keep all fields that the caller uses. An
    /// empty one keeps all.
    pub(super) async fn user(
        &mut self,
        user: UserId,
        projection: Document,
    ) -> Result<Option<StoredUser>, StoreError> {
        let users = &self.collections.users;
        let session = &mut self.session;
        let mut read = async || {
            users
                .find_one(doc! { "_id": id(user.as_uuid()) })
                .projection(projection.clone())
                .session(&mut *session)
                .await
        };
        let found = async {
            let found = read().await?;
            if !found.as_ref().is_some_and(is_former) {
                return Ok(found);
            }
            convert_user(self.collections, user).await?;
            read().await
        };
        let found = found.await.map_err(|error: Error| unavailable(&error))?;
        Ok(found.and_then(StoredUser::new))
    }

    /// Returns the archived entry of this user that the filter selects.
    async fn archived<E: Entry>(
        &mut self,
        user: UserId,
        mut filter: Document,
        owner: &Owner,
    ) -> Result<Option<E::Value>, StoreError> {
        filter.insert("user", id(user.as_uuid()));
        let history = E::history(self.collections);
        let found = history.find_one(filter).session(&mut self.session).await;
        let found: Option<RawDocumentBuf> = found.map_err(|error| unavailable(&error))?;
        found.map(|found| decode::<E>(&found, owner)).transpose()
    }
}

/// Returns the user with this id.
pub(super) async fn user(
    collections: &Collections,
    user: UserId,
) -> Result<Option<UserState>, StoreError> {
    let stored = document(collections, user)
        .await
        .map_err(|error| unavailable(&error))?;
    stored.map(|stored| stored.state()).transpose()
}

/// Reads a user's document without the parts that no decision needs.
async fn document(collections: &Collections, user: UserId) -> Result<Option<StoredUser>, Error> {
    let read = || {
        let found = collections
            .users
            .find_one(doc! { "_id": id(user.as_uuid()) });
        found.projection(doc! { "tail": 0, "commits": 0 })
    };
    let mut found = read().await?;
    if found.as_ref().is_some_and(is_former) {
        convert_user(collections, user).await?;
        found = read().await?;
    }
    Ok(found.and_then(StoredUser::new))
}

/// Returns a page of the users, in the descending order of their ids.
pub(super) async fn users(
    collections: &Collections,
    before: Option<UserId>,
    limit: usize,
) -> Result<Slice<UserState>, StoreError> {
    let mut filter = doc! { "version": { "$exists": true } };
    if let Some(before) = before {
        filter.insert("_id", doc! { "$lt": id(before.as_uuid()) });
    }
    let found = async {
        let found = collections
            .users
            .find(filter)
            .sort(doc! { "_id": -1 })
            .limit(server_limit(limit.saturating_add(1)))
            .projection(doc! { "tail": 0, "commits": 0 });
        found.await?.try_collect::<Vec<_>>().await
    };
    let mut found = found.await.map_err(|error: Error| unavailable(&error))?;
    let has_more = found.len() > limit;
    found.truncate(limit);
    let mut items = Vec::with_capacity(found.len());
    for document in found {
        if is_former(&document) {
            let user = document.get_binary("_id");
            let user = user.map_err(|error| damaged("user", error))?;
            let user = <[u8; 16]>::try_from(user.bytes);
            let user = user.map_err(|error| damaged("user", error))?;
            items.extend(self::user(collections, user_id(bson::Uuid::from_bytes(user))).await?);
        } else if let Some(stored) = StoredUser::new(document) {
            items.push(stored.state()?);
        }
    }
    Ok(Slice { items, has_more })
}

pub(super) async fn user_by_mobile(
    collections: &Collections,
    mobile: &Mobile,
) -> Result<Option<UserState>, StoreError> {
    let Some(user) = claimed_by(collections, mobile).await? else {
        return Ok(None);
    };
    let stored = document(collections, user)
        .await
        .map_err(|error| unavailable(&error))?;
    stored
        .filter(|stored| owns(stored, mobile))
        .map(|stored| stored.state())
        .transpose()
}

/// Returns the user with its whole document, for the pages of its lists.
pub(super) async fn read_user_by_mobile(
    collections: &Collections,
    mobile: &Mobile,
) -> Result<Option<ReadUser>, StoreError> {
    let Some(user) = claimed_by(collections, mobile).await? else {
        return Ok(None);
    };
    read_user_if(collections, user, |stored| owns(stored, mobile)).await
}

/// Returns the user with its whole document, for its alerts.
pub(super) async fn read_user(
    collections: &Collections,
    user: UserId,
) -> Result<Option<ReadUser>, StoreError> {
    read_user_if(collections, user, |_| true).await
}

async fn read_user_if(
    collections: &Collections,
    user: UserId,
    is_wanted: impl Fn(&StoredUser) -> bool,
) -> Result<Option<ReadUser>, StoreError> {
    let mut reader = Reader::new(collections).await?;
    let stored = reader.user(user, doc! {}).await?;
    let Some(stored) = stored.filter(is_wanted) else {
        return Ok(None);
    };
    Ok(Some(ReadUser {
        state: stored.state()?,
        snapshot: reader.snapshot(stored),
    }))
}

/// Returns the user whom the claim of this number names.
async fn claimed_by(
    collections: &Collections,
    mobile: &Mobile,
) -> Result<Option<UserId>, StoreError> {
    let claim = collections
        .mobiles
        .find_one(doc! { "_id": mobile.as_str() })
        .await
        .map_err(|error| unavailable(&error))?;
    let Some(claim) = claim else {
        return Ok(None);
    };
    let user = claim
        .get_binary("user")
        .map_err(|error| damaged("mobile number", error))?;
    let user = <[u8; 16]>::try_from(user.bytes);
    let user = user.map_err(|error| damaged("mobile number", error))?;
    Ok(Some(user_id(bson::Uuid::from_bytes(user))))
}

/// The claim of a user who owns another number means nothing.
fn owns(user: &StoredUser, mobile: &Mobile) -> bool {
    user.mobile().is_none_or(|owned| owned == mobile.as_str())
}

/// Returns the session that the token opens. One read if the session is in the document.
pub(super) async fn session_by_token(
    collections: &Collections,
    user: UserId,
    hash: &TokenHash,
) -> Result<Option<Session>, StoreError> {
    let mut reader = Reader::new(collections).await?;
    let hash_field = binary(hash.as_bytes());
    let projection = with_matching_tail("token_hash", vec![hash_field.clone().into()]);
    let Some(stored) = reader.user(user, projection).await? else {
        return Ok(None);
    };
    if let Some(session) = stored.session_by_token(hash)? {
        return Ok(Some(session));
    }
    let filter = doc! { "token_hash": hash_field, "number": { "$lte": stored.sessions_opened()? } };
    reader
        .archived::<SessionDocument>(user, filter, &stored.owner()?)
        .await
}

pub(super) async fn session(
    collections: &Collections,
    user: UserId,
    key: SessionKey,
) -> Result<Option<Session>, StoreError> {
    let mut reader = Reader::new(collections).await?;
    let projection = with_matching_tail("key", vec![id(key.as_uuid()).into()]);
    let Some(stored) = reader.user(user, projection).await? else {
        return Ok(None);
    };
    if let Some(session) = stored.session(key)? {
        return Ok(Some(session));
    }
    let filter = doc! {
        "_id": id(key.as_uuid()), "number": { "$lte": stored.sessions_opened()? },
    };
    reader
        .archived::<SessionDocument>(user, filter, &stored.owner()?)
        .await
}

pub(super) async fn alert(
    collections: &Collections,
    alert: AlertId,
) -> Result<Option<Alert>, StoreError> {
    let mut reader = Reader::new(collections).await?;
    let sequence = integer(alert.sequence);
    let mut projection = owner_fields();
    projection.insert("last_alert", 1);
    projection.insert(format!("tail.a{sequence}"), 1);
    let Some(stored) = reader.user(alert.user, projection).await? else {
        return Ok(None);
    };
    if sequence > stored.last_alert()? {
        return Ok(None);
    }
    let owner = stored.owner()?;
    if let Some((_, value)) = stored.tail_of::<AlertDocument>().first() {
        return decode_value::<AlertDocument>(*value, &owner).map(Some);
    }
    let filter = doc! { "sequence": sequence };
    reader
        .archived::<AlertDocument>(alert.user, filter, &owner)
        .await
}

/// The fields that make an owner, the one that makes a tombstone, and the one of layout 1.
fn owner_fields() -> Document {
    doc! { "mobile": 1, "username": 1, super::records::DELETED_AT: 1, FORMER_FIELD: 1 }
}

/// The projection of the open sessions, and of the tail entries whose `field` has one of these
/// values. The tail is most of the document, and most requests need none of it.
fn with_matching_tail(field: &str, values: Vec<Bson>) -> Document {
    let mut projection = owner_fields();
    projection.extend(doc! {
        "active": 1,
        "pending": 1,
        "sessions_opened": 1,
        "tail": { "$arrayToObject": { "$filter": {
            "input": { "$objectToArray": { "$ifNull": ["$tail", {}] } },
            "as": "entry",
            "cond": { "$in": [format!("$$entry.v.{field}"), { "$literal": values }] },
        } } },
    });
    projection
}
