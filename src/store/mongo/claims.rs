//! Claims of mobile numbers: the documents of the collection `mobiles`.
//!
//! A registration claims the number and then inserts the user. A node that is killed between the
//! two leaves an orphan: a claim of a user who does not exist. Another registration takes it over.
//! Before that it *fences* the orphan's user with a tombstone, so that the slow registration, if it
//! is still alive, can no longer insert its user.

use std::time::Duration;

use bson::{Document, RawDocumentBuf, doc};
use mongodb::error::Error;

use super::{
    collections::Collections,
    errors::is_duplicate,
    records::{DELETED, DELETED_AT, StoredUser, id, millis, uuid_in},
};
use crate::domain::{Mobile, Timestamp, UserId, UserState};

/// The age after which a claim whose user does not exist is an orphan: longer than a registration
/// may take. The age only saves a living registration from being fenced; the fence makes it safe.
const ORPHAN_AGE: Duration = Duration::from_secs(30);

/// The result of an attempt to claim a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// The number is claimed for the user.
    Ours,
    /// Another user owns the number.
    Taken,
    /// Another registration has claimed the number, and is probably not finished.
    Young,
    /// Another registration has changed the claim. Try again.
    Lost,
}

/// Claims the user's number for the user, who registers at `user.created_at`.
pub(super) async fn claim(collections: &Collections, user: &UserState) -> Result<Claim, Error> {
    let (mobile, ours) = (user.owner.mobile.as_str(), id(user.owner.id.as_uuid()));
    let mobiles = collections.mobiles.clone_with_type::<Document>();
    let claimed_at = millis(user.created_at);
    let claim = doc! { "_id": mobile, "user": ours, "claimed_at": claimed_at };
    match mobiles.insert_one(claim).await {
        Ok(_) => return Ok(Claim::Ours),
        Err(error) if is_duplicate(&error) => {}
        Err(error) => return Err(error),
    }
    let Some(claim) = mobiles.find_one(doc! { "_id": mobile }).await? else {
        return Ok(Claim::Lost);
    };
    // A damaged claim names nobody. It counts as taken, because its owner may exist.
    let Some(theirs) = uuid_in(&claim, "user") else {
        return Ok(Claim::Taken);
    };
    if theirs == ours {
        return Ok(Claim::Ours);
    }
    let is_old = claim
        .get_i64("claimed_at")
        .map_or(true, |at| is_orphan_age(user.created_at, at));
    match owner_of_claim(collections, theirs, mobile).await? {
        ClaimOwner::Owner => return Ok(Claim::Taken),
        ClaimOwner::None if !is_old => return Ok(Claim::Young),
        ClaimOwner::None => {
            if !fence(collections, theirs).await? {
                return Ok(Claim::Lost);
            }
        }
        ClaimOwner::Deleted => {}
    }
    let filter = doc! { "_id": mobile, "user": theirs };
    let update = doc! { "$set": { "user": ours, "claimed_at": claimed_at } };
    let taken_over = mobiles.update_one(filter, update).await?;
    Ok(if taken_over.matched_count > 0 {
        Claim::Ours
    } else {
        Claim::Lost
    })
}

/// A claim from the future, made before the clock was set back, counts as old.
fn is_orphan_age(now: Timestamp, claimed_at: i64) -> bool {
    let claimed_at = Timestamp::from_millis(claimed_at);
    claimed_at.is_ahead_of(now) || now.since(claimed_at) >= ORPHAN_AGE
}

/// The user whom a claim names.
enum ClaimOwner {
    /// The user owns the number.
    Owner,
    /// The user was deleted or fenced, or owns another number. The number is free.
    Deleted,
    /// There is no such user: the registration has not inserted it yet.
    None,
}

async fn owner_of_claim(
    collections: &Collections,
    user: bson::Uuid,
    mobile: &str,
) -> Result<ClaimOwner, Error> {
    let found: Option<RawDocumentBuf> = collections
        .users
        .find_one(doc! { "_id": user })
        .projection(doc! { "mobile": 1, DELETED_AT: 1 })
        .await?;
    let Some(found) = found else {
        return Ok(ClaimOwner::None);
    };
    Ok(match StoredUser::new(found) {
        // A damaged number counts as this one: the user may own it.
        Some(user) if user.mobile().is_none_or(|owned| owned == mobile) => ClaimOwner::Owner,
        _ => ClaimOwner::Deleted,
    })
}

/// Makes sure that this user can never be inserted. Returns false if the user exists.
async fn fence(collections: &Collections, user: bson::Uuid) -> Result<bool, Error> {
    let tombstone = doc! { "_id": user, DELETED_AT: { "$exists": true } };
    let update = doc! { "$currentDate": { DELETED_AT: true }, "$set": { "event": DELETED } };
    let fenced = collections.users.update_one(tombstone, update).upsert(true);
    match fenced.await {
        Ok(_) => Ok(true),
        // The filter does not match a user who exists, so the upsert tries to insert a second one.
        Err(error) if is_duplicate(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Deletes the claim if it names this user and the user does not exist or does not own the number.
pub(super) async fn release_orphan(
    collections: &Collections,
    mobile: &Mobile,
    user: UserId,
) -> Result<(), Error> {
    let user = id(user.as_uuid());
    match owner_of_claim(collections, user, mobile.as_str()).await? {
        ClaimOwner::Owner | ClaimOwner::None => Ok(()),
        ClaimOwner::Deleted => release(collections, mobile.as_str(), user).await,
    }
}

/// Deletes the claim of this number if it names this user.
pub(super) async fn release(
    collections: &Collections,
    mobile: &str,
    user: bson::Uuid,
) -> Result<(), Error> {
    let claim = doc! { "_id": mobile, "user": user };
    collections.mobiles.delete_one(claim).await.map(drop)
}
