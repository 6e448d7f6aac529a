//! A report on the database for an operator.

use std::time::Duration;

use bson::doc;
use mongodb::IndexModel;

use super::{MongoStore, errors::unavailable, open::hello, timeouts::operation};
use crate::{domain::Timestamp, store::StoreError};

/// A server's description of itself and of the collections.
#[derive(Debug)]
pub struct Report {
    /// The version that the server reports. It does not prove that the server has the features of
    /// that version.
    pub version: String,
    /// The name of the replica set. `None` for a sharded cluster.
    pub replica_set: Option<String>,
    /// The server's clock, if it reports it.
    pub time: Option<Timestamp>,
    /// The name of the database.
    pub database: String,
    /// The collections with their indexes.
    pub collections: Vec<CollectionReport>,
}

/// A collection and its indexes.
#[derive(Debug)]
pub struct CollectionReport {
    /// The name of the collection.
    pub name: String,
    /// The indexes, sorted by name.
    pub indexes: Vec<IndexReport>,
}

/// An index of a collection.
#[derive(Debug, PartialEq, Eq)]
pub struct IndexReport {
    /// The name of the index.
    pub name: String,
    /// The indexed fields, in the order of the index.
    pub keys: Vec<String>,
    /// True if no two documents may have the same keys.
    pub is_unique: bool,
    /// The time after the indexed date at which the server deletes a record. `None` if it never
    /// does.
    pub expires_after: Option<Duration>,
}

impl MongoStore {
    /// Reads the server's version, the replica set, and the indexes of the database.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the database cannot be reached.
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
                time: hello
                    .get_datetime("localTime")
                    .ok()
                    .map(|time| Timestamp::from_millis(time.timestamp_millis())),
                database: collections.database.name().to_owned(),
                collections: indexes
                    .into_iter()
                    .map(|(name, indexes)| CollectionReport::of(name, indexes))
                    .collect(),
            })
        };
        operation(async {
            report
                .await
                .map_err(|error: mongodb::error::Error| unavailable(&error))
        })
        .await
    }
}

impl CollectionReport {
    fn of(name: String, indexes: Vec<IndexModel>) -> Self {
        let mut indexes: Vec<_> = indexes.into_iter().map(IndexReport::of).collect();
        indexes.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Self { name, indexes }
    }
}

impl IndexReport {
    fn of(index: IndexModel) -> Self {
        let options = index.options.unwrap_or_default();
        Self {
            name: options.name.unwrap_or_default(),
            keys: index.keys.into_iter().map(|(field, _)| field).collect(),
            is_unique: options.unique == Some(true),
            expires_after: options.expire_after,
        }
    }
}
