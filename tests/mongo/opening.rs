use bson::doc;
use sessiond::store::{Store, mongo::MongoStore};
use tokio::time::timeout;

use crate::{
    server::{Database, FOREVER, Server, free_port},
    support::DEADLINE,
};

/// The sentence that opening fails with, in time.
async fn refusal(uri: &str) -> String {
    let opened = timeout(DEADLINE * 2, MongoStore::open(uri, FOREVER)).await.expect("an answer comes");
    let sentence = opened.expect_err("it is refused").to_string();
    assert!(!sentence.contains("secret") && !sentence.contains("1234"), "{sentence}");
    sentence
}

#[tokio::test]
async fn a_host_that_nothing_listens_at_is_named() {
    let port = free_port();
    let uri = format!("mongodb://root:secret@127.0.0.1:{port}/sessiond?serverSelectionTimeoutMS=500");
    let sentence = refusal(&uri).await;
    assert!(sentence.starts_with(&format!("cannot reach MongoDB at 127.0.0.1:{port}: ")), "{sentence}");
}

#[tokio::test]
async fn a_uri_that_cannot_be_read_is_not_quoted() {
    for uri in [
        "mongodb://root:sec/secret@localhost/sessiond",
        "mongodb://root:1234/secret@localhost/sessiond",
        "mongodb://root:secret@@localhost",
        "mongodb://root:secret@localhost:port",
        "mongodb://localhost/?readPreference=secret",
        "postgres://secret",
        "",
    ] {
        let sentence = refusal(uri).await;
        assert!(sentence.starts_with("the database's URI cannot be read"), "{sentence}");
    }
}

#[tokio::test]
async fn a_standalone_server_is_refused() {
    let Some(server) = Server::own(&["--standalone"]).await else { return };
    let sentence = refusal(&server.uri("sessiond")).await;
    assert!(sentence.contains("is a standalone server"), "{sentence}");
}

#[tokio::test]
async fn wrong_credentials_are_refused() {
    let Some(mut server) = Server::own(&[]).await else { return };
    let admin = mongodb::Client::with_uri_str(server.uri("admin")).await.unwrap().database("admin");
    let roles = ["root"].as_slice();
    admin.run_command(doc! { "createUser": "root", "pwd": "right", "roles": roles }).await.unwrap();
    server.kill().await;
    server.start_again_with(&["--auth"]).await;
    let uri = |user: &str| {
        format!("mongodb://{user}{}/sessiond?directConnection=true&authSource=admin", server.address())
    };
    let sentence = refusal(&uri("root:secret@")).await;
    assert!(sentence.ends_with("refuses the user name or the password in the URI"), "{sentence}");
    let sentence = refusal(&uri("")).await;
    assert!(sentence.contains("may not read the database"), "{sentence}");
    MongoStore::open(&uri("root:right@"), FOREVER).await.unwrap().close().await;
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    let database = Database::new().await;
    database.open().await.close().await;
    let meta = database.raw().await.collection::<bson::Document>("meta");
    meta.update_one(doc! {}, doc! { "$set": { "version": 2_i64 } }).await.unwrap();
    let sentence = refusal(&database.uri).await;
    assert!(sentence.contains("written by a newer version"), "{sentence}");
}

#[tokio::test]
async fn many_nodes_may_open_one_database_at_once_and_again() {
    let database = Database::new().await;
    let opened = futures_util::future::join_all((0..6).map(|_| database.open())).await;
    for store in opened {
        store.ping().await.unwrap();
        store.close().await;
    }
    database.open().await.ping().await.unwrap();
}

#[tokio::test]
async fn an_index_of_that_name_on_other_keys_is_refused_and_left_alone() {
    let database = Database::new().await;
    let raw = database.raw().await;
    let keys = doc! { "key": { "user": 1 }, "name": "by_age" };
    raw.run_command(doc! { "createIndexes": "alerts", "indexes": [keys] }).await.unwrap();
    let sentence = refusal(&database.uri).await;
    assert!(sentence.contains("has an index that differs from this version's"), "{sentence}");
    let names = raw.collection::<bson::Document>("alerts").list_index_names().await.unwrap();
    assert!(names.iter().any(|name| name == "by_age"), "{names:?}");
}
