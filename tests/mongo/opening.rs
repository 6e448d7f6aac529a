use std::process::Stdio;

use bson::doc;
use sessiond::store::{Store, mongo::MongoStore};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    time::timeout,
};

use crate::{
    node::sessiond,
    server::{Database, FOREVER, Server, free_port},
    support::DEADLINE,
};

/// The sentence that opening fails with, in time.
async fn refusal(uri: &str) -> String {
    let opened = timeout(DEADLINE * 2, MongoStore::open(uri, FOREVER))
        .await
        .expect("an answer comes");
    let sentence = opened.expect_err("it is refused").to_string();
    assert!(
        !sentence.contains("secret") && !sentence.contains("1234"),
        "{sentence}"
    );
    sentence
}

#[tokio::test]
async fn a_host_that_nothing_listens_at_is_named() {
    let port = free_port();
    let uri =
        format!("mongodb://root:secret@127.0.0.1:{port}/sessiond?serverSelectionTimeoutMS=500");
    let sentence = refusal(&uri).await;
    assert!(
        sentence.starts_with(&format!("cannot reach MongoDB at 127.0.0.1:{port}: ")),
        "{sentence}"
    );
    assert!(
        sentence.contains("refused") && !sentence.contains("Topology"),
        "{sentence}"
    );
    let (is_served, log) = logged(&uri).await;
    assert!(
        !is_served && log.contains(&format!("sessiond: {sentence}")),
        "{log}"
    );
}

/// Whether a node serves with this connection string, and all that it logs until it does or ends.
async fn logged(uri: &str) -> (bool, String) {
    let mut process = sessiond(uri)
        .env("RUST_LOG", "trace")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let mut log = String::new();
    let read = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            log.push_str(&line);
            log.push('\n');
            if line.contains("serving on http://") {
                return true;
            }
        }
        assert!(!process.wait().await.unwrap().success());
        false
    };
    let is_served = timeout(DEADLINE, read).await.expect("it serves, or ends");
    (is_served, log)
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
        assert!(
            sentence.starts_with("the database's URI cannot be read"),
            "{sentence}"
        );
    }
}

#[tokio::test]
async fn a_standalone_server_is_refused() {
    let Some(server) = Server::own(&["--standalone"]).await else {
        return;
    };
    let sentence = refusal(&server.uri("sessiond")).await;
    assert!(sentence.contains("is a standalone server"), "{sentence}");
}

#[tokio::test]
async fn wrong_credentials_are_refused() {
    let Some(mut server) = Server::own(&[]).await else {
        return;
    };
    let admin = mongodb::Client::with_uri_str(server.uri("admin"))
        .await
        .unwrap()
        .database("admin");
    let roles = ["root"].as_slice();
    admin
        .run_command(doc! { "createUser": "root", "pwd": "open-sesame", "roles": roles })
        .await
        .unwrap();
    server.kill().await;
    server.start_again_with(&["--auth"]).await;
    let uri = |user: &str| {
        format!(
            "mongodb://{user}{}/sessiond?directConnection=true&authSource=admin",
            server.address()
        )
    };
    let sentence = refusal(&uri("root:secret@")).await;
    assert!(
        sentence.ends_with("rejects the user name or the password in the URI"),
        "{sentence}"
    );
    let sentence = refusal(&uri("")).await;
    assert!(sentence.contains("may not read the database"), "{sentence}");
    for (credentials, is_right) in [("root:secret@", false), ("root:open-sesame@", true)] {
        let (is_served, log) = logged(&uri(credentials)).await;
        assert_eq!(is_served, is_right, "{log}");
        assert!(
            !log.contains("secret") && !log.contains("open-sesame"),
            "{log}"
        );
    }
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    let database = Database::new().await;
    database.open().await.close().await;
    let meta = database.raw().await.collection::<bson::Document>("meta");
    meta.update_one(doc! {}, doc! { "$set": { "version": 2_i64 } })
        .await
        .unwrap();
    let sentence = refusal(&database.uri).await;
    assert!(
        sentence.contains("written by a newer version"),
        "{sentence}"
    );
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
    raw.run_command(doc! { "createIndexes": "alerts", "indexes": [keys] })
        .await
        .unwrap();
    let sentence = refusal(&database.uri).await;
    assert!(
        sentence.contains("has an index that differs from this version's"),
        "{sentence}"
    );
    let names = raw
        .collection::<bson::Document>("alerts")
        .list_index_names()
        .await
        .unwrap();
    assert!(names.iter().any(|name| name == "by_age"), "{names:?}");
}
