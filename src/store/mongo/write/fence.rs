//! A read that makes the commits of other nodes stale.

use bson::doc;
use mongodb::options::ReturnDocument;

use super::super::{
    collections::Collections,
    errors::unavailable,
    migrate::FORMER_FIELD,
    read,
    records::{StoredUser, id},
};
use crate::{
    domain::{UserId, UserState},
    store::StoreError,
};

/// Gives the user the next version, and returns it.
///
/// No commit made this version, so it has no id in the ring of commit ids. Its slot keeps the id of a
/// commit 16 versions earlier, which no other commit has.
pub(in crate::store::mongo) async fn fence(
    collections: &Collections,
    user: UserId,
) -> Result<Option<UserState>, StoreError> {
    // Neither a tombstone nor a document of layout 1.
    let filter = doc! {
        "_id": id(user.as_uuid()),
        "version": { "$exists": true },
        FORMER_FIELD: { "$exists": false },
    };
    let fenced = collections
        .users
        .find_one_and_update(filter, doc! { "$inc": { "version": 1_i64 } })
        .projection(doc! { "tail": 0, "commits": 0 })
        .return_document(ReturnDocument::After)
        .await
        .map_err(|error| unavailable(&error))?;
    match fenced.and_then(StoredUser::new) {
        Some(stored) => stored.state().map(Some),
        None => read::user(collections, user).await,
    }
}
