//! Which sessions listen on which nodes: one entry for each session and node, valid while the lease of
//! the node lives. The clock of the server decides, so the clocks of the nodes may differ.

use std::{collections::HashSet, time::Duration};

use bson::{Binary, DateTime, Document, doc};
use futures_util::TryStreamExt;
use mongodb::error::Error;
use tokio::{sync::Mutex, time::Instant};
use uuid::Uuid;

use super::{
    collections::{Collections, PRESENCE_NODE},
    errors::{is_duplicate, unavailable},
    open::server_time,
    records::{binary, id},
};
use crate::{domain::SessionKey, store::StoreError};

/// The time for which the entries of a node count after its lease was last renewed.
const LEASE_MILLIS: i64 = 10_000;

/// The time after the end of a lease at which the entries of the node are removed.
const FORGOTTEN_AFTER_MILLIS: i64 = 60_000;

/// The field of `nodes` with the end of the lease.
const UNTIL: &str = "until";

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
    /// Writes the changes, and renews the lease if it is due. If another node has removed the
    /// entries of this one, because its lease had ended long ago, all of them are written again.
    pub(super) async fn announce(
        &self,
        collections: &Collections,
        node: Uuid,
        changes: &[(SessionKey, bool)],
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
            remove(collections, node, keys(changes, false)).await
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
    let update = vec![doc! { "$set": { UNTIL: { "$add": ["$$NOW", LEASE_MILLIS] } } }];
    let renewal = collections
        .nodes
        .update_one(doc! { "_id": id(&node) }, update)
        .upsert(true);
    Ok(renewal.await?.matched_count > 0)
}

async fn add(collections: &Collections, node: Uuid, sessions: &[SessionKey]) -> Result<(), Error> {
    for sessions in sessions.chunks(MAX_BATCH_SIZE) {
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

async fn remove(
    collections: &Collections,
    node: Uuid,
    sessions: impl Iterator<Item = SessionKey>,
) -> Result<(), Error> {
    let entries: Vec<Binary> = sessions
        .map(|session| entry(session, *node.as_bytes()))
        .collect();
    for entries in entries.chunks(MAX_BATCH_SIZE) {
        let filter = doc! { "_id": { "$in": entries } };
        collections.presence.delete_many(filter).await?;
    }
    Ok(())
}

/// Returns true if a node whose lease lives has an entry for the session.
pub(super) async fn listens(
    collections: &Collections,
    session: SessionKey,
) -> Result<bool, StoreError> {
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
    let nodes: Vec<_> = entries
        .iter()
        .filter_map(|entry| entry.get(PRESENCE_NODE).cloned())
        .collect();
    if nodes.is_empty() {
        return Ok(false);
    }
    let now = server_time(&collections.client).await.map_err(failed)?;
    let alive = doc! { "_id": { "$in": nodes }, UNTIL: { "$gt": now } };
    let found = collections.nodes.find_one(alive).await.map_err(failed)?;
    Ok(found.is_some())
}

/// Removes what nodes left behind whose leases ended a minute ago.
pub(super) async fn forget_dead_nodes(collections: &Collections) -> Result<(), Error> {
    let now = server_time(&collections.client).await?;
    let minute_ago = DateTime::from_millis(now.timestamp_millis() - FORGOTTEN_AFTER_MILLIS);
    let dead = doc! { UNTIL: { "$lt": minute_ago } };
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
        let entries = doc! { PRESENCE_NODE: node.clone() };
        collections.presence.delete_many(entries).await?;
        collections.nodes.delete_one(doc! { "_id": node }).await?;
    }
    Ok(())
}
