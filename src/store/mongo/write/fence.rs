//! A read that makes the commits of other nodes stale.

use bson::doc;
use mongodb::options::ReturnDocument;

use super::super::{
    collections::Collections,
    errors::{describe, is_server_selection, unavailable},
    migrate::FORMER_FIELD,
    read,
    records::{StoredUser, id},
};
use crate::{
    domain::{UserId, UserState},
    store::StoreError,
};

/// Gives the user the next version, unless its version was made by a fence already, and returns the
/// user. `fenced` is the last version that a fence made. If each node had its own version instead,
/// the nodes would make the commits of one another stale, and none would be applied.
///
/// No commit made this version, so it has no id in the ring of commit ids. Its slot keeps the id of an
/// earlier commit, which no other commit has.
///
/// If the user cannot be fenced, it is only read: the commit compares the version in any case.
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
    let version = doc! { "$cond": [
        { "$eq": ["$fenced", "$version"] }, "$version", { "$add": ["$version", 1_i64] },
    ] };
    let update = vec![doc! { "$set": { "version": version.clone(), "fenced": version } }];
    let fenced = collections
        .users
        .find_one_and_update(filter, update)
        .projection(doc! { "tail": 0, "commits": 0 })
        .return_document(ReturnDocument::After)
        .await;
    match fenced.map(|found| found.and_then(StoredUser::new)) {
        Ok(Some(stored)) => stored.state().map(Some),
        Ok(None) => read::user(collections, user).await,
        // The driver has waited for a server already.
        Err(error) if is_server_selection(&error) => Err(unavailable(&error)),
        Err(error) => {
            tracing::debug!(error = describe(&error), "could not fence a user");
            read::user(collections, user).await
        }
    }
}
