//! Erases a user.

use bson::{Document, doc};
use mongodb::{ClientSession, error::Error};

use super::{
    collections::Collections,
    errors::unavailable,
    records::id,
    transaction::{Retry, commit_transaction, start_session},
};
use crate::{domain::UserId, store::StoreError};

/// Erases a user in one transaction, so that none of its sessions remains. The transaction has a
/// bounded size, because retention limits the number of records.
pub(super) async fn delete_user(
    collections: &Collections,
    user: UserId,
) -> Result<bool, StoreError> {
    let mut session = start_session(collections)
        .await
        .map_err(|error| unavailable(&error))?;
    let mut retry = Retry::new();
    loop {
        match attempt(collections, user, &mut session).await {
            // If the user does not exist after an attempt whose reply was lost, that attempt has
            // deleted it.
            Ok(deleted) => return Ok(deleted || retry.outcome_unknown),
            Err(error) => retry
                .prepare(error, collections, &mut session)
                .await
                .map_err(|error| unavailable(&error))?,
        }
    }
}

async fn attempt(
    collections: &Collections,
    user: UserId,
    session: &mut ClientSession,
) -> Result<bool, Error> {
    session.start_transaction().await?;
    let id = id(user.as_uuid());
    let users = collections.users.clone_with_type::<Document>();
    // Delete the user first, so that a concurrent commit to the user conflicts with this
    // transaction.
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
    commit_transaction(session).await?;
    Ok(found.is_some())
}
