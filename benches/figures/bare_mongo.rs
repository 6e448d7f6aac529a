//! The database without sessiond: an upper limit for every server that uses the database.

use bson::{Document, doc};
use mongodb::{
    Client, Collection,
    options::{Acknowledgment, CollectionOptions, WriteConcern},
};
use sessiond_test_support::MongoDatabase;

/// About the bytes that a take-over adds to the oplog, and about the other bytes of a user with half
/// a tail.
const WRITTEN_BYTES: usize = 1500;
const KEPT_BYTES: usize = 4000;

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

/// A document of the size of a user's, which is compared and set. This is the write of a login without
/// anything else: without the expressions of a commit, without an index, and without an archive.
pub struct OneDocument {
    collection: Collection<Document>,
    id: bson::oid::ObjectId,
    version: i64,
}

impl OneDocument {
    pub async fn insert(collection: &Collection<Document>) -> Self {
        let id = bson::oid::ObjectId::new();
        let document = doc! {
            "_id": id, "version": 0_i64, "written": "", "kept": "k".repeat(KEPT_BYTES),
        };
        collection.insert_one(document).await.unwrap();
        Self {
            collection: collection.clone(),
            id,
            version: 0,
        }
    }

    pub async fn compare_and_set(&mut self) {
        let next = self.version + 1;
        // Different bytes in each update, because a server may leave out what stays the same.
        let written = format!("{next:0>WRITTEN_BYTES$}");
        let filter = doc! { "_id": self.id, "version": self.version };
        let update = doc! { "$set": { "version": next, "written": written } };
        let updated = self.collection.update_one(filter, update).await.unwrap();
        assert_eq!(updated.matched_count, 1);
        self.version = next;
    }
}
