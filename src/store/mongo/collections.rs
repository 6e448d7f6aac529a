//! What the database holds, and the indexes that every query is served by.
//!
//! | collection | `_id` | shard key | holds |
//! |---|---|---|---|
//! | `users` | the user's id | `_id` | version, keys of the active and the pending session, the last commits' ids |
//! | `mobiles` | the number | `_id` | whose it is: on a sharded cluster a unique index must start with the shard key, so the claim on a number cannot stand in `users` |
//! | `sessions` | the session's key | `user` | every session that is kept |
//! | `alerts` | (the driver's) | `user` | the log |
//! | `meta` | `schema` | not sharded | the version of all this |
//!
//! Sessions and alerts are sharded by range of `user`, as the uniqueness of their indexes needs, and every write and
//! every read on the hot path names it. Looking a session up by its key alone, sweeping and purging ask every shard.

use std::time::Duration;

use bson::{Document, RawDocumentBuf, doc};
use futures_util::TryStreamExt;
use mongodb::{
    Client, Collection, Database, IndexModel,
    options::{
        Acknowledgment, DatabaseOptions, IndexOptions, ReadConcern, ReadPreference,
        SelectionCriteria, WriteConcern,
    },
};

use super::{
    WRITE_LIMIT,
    errors::{code, is_index_conflict},
};

/// The server says so where a collection is there already.
const NAMESPACE_EXISTS: i32 = 48;

/// The server says so where no index has those keys.
const INDEX_NOT_FOUND: i32 = 27;

/// The most that `expireAfterSeconds` may be.
const TTL_MOST: u64 = i32::MAX as u64;

/// The database's collections. Documents are read raw, so that a damaged one fails by itself.
#[derive(Debug, Clone)]
pub(super) struct Collections {
    pub client: Client,
    pub database: Database,
    pub users: Collection<RawDocumentBuf>,
    pub mobiles: Collection<RawDocumentBuf>,
    pub sessions: Collection<RawDocumentBuf>,
    pub alerts: Collection<RawDocumentBuf>,
    pub meta: Collection<Document>,
}

impl Collections {
    /// What the URI says of concerns and of secondaries does not count: what has been answered must not be lost to
    /// a failover, and what has been written must be read.
    pub(super) fn of(client: &Client, name: &str) -> Self {
        let options = DatabaseOptions::builder()
            .selection_criteria(primary())
            .read_concern(ReadConcern::majority())
            .write_concern(durable())
            .build();
        let database = client.database_with_options(name, options);
        Self {
            users: database.collection("users"),
            mobiles: database.collection("mobiles"),
            sessions: database.collection("sessions"),
            alerts: database.collection("alerts"),
            meta: database.collection("meta"),
            client: client.clone(),
            database,
        }
    }

    /// Makes the collections and the indexes that are missing, and lets the server forget what is older than
    /// `retention`. A transaction over several shards can make no collection.
    pub(super) async fn create(&self, retention: Duration) -> mongodb::error::Result<()> {
        for collection in [&self.users, &self.mobiles] {
            match self.database.create_collection(collection.name()).await {
                Err(error) if code(&error) != Some(NAMESPACE_EXISTS) => return Err(error),
                _ => {}
            }
        }
        self.sessions.create_indexes(session_indexes()).await?;
        self.alerts
            .create_index(index(
                "by_sequence",
                doc! { "user": 1, "sequence": 1 },
                Holds::UniqueKeys,
            ))
            .await?;
        self.forget(&self.sessions, SESSIONS_AGE, retention).await?;
        self.forget(&self.alerts, ALERTS_AGE, retention).await
    }

    /// Where another node has made the index with another retention, this one's is set instead: of two nodes that
    /// start with different ones, the later to start wins.
    async fn forget(
        &self,
        collection: &Collection<RawDocumentBuf>,
        age: Age,
        retention: Duration,
    ) -> mongodb::error::Result<()> {
        let retention = Duration::from_secs(retention.as_secs().min(TTL_MOST));
        let seconds = i64::try_from(retention.as_secs()).unwrap_or(i64::MAX);
        let conflict = match collection.create_index(age.index(retention)).await {
            Err(error) if is_index_conflict(&error) => error,
            made => return made.map(drop),
        };
        // By its keys: an index of that name on others is somebody else's.
        let change = doc! {
            "collMod": collection.name(),
            "index": { "keyPattern": { age.instant: 1 }, "expireAfterSeconds": seconds },
        };
        match self.database.run_command(change).await {
            Err(error) if code(&error) == Some(INDEX_NOT_FOUND) => Err(conflict),
            changed => changed.map(drop),
        }
    }

    /// The indexes that the database has, by collection.
    pub(super) async fn indexes(&self) -> mongodb::error::Result<Vec<(&str, Vec<IndexModel>)>> {
        let mut all = Vec::new();
        for collection in [&self.users, &self.mobiles, &self.sessions, &self.alerts] {
            let indexes = collection.list_indexes().await?.try_collect().await?;
            all.push((collection.name(), indexes));
        }
        Ok(all)
    }
}

pub(super) fn primary() -> SelectionCriteria {
    SelectionCriteria::ReadPreference(ReadPreference::Primary)
}

/// Acknowledged by a majority of the members, each of which has it in its journal.
pub(super) fn durable() -> WriteConcern {
    let mut concern = WriteConcern::builder()
        .w(Acknowledgment::Majority)
        .journal(true)
        .build();
    // Without a majority a write would wait for ever.
    concern.w_timeout = Some(WRITE_LIMIT);
    concern
}

fn session_indexes() -> [IndexModel; 4] {
    [
        index(
            "by_token",
            doc! { "user": 1, "token_hash": 1 },
            Holds::UniqueKeys,
        ),
        index(
            "by_number",
            doc! { "user": 1, "number": 1 },
            Holds::UniqueKeys,
        ),
        // `open` and `expires_at` are there until the session ends, `ended_at` from then on.
        index(
            "open_by_user",
            doc! { "user": 1 },
            Holds::Those(doc! { "open": true }),
        ),
        index(
            "open_by_expiry",
            doc! { "expires_at": 1 },
            Holds::ThoseWithTheKey,
        ),
    ]
}

/// What old records of a collection are told by, and the TTL index on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Age {
    name: &'static str,
    /// A BSON date.
    pub instant: &'static str,
    /// The status of the records that may be forgotten, where not all of them may.
    status: Option<&'static str>,
}

/// Holds no session but those that have ended, so that no other can be forgotten, whatever its fields say.
pub(super) const SESSIONS_AGE: Age = Age {
    name: "ended_by_age",
    instant: "ended_at",
    status: Some("ended"),
};

pub(super) const ALERTS_AGE: Age = Age {
    name: "by_age",
    instant: "created_at",
    status: None,
};

impl Age {
    /// Which records may be forgotten: a query has to say so for the index to serve it.
    pub(super) fn of(self) -> Document {
        self.status
            .map_or_else(Document::new, |status| doc! { "status": status })
    }

    fn index(self, retention: Duration) -> IndexModel {
        let holds = self
            .status
            .map_or(Holds::ThoseWithTheKey, |_| Holds::Those(self.of()));
        let mut index = index(self.name, doc! { self.instant: 1 }, holds);
        if let Some(options) = &mut index.options {
            options.expire_after = Some(retention);
        }
        index
    }
}

/// Which documents an index holds.
enum Holds {
    UniqueKeys,
    ThoseWithTheKey,
    Those(Document),
}

fn index(name: &str, keys: Document, holds: Holds) -> IndexModel {
    let mut options = IndexOptions::builder().name(name.to_owned()).build();
    match holds {
        Holds::UniqueKeys => options.unique = Some(true),
        Holds::ThoseWithTheKey => options.sparse = Some(true),
        Holds::Those(condition) => options.partial_filter_expression = Some(condition),
    }
    IndexModel::builder().keys(keys).options(options).build()
}
