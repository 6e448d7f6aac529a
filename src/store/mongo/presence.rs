//! Which sessions listen on which nodes: one entry for each session and node, valid while the lease of
//! the node lives. A session that has ceased to listen keeps its entry for a time, and so does one
//! whose node has died. The clock of the server decides, so the clocks of the nodes may differ.

use std::{collections::HashSet, time::Duration};

use bson::{Binary, DateTime, Document, doc};
use futures_util::TryStreamExt;
use mongodb::error::Error;
use tokio::{sync::Mutex, time::Instant};
use uuid::Uuid;

use super::{
    collections::{Collections, FORMER_UNTIL, PRESENCE_NODE},
    errors::{is_duplicate, unavailable},
    open::server_time,
    records::{binary, id},
};
use crate::{
    domain::SessionKey,
    store::{Listening, StoreError},
};

/// The time for which the entries of a node count after its lease was last renewed.
const LEASE_MILLIS: i64 = 10_000;

/// The time after the end of a lease at which the entries of the node are removed.
const FORGOTTEN_AFTER_MILLIS: i64 = 60_000;

/// The field of `nodes` with the end of the lease.
const LEASE_UNTIL: &str = "until";

/// The interval at which a node with listeners renews its lease.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(3);

/// The maximum number of entries in one write.
const MAX_BATCH_SIZE: usize = 1000;

/// The maximum number of nodes of which one call removes what they left behind.
const MAX_FORGOTTEN_NODES: i64 = 16;

/// What this node has announced.
#[derive(Debug, Default)]
pub(super) struct Announcer(Mutex<Announced>);

#[derive(Debug, Default)]
struct Announced {
    listening: HashSet<SessionKey>,
    renewed_at: Option<Instant>,
}

impl Announcer {
    /// Writes the changes, and renews the lease if it is due. A session that has ceased to listen is
    /// remembered for `away_after`. If another node has removed the entries of this one, because its
    /// lease had ended long ago, all of them are written again.
    pub(super) async fn announce(
        &self,
        collections: &Collections,
        node: Uuid,
        changes: &[(SessionKey, bool)],
        away_after: Duration,
    ) -> Result<(), StoreError> {
        let mut announced = self.0.lock().await;
        for (session, listens) in changes {
            if *listens {
                announced.listening.insert(*session);
            } else {
                announced.listening.remove(session);
            }
        }
        let is_due = announced
            .renewed_at
            .is_none_or(|at| at.elapsed() >= RENEWAL_INTERVAL);
        let mut added: Vec<_> = keys(changes, true).collect();
        let write = async {
            if is_due && !announced.listening.is_empty() {
                if !renew(collections, node).await? {
                    added = announced.listening.iter().copied().collect();
                }
                announced.renewed_at = Some(Instant::now());
            }
            add(collections, node, &added).await?;
            let ceased: Vec<_> = keys(changes, false).collect();
            cease(collections, node, &ceased, away_after).await
        };
        write.await.map_err(|error: Error| unavailable(&error))
    }
}

fn keys(changes: &[(SessionKey, bool)], listening: bool) -> impl Iterator<Item = SessionKey> {
    let selected = changes
        .iter()
        .filter(move |(_, listens)| *listens == listening);
    selected.map(|(session, _)| *session)
}

/// The id of an entry: the session's key and the node's id, so that the entries of a session are
/// neighbors in the index.
fn entry(session: SessionKey, node: [u8; 16]) -> Binary {
    binary(&[*session.as_uuid().as_bytes(), node].concat())
}

/// Renews the lease of the node. Returns false if the node had none.
async fn renew(collections: &Collections, node: Uuid) -> Result<bool, Error> {
    let update = vec![doc! { "$set": { LEASE_UNTIL: from_now(LEASE_MILLIS) } }];
    let renewal = collections
        .nodes
        .update_one(doc! { "_id": id(&node) }, update)
        .upsert(true);
    Ok(renewal.await?.matched_count > 0)
}

async fn add(collections: &Collections, node: Uuid, sessions: &[SessionKey]) -> Result<(), Error> {
    for sessions in sessions.chunks(MAX_BATCH_SIZE) {
        // An entry of a session that has listened here before counts again.
        let again = doc! { "$unset": { FORMER_UNTIL: "" } };
        let former = collections
            .presence
            .update_many(entries_of(sessions, node), again);
        former.await?;
        let entries = sessions.iter().map(|session| {
            doc! { "_id": entry(*session, *node.as_bytes()), PRESENCE_NODE: id(&node) }
        });
        match collections
            .presence
            .insert_many(entries)
            .ordered(false)
            .await
        {
            // An entry that exists already is what is wanted.
            Err(error) if !is_duplicate(&error) => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Marks the entries of sessions that have ceased to listen. The server deletes them when their time
/// is over.
async fn cease(
    collections: &Collections,
    node: Uuid,
    sessions: &[SessionKey],
    away_after: Duration,
) -> Result<(), Error> {
    let millis = i64::try_from(away_after.as_millis()).unwrap_or(i64::MAX);
    for sessions in sessions.chunks(MAX_BATCH_SIZE) {
        let until = vec![doc! { "$set": { FORMER_UNTIL: from_now(millis) } }];
        let ceased = collections
            .presence
            .update_many(entries_of(sessions, node), until);
        ceased.await?;
    }
    Ok(())
}

/// The expression for a time by the clock of the server. Added as numbers, because a compatible server
/// does not add milliseconds to a date.
fn from_now(millis: i64) -> Document {
    doc! { "$toDate": { "$add": [{ "$toLong": "$$NOW" }, millis] } }
}

/// The filter that selects the entries of these sessions on a node.
fn entries_of(sessions: &[SessionKey], node: Uuid) -> Document {
    let entries = sessions
        .iter()
        .map(|session| entry(*session, *node.as_bytes()));
    doc! { "_id": { "$in": entries.collect::<Vec<_>>() } }
}

/// Returns whether the session listens on a node whose lease lives, or has an entry of another kind.
pub(super) async fn listening(
    collections: &Collections,
    session: SessionKey,
) -> Result<Listening, StoreError> {
    let failed = |error: Error| unavailable(&error);
    let range = doc! { "_id": {
        "$gte": entry(session, [0; 16]), "$lte": entry(session, [u8::MAX; 16]),
    } };
    let entries: Vec<Document> = collections
        .presence
        .find(range)
        .await
        .map_err(failed)?
        .try_collect()
        .await
        .map_err(failed)?;
    if entries.is_empty() {
        return Ok(Listening::No);
    }
    let now = server_time(&collections.client).await.map_err(failed)?;
    let (former, present): (Vec<_>, Vec<_>) = entries
        .iter()
        .partition(|entry| entry.contains_key(FORMER_UNTIL));
    if present.is_empty() {
        let is_recent = |entry: &&Document| {
            let until = entry.get_datetime(FORMER_UNTIL);
            until.is_ok_and(|until| *until > now)
        };
        let is_recent = former.iter().any(is_recent);
        return Ok(if is_recent {
            Listening::Recently
        } else {
            Listening::No
        });
    }
    let nodes: Vec<_> = present
        .iter()
        .filter_map(|entry| entry.get(PRESENCE_NODE).cloned())
        .collect();
    let alive = doc! { "_id": { "$in": nodes }, LEASE_UNTIL: { "$gt": now } };
    let found = collections.nodes.find_one(alive).await.map_err(failed)?;
    Ok(if found.is_some() {
        Listening::Now
    } else {
        Listening::Recently
    })
}

/// Removes what nodes left behind whose leases ended a minute ago.
pub(super) async fn forget_dead_nodes(collections: &Collections) -> Result<(), Error> {
    let now = server_time(&collections.client).await?;
    let minute_ago = DateTime::from_millis(now.timestamp_millis() - FORGOTTEN_AFTER_MILLIS);
    let dead = doc! { LEASE_UNTIL: { "$lt": minute_ago } };
    let dead: Vec<Document> = collections
        .nodes
        .find(dead)
        .limit(MAX_FORGOTTEN_NODES)
        .await?
        .try_collect()
        .await?;
    for node in dead {
        let Some(node) = node.get("_id").cloned() else {
            continue;
        };
        let entries = doc! { PRESENCE_NODE: node.clone(), FORMER_UNTIL: { "$exists": false } };
        collections.presence.delete_many(entries).await?;
        collections.nodes.delete_one(doc! { "_id": node }).await?;
    }
    Ok(())
}
