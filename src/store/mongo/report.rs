//! What the database is and holds, for an operator.

use std::time::Duration;

use bson::doc;
use mongodb::IndexModel;

use super::{MongoStore, errors::unavailable, open::hello, within};
use crate::store::StoreError;

/// What a server of the cluster says of itself, and of the collections.
#[derive(Debug)]
pub struct Report {
    /// As the server says it: a version alone proves nothing of what it can do.
    pub version: String,
    /// The name of the replica set; `None` for a sharded cluster.
    pub replica_set: Option<String>,
    pub database: String,
    pub collections: Vec<CollectionReport>,
}

#[derive(Debug)]
pub struct CollectionReport {
    pub name: String,
    /// In the order of their names.
    pub indexes: Vec<IndexReport>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct IndexReport {
    pub name: String,
    /// The fields, in order.
    pub keys: Vec<String>,
    pub is_unique: bool,
    /// How long after its key the server removes a record, where it does.
    pub forgets_after: Option<Duration>,
}

impl MongoStore {
    /// What the database is, and what it has.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn report(&self) -> Result<Report, StoreError> {
        let collections = &self.collections;
        let report = async {
            let build = collections
                .database
                .run_command(doc! { "buildInfo": 1 })
                .await?;
            let hello = hello(&collections.client).await?;
            let indexes = collections.indexes().await?;
            Ok(Report {
                version: build.get_str("version").unwrap_or("unknown").to_owned(),
                replica_set: hello.get_str("setName").ok().map(str::to_owned),
                database: collections.database.name().to_owned(),
                collections: indexes
                    .into_iter()
                    .map(|(name, indexes)| CollectionReport::of(name, indexes))
                    .collect(),
            })
        };
        within(super::OPERATION_LIMIT, async {
            report
                .await
                .map_err(|error: mongodb::error::Error| unavailable(&error))
        })
        .await
    }
}

impl CollectionReport {
    fn of(name: &str, indexes: Vec<IndexModel>) -> Self {
        let mut indexes: Vec<_> = indexes.into_iter().map(IndexReport::of).collect();
        indexes.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Self {
            name: name.to_owned(),
            indexes,
        }
    }
}

impl IndexReport {
    fn of(index: IndexModel) -> Self {
        let options = index.options.unwrap_or_default();
        Self {
            name: options.name.unwrap_or_default(),
            keys: index.keys.into_iter().map(|(field, _)| field).collect(),
            is_unique: options.unique == Some(true),
            forgets_after: options.expire_after,
        }
    }
}
