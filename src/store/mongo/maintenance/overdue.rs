//! Finds overdue sessions.
//!
//! The indexed field `due` is a lower bound: touches do not write it, so that they change no index.
//! A user whose sessions have been used since is not overdue, and gets a new bound.

use bson::{Document, RawDocument, RawDocumentBuf, doc};
use futures_util::TryStreamExt;

use super::{
    super::{
        collections::{Collections, DUE},
        errors::{damaged, unavailable},
        records::{id, millis, user_id},
    },
    server_limit, update_users,
};
use crate::{
    domain::{Timestamp, UserId},
    store::{BoxError, StoreError},
};

/// A user whose bound has passed.
struct Candidate {
    user: UserId,
    version: i64,
    bound: i64,
    /// When the open sessions expire according to their recorded last-seen times.
    expiries: Vec<i64>,
}

/// Returns the owner of each overdue session, at most `limit`, the longest overdue first.
pub(in super::super) async fn overdue(
    collections: &Collections,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<UserId>, StoreError> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let now = millis(now);
    loop {
        let candidates = read(collections, now, limit).await?;
        let is_full = candidates.len() == limit;
        let mut overdue = Vec::new();
        let mut others = Vec::new();
        for candidate in &candidates {
            let passed = candidate.expiries.iter().filter(|expiry| **expiry <= now);
            let before = overdue.len();
            overdue.extend(passed.map(|expiry| (*expiry, candidate.user)));
            if overdue.len() == before {
                others.push(candidate.rearm());
            }
        }
        let found_others = !others.is_empty();
        if found_others {
            update_users(collections, others).await?;
        }
        // Users who are not overdue took the places of some who may be.
        if found_others && is_full {
            continue;
        }
        overdue.sort_by_key(|(expiry, _)| *expiry);
        overdue.truncate(limit);
        return Ok(overdue.into_iter().map(|(_, user)| user).collect());
    }
}

async fn read(
    collections: &Collections,
    now: i64,
    limit: usize,
) -> Result<Vec<Candidate>, StoreError> {
    let fields = [
        "last_seen_at",
        "idle_timeout",
        "lifetime_ends_at",
        "approve_by",
    ];
    let mut projection = doc! { "version": 1, DUE: 1 };
    for field in fields {
        projection.insert(format!("active.{field}"), 1);
        projection.insert(format!("pending.{field}"), 1);
    }
    let found = async {
        collections
            .users
            .find(doc! { DUE: { "$lte": now } })
            .sort(doc! { DUE: 1 })
            .limit(server_limit(limit))
            .projection(projection)
            .await?
            .try_collect()
            .await
    };
    let found: Vec<RawDocumentBuf> = found.await.map_err(|error| unavailable(&error))?;
    found
        .iter()
        .map(|document| Candidate::of(document))
        .collect()
}

impl Candidate {
    /// A damaged user counts as overdue, so that the caller finds the damage when it loads the
    /// user, and continues with the others.
    fn of(document: &RawDocument) -> Result<Self, StoreError> {
        let user = user_of(document).map_err(|error| damaged("user", error))?;
        Ok(Self::decode(user, document).unwrap_or_else(|_| Self {
            user,
            version: 0,
            bound: 0,
            expiries: vec![i64::MIN],
        }))
    }

    fn decode(user: UserId, document: &RawDocument) -> Result<Self, BoxError> {
        let mut expiries = Vec::new();
        if let Ok(active) = document.get_document("active") {
            expiries.push(active_expires_at(active)?);
        }
        if let Ok(pending) = document.get_document("pending") {
            expiries.push(pending.get_i64("approve_by")?);
        }
        Ok(Self {
            user,
            version: document.get_i64("version")?,
            bound: document.get_i64(DUE)?,
            expiries,
        })
    }

    /// The update that sets the bound to the recorded expiry, unless a commit has set another one.
    /// A touch may move the expiry further, so it stays a lower bound.
    fn rearm(&self) -> Document {
        let filter = doc! {
            "_id": id(self.user.as_uuid()), "version": self.version, DUE: self.bound,
        };
        let update = self.expiries.iter().min().map_or_else(
            || doc! { "$unset": { DUE: "" } },
            |expiry| doc! { "$set": { DUE: *expiry } },
        );
        doc! { "q": filter, "u": update }
    }
}

fn user_of(document: &RawDocument) -> Result<UserId, BoxError> {
    let id = <[u8; 16]>::try_from(document.get_binary("_id")?.bytes)?;
    Ok(user_id(bson::Uuid::from_bytes(id)))
}

/// [`Session::expires_at`](crate::domain::Session::expires_at) of an active session.
fn active_expires_at(active: &RawDocument) -> Result<i64, BoxError> {
    let field = |name| active.get_i64(name);
    let idle_ends_at = field("last_seen_at")?.saturating_add(field("idle_timeout")?);
    Ok(idle_ends_at.min(field("lifetime_ends_at")?))
}
