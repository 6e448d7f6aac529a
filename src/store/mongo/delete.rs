//! Erases a user.
//!
//! One write makes the user invalid: it replaces the document by a tombstone. Everything that
//! follows may be repeated, and maintenance finishes it if a node is killed. The tombstone stays for
//! an hour, so that an archiver that has read the tail before the deletion finishes first.

use bson::{Document, RawDocumentBuf, doc};
use mongodb::error::Error;

use super::{
    claims,
    collections::{Collections, ERASING},
    failed_logins,
    records::{DELETED, DELETED_AT, id},
    retry::Retry,
};
use crate::{domain::UserId, error_chain::ErrorChain, store::StoreError};

/// Erases a user. The caller limits the time.
pub(super) async fn delete_user(
    collections: &Collections,
    user: UserId,
) -> Result<bool, StoreError> {
    let mut retry = Retry::new();
    let is_deleted = loop {
        let filter = doc! { "_id": id(user.as_uuid()), "version": { "$exists": true } };
        match collections.users.update_one(filter, bury()).await {
            Ok(result) => break result.matched_count > 0,
            Err(error) => retry.after_write(&error).await?,
        }
    };
    // If the user does not exist after an attempt whose response was lost, that attempt has deleted
    // it.
    if !is_deleted && !retry.is_outcome_unknown() {
        return Ok(false);
    }
    if let Err(error) = erase(collections, id(user.as_uuid())).await {
        let error = ErrorChain(&error);
        tracing::warn!(%user, %error, "could not erase a deleted user, will retry");
    }
    Ok(true)
}

/// The update that replaces a user by a tombstone. It keeps the number, whose claim is still to be
/// deleted.
fn bury() -> Vec<Document> {
    vec![doc! { "$replaceWith": {
        "_id": "$_id",
        "mobile": "$mobile",
        DELETED_AT: "$$NOW",
        ERASING: true,
        "event": { "$literal": DELETED },
    } }]
}

/// Erases what is left of the user of a tombstone: the claim, the failed logins of the number, the
/// history, and then the number in the tombstone. Idempotent.
pub(super) async fn erase(collections: &Collections, user: bson::Uuid) -> Result<(), Error> {
    let tombstone = doc! { "_id": user, DELETED_AT: { "$exists": true } };
    let found: Option<RawDocumentBuf> = collections.users.find_one(tombstone.clone()).await?;
    let mobile = found
        .as_ref()
        .and_then(|found| found.get_str("mobile").ok());
    if let Some(mobile) = mobile {
        claims::release(collections, mobile, user).await?;
        failed_logins::forget(collections, mobile).await?;
    }
    erase_history(collections, user).await?;
    let update = doc! { "$unset": { "mobile": "", ERASING: "" } };
    collections.users.update_one(tombstone, update).await?;
    Ok(())
}

/// Deletes a tombstone, after the history once more.
pub(super) async fn forget(collections: &Collections, user: bson::Uuid) -> Result<(), Error> {
    erase_history(collections, user).await?;
    let tombstone = doc! { "_id": user, DELETED_AT: { "$exists": true } };
    collections.users.delete_one(tombstone).await.map(drop)
}

async fn erase_history(collections: &Collections, user: bson::Uuid) -> Result<(), Error> {
    for history in [&collections.sessions, &collections.alerts] {
        history.delete_many(doc! { "user": user }).await?;
    }
    Ok(())
}
