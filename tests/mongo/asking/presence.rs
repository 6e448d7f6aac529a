//! What a node announces about its listeners, as other nodes read it.

use std::time::Duration;

use bson::{Document, doc};
use sessiond::{
    domain::SessionKey,
    store::{Listening, Store, mongo::MongoStore},
};
use sessiond_test_support::{MongoDatabase, fixtures::unique_id};

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test]
async fn a_session_that_has_ceased_to_listen_is_remembered_for_a_time() {
    let database = MongoDatabase::new().await;
    let store = database.open_store().await;
    let (node, session) = (unique_id(), SessionKey::new(unique_id()));
    let announce = async |listens, away_after| {
        let changes = [(session, listens)];
        let announced = store.announce_listeners(node, &changes, away_after).await;
        announced.unwrap();
        store.listening(session).await.unwrap()
    };
    assert_eq!(store.listening(session).await.unwrap(), Listening::No);
    assert_eq!(announce(true, HOUR).await, Listening::Now);
    assert_eq!(announce(false, HOUR).await, Listening::Recently);
    assert_eq!(announce(true, HOUR).await, Listening::Now);
    assert_eq!(announce(false, Duration::ZERO).await, Listening::No);
}

#[tokio::test]
async fn a_session_that_listens_at_two_nodes_ceases_with_the_second_one() {
    let database = MongoDatabase::new().await;
    let (first, second) = (database.open_store().await, database.open_store().await);
    let nodes = [unique_id(), unique_id()];
    let session = SessionKey::new(unique_id());
    let announce = async |store: &MongoStore, node, listens| {
        let changes = [(session, listens)];
        let announced = store.announce_listeners(node, &changes, HOUR).await;
        announced.unwrap();
    };
    announce(&first, nodes[0], true).await;
    announce(&second, nodes[1], true).await;
    for (store, node, left) in [
        (&first, nodes[0], Listening::Now),
        (&second, nodes[1], Listening::Recently),
    ] {
        announce(store, node, false).await;
        assert_eq!(store.listening(session).await.unwrap(), left);
    }
}

#[tokio::test]
async fn a_device_whose_node_has_died_has_time_to_connect_again() {
    let database = MongoDatabase::new().await;
    let (store, raw) = (database.open_store().await, database.raw().await);
    let session = SessionKey::new(unique_id());
    let changes = [(session, true)];
    let announced = store.announce_listeners(unique_id(), &changes, HOUR).await;
    announced.unwrap();
    // The lease has ended, and no other node has removed the entry yet.
    let nodes = raw.collection::<Document>("nodes");
    nodes.delete_many(doc! {}).await.unwrap();
    assert_eq!(store.listening(session).await.unwrap(), Listening::Recently);
}
