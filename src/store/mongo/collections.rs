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

use bson::{Document, RawDocumentBuf, doc};
use mongodb::{
    Client, Collection, Database, IndexModel,
    options::{
        Acknowledgment, DatabaseOptions, IndexOptions, ReadConcern, ReadPreference, SelectionCriteria,
        WriteConcern,
    },
};

use super::{WRITE_LIMIT, errors::code};

/// The server says so where a collection is there already.
const NAMESPACE_EXISTS: i32 = 48;

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

    /// Makes the collections and the indexes that are missing. A transaction over several shards can make no collection.
    pub(super) async fn create(&self) -> mongodb::error::Result<()> {
        for collection in [&self.users, &self.mobiles] {
            match self.database.create_collection(collection.name()).await {
                Err(error) if code(&error) != Some(NAMESPACE_EXISTS) => return Err(error),
                _ => {}
            }
        }
        self.sessions.create_indexes(session_indexes()).await?;
        self.alerts.create_indexes(alert_indexes()).await?;
        Ok(())
    }

    /// The indexes that the database has, as `collection.index`.
    pub(super) async fn index_names(&self) -> mongodb::error::Result<Vec<String>> {
        let mut names = Vec::new();
        for collection in [&self.sessions, &self.alerts] {
            let found = collection.list_index_names().await?;
            names.extend(found.into_iter().map(|index| format!("{}.{index}", collection.name())));
        }
        Ok(names)
    }
}

pub(super) fn primary() -> SelectionCriteria {
    SelectionCriteria::ReadPreference(ReadPreference::Primary)
}

/// Acknowledged by a majority of the members, each of which has it in its journal.
pub(super) fn durable() -> WriteConcern {
    let mut concern = WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build();
    // Without a majority a write would wait for ever.
    concern.w_timeout = Some(WRITE_LIMIT);
    concern
}

fn session_indexes() -> [IndexModel; 5] {
    [
        index("by_token", doc! { "user": 1, "token_hash": 1 }, Holds::UniqueKeys),
        index("by_number", doc! { "user": 1, "number": 1 }, Holds::UniqueKeys),
        // `open` and `expires_at` are there until the session ends, `ended_at` from then on.
        index("open_by_user", doc! { "user": 1 }, Holds::Those(doc! { "open": true })),
        index("open_by_expiry", doc! { "expires_at": 1 }, Holds::ThoseWithTheKey),
        index("ended_by_age", doc! { "ended_at": 1 }, Holds::ThoseWithTheKey),
    ]
}

fn alert_indexes() -> [IndexModel; 2] {
    [
        index("by_sequence", doc! { "user": 1, "sequence": 1 }, Holds::UniqueKeys),
        index("by_age", doc! { "created_at": 1 }, Holds::ThoseWithTheKey),
    ]
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
