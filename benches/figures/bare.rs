//! The database without sessiond: what no server over it could better.

use bson::Document;
use mongodb::{
    Client, Collection,
    options::{Acknowledgment, CollectionOptions, WriteConcern},
};

use crate::server::Database;

/// A collection that is written to as sessiond writes: to a majority, with its journal.
pub async fn collection(database: &Database) -> Collection<Document> {
    let client = Client::with_uri_str(&database.uri).await.unwrap();
    let concern = WriteConcern::builder()
        .w(Acknowledgment::Majority)
        .journal(true)
        .build();
    let options = CollectionOptions::builder().write_concern(concern).build();
    client
        .database(&database.name)
        .collection_with_options("bare", options)
}
