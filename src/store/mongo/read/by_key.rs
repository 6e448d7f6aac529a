//! The look-up of sessions by their keys alone.

use std::collections::{BTreeSet, HashMap};

use bson::{Bson, Document, RawDocumentBuf, doc};
use futures_util::TryStreamExt;
use mongodb::error::Error;

use super::super::{
    collections::Collections,
    errors::{damaged, unavailable},
    records::{SessionDocument, StoredUser, decode, id, integer, user_id},
};
use super::{Reader, with_matching_tail};
use crate::{
    domain::{Session, SessionKey, UserId},
    store::StoreError,
};

/// Returns the sessions with these keys, in the order of the keys. A key names the range of ids that
/// contains its user, so only the shards of these users are asked.
pub(in super::super) async fn sessions_by_key(
    collections: &Collections,
    keys: &[SessionKey],
) -> Result<Vec<Option<Session>>, StoreError> {
    let mut reader = Reader::new(collections).await?;
    let users = possible_users(&mut reader, keys)
        .await
        .map_err(|error| unavailable(&error))?;
    let mut sessions = HashMap::new();
    for key in keys {
        for (_, user) in &users {
            if let Some(session) = user.session(*key)? {
                sessions.insert(*key, session);
                break;
            }
        }
    }
    let missing = keys.iter().filter(|key| !sessions.contains_key(*key));
    let missing: Vec<_> = missing.map(|key| id(key.as_uuid())).collect();
    if !missing.is_empty() && !users.is_empty() {
        for session in archived(&mut reader, &users, missing).await? {
            sessions.insert(session.key, session);
        }
    }
    Ok(keys.iter().map(|key| sessions.get(key).cloned()).collect())
}

/// Reads the documents of all users who may own one of the sessions.
async fn possible_users(
    reader: &mut Reader<'_>,
    keys: &[SessionKey],
) -> Result<Vec<(UserId, StoredUser)>, Error> {
    let mut ranges = BTreeSet::new();
    let mut former = Vec::new();
    for key in keys {
        match key.possible_users() {
            Some(range) => {
                ranges.insert(range.into_inner());
            }
            None => former.push(id(key.as_uuid())),
        }
    }
    let mut filters: Vec<Document> = ranges
        .into_iter()
        .map(|(first, last)| {
            doc! { "_id": { "$gte": id(first.as_uuid()), "$lte": id(last.as_uuid()) } }
        })
        .collect();
    if !former.is_empty() {
        let owners = owners_of_former(reader, former).await?;
        if !owners.is_empty() {
            filters.push(doc! { "_id": { "$in": owners } });
        }
    }
    let filter = match filters.len() {
        0 => return Ok(Vec::new()),
        1 => filters.remove(0),
        _ => doc! { "$or": filters },
    };
    let keys = keys.iter().map(|key| Bson::from(id(key.as_uuid())));
    let found: Vec<RawDocumentBuf> = reader
        .collections
        .users
        .find(filter)
        .projection(with_matching_tail("key", keys.collect()))
        .session(&mut reader.session)
        .await?
        .stream(&mut reader.session)
        .try_collect()
        .await?;
    let with_id = |found: RawDocumentBuf| {
        let id = <[u8; 16]>::try_from(found.get_binary("_id").ok()?.bytes).ok()?;
        Some((user_id(bson::Uuid::from_bytes(id)), StoredUser::new(found)?))
    };
    Ok(found.into_iter().filter_map(with_id).collect())
}

/// Returns the users of the sessions that layout 1 opened.
async fn owners_of_former(
    reader: &mut Reader<'_>,
    keys: Vec<bson::Uuid>,
) -> Result<Vec<Bson>, Error> {
    let found: Vec<Document> = reader
        .collections
        .keys
        .find(doc! { "_id": { "$in": keys } })
        .session(&mut reader.session)
        .await?
        .stream(&mut reader.session)
        .try_collect()
        .await?;
    let owner = |mut key: Document| key.remove("user");
    Ok(found.into_iter().filter_map(owner).collect())
}

/// Reads the sessions with these keys that are archived.
async fn archived(
    reader: &mut Reader<'_>,
    users: &[(UserId, StoredUser)],
    keys: Vec<bson::Uuid>,
) -> Result<Vec<Session>, StoreError> {
    let ids: Vec<_> = users.iter().map(|(user, _)| id(user.as_uuid())).collect();
    let found = async {
        reader
            .collections
            .sessions
            .find(doc! { "_id": { "$in": keys }, "user": { "$in": ids } })
            .session(&mut reader.session)
            .await?
            .stream(&mut reader.session)
            .try_collect()
            .await
    };
    let found: Vec<RawDocumentBuf> = found.await.map_err(|error: Error| unavailable(&error))?;
    let mut sessions = Vec::new();
    for document in found {
        let owner = document
            .get_binary("user")
            .map_err(|error| damaged("session", error))?;
        let user = users
            .iter()
            .find(|(user, _)| user.as_uuid().as_bytes() == owner.bytes);
        let Some((_, user)) = user else { continue };
        let session = decode::<SessionDocument>(&document, &user.owner()?)?;
        // A later session was opened after the user was read.
        if integer(session.number) <= user.sessions_opened()? {
            sessions.push(session);
        }
    }
    Ok(sessions)
}
