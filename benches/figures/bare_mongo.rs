//! The database without sessiond: an upper limit for every server that uses the database.

use bson::Document;
use mongodb::{
    Client, Collection,
    options::{Acknowledgment, CollectionOptions, WriteConcern},
};
use sessiond_test_support::MongoDatabase;

/// A collection with the write concern of sessiond: a majority, with the journal.
pub async fn collection(database: &MongoDatabase) -> Collection<Document> {
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
