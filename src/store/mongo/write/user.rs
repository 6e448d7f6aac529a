//! Writes the document of a user.

use bson::{Document, doc};
use mongodb::{ClientSession, error::Error};

use super::{
    super::{
        collections::Collections,
        errors::{damaged, is_duplicate},
        records::{UserDocument, id},
    },
    Failure, MAX_RECENT_COMMITS,
};
use crate::store::Commit;

pub(super) async fn insert_user(
    collections: &Collections,
    commit: &Commit,
    session: &mut ClientSession,
) -> Result<(), Failure> {
    let mut document = user_fields(commit)?;
    document.insert("commits", vec![id(commit.id.as_uuid())]);
    let users = collections.users.clone_with_type::<Document>();
    users
        .insert_one(document)
        .session(&mut *session)
        .await
        .map_err(on_duplicate(Failure::Stale))?;
    let owner = &commit.user.owner;
    let claim = doc! { "_id": owner.mobile.as_str(), "user": id(owner.id.as_uuid()) };
    let mobiles = collections.mobiles.clone_with_type::<Document>();
    mobiles
        .insert_one(claim)
        .session(session)
        .await
        .map_err(on_duplicate(Failure::MobileTaken))?;
    Ok(())
}

pub(super) async fn update_user(
    collections: &Collections,
    commit: &Commit,
    session: &mut ClientSession,
) -> Result<(), Failure> {
    let mut set = user_fields(commit)?;
    let filter = doc! { "_id": set.remove("_id") };
    let this = id(commit.id.as_uuid());
    let update = doc! {
        "$set": set,
        "$push": { "commits": { "$each": [this], "$slice": -MAX_RECENT_COMMITS } },
    };
    collections
        .users
        .update_one(filter, update)
        .session(session)
        .await?;
    Ok(())
}

/// Returns the user's document without the ids of its commits.
///
/// The field `hint` is for the change stream, which contains only changed values, but must always
/// show the sequence of the last alert. `hint` therefore also contains the version, which changes
/// with each commit.
fn user_fields(commit: &Commit) -> Result<Document, Failure> {
    let user =
        UserDocument::of(&commit.user).and_then(|user| Ok(bson::serialize_to_document(&user)?));
    let mut user = user.map_err(|error| Failure::Damaged(damaged("user", error)))?;
    user.insert(
        "hint",
        format!("{}/{}", commit.user.version, commit.user.last_alert),
    );
    Ok(user)
}

/// Returns `failure` for a duplicate key.
fn on_duplicate(failure: Failure) -> impl FnOnce(Error) -> Failure {
    move |error| {
        if is_duplicate(&error) {
            failure
        } else {
            Failure::Driver(error)
        }
    }
}
