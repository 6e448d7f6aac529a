//! Opening a MongoDB database: errors that name the problem and never a password.

use bson::doc;
use sessiond::store::{Store, mongo::MongoStore};
use sessiond_test_support::{
    DEADLINE, MAX_RETENTION, MongoDatabase, MongoServer, free_port, within, within_deadline,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

use crate::SESSIOND;

/// The text of the error when the database is opened. Panics if it contains a password.
async fn open_error(uri: &str) -> String {
    let opened = within(DEADLINE * 2, MongoStore::open(uri, MAX_RETENTION)).await;
    let sentence = opened.expect_err("the database is rejected").to_string();
    assert!(
        !sentence.contains("secret") && !sentence.contains("1234"),
        "{sentence}"
    );
    sentence
}

#[tokio::test]
async fn an_unreachable_host_is_named() {
    let port = free_port();
    let uri =
        format!("mongodb://root:secret@127.0.0.1:{port}/sessiond?serverSelectionTimeoutMS=500");
    let sentence = open_error(&uri).await;
    assert!(
        sentence.starts_with(&format!("cannot reach MongoDB at 127.0.0.1:{port}: ")),
        "{sentence}"
    );
    assert!(
        sentence.contains("refused") && !sentence.contains("Topology"),
        "{sentence}"
    );
    let (is_served, log) = serve(&uri).await;
    assert!(
        !is_served && log.contains(&format!("sessiond: {sentence}")),
        "{log}"
    );
}

/// Runs a server with this connection string until it serves or exits. Returns whether it served,
/// and its log.
async fn serve(uri: &str) -> (bool, String) {
    let mut command = SESSIOND.command(&["--listen=127.0.0.1:0"]);
    command
        .env("SESSIOND_DATABASE", uri)
        .env("RUST_LOG", "trace");
    let mut process = Command::from(command).kill_on_drop(true).spawn().unwrap();
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
    let is_served = within_deadline(read).await;
    (is_served, log)
}

#[tokio::test]
async fn an_invalid_connection_string_is_not_repeated() {
    for uri in [
        "mongodb://root:sec/secret@localhost/sessiond",
        "mongodb://root:1234/secret@localhost/sessiond",
        "mongodb://root:secret@@localhost",
        "mongodb://root:secret@localhost:port",
        "mongodb://root:se?cret=secret@localhost/?a=b",
        "mongodb://root:1234?secret=secret@localhost/",
        "mongodb://localhost/a/b",
        "postgres://secret",
        "",
    ] {
        let sentence = open_error(uri).await;
        assert!(
            sentence.starts_with("the database's URI cannot be read"),
            "{sentence}"
        );
    }
}

#[tokio::test]
async fn an_invalid_option_of_the_connection_string_is_named_without_its_value() {
    for (options, sentence) in [
        ("readPreference=secret", "the option readPreference of"),
        (
            "replicaSet=rs0&maxPoolsize=10&ssl=secret",
            "the option ssl of",
        ),
        (
            "authsource=admin&replicaset=rs0&retryWrite=true",
            "the option retryWrite of",
        ),
        ("mode=rwc", "the option mode of"),
        ("tls", "has no `=`"),
        ("tls=true&ssl=false", "contradict each other"),
    ] {
        let uri = format!("mongodb://root:1234@localhost/sessiond?{options}");
        let error = open_error(&uri).await;
        assert!(error.contains(sentence), "{options}: {error}");
    }
}

#[tokio::test]
async fn a_database_name_that_the_server_reserves_or_rejects_is_rejected() {
    let error = open_error("mongodb://localhost/sessiond.users").await;
    assert!(error.contains("must not contain a dot"), "{error}");
    for name in ["admin", "config", "local"] {
        let error = open_error(&format!("mongodb://root:secret@localhost/{name}?tls=true")).await;
        assert!(error.contains("belongs to MongoDB itself"), "{error}");
        assert!(error.contains(&format!("authSource={name}")), "{error}");
    }
}

#[tokio::test]
async fn a_standalone_server_is_rejected() {
    let Some(server) = MongoServer::start_own(&["--standalone"]).await else {
        return;
    };
    let sentence = open_error(&server.uri("sessiond")).await;
    assert!(sentence.contains("is a standalone server"), "{sentence}");
}

#[tokio::test]
async fn wrong_credentials_are_rejected() {
    let Some(mut server) = MongoServer::start_own(&[]).await else {
        return;
    };
    server.require_password("root", "open-sesame").await;
    let uri = |user: &str| {
        format!(
            "mongodb://{user}{}/sessiond?directConnection=true&authSource=admin",
            server.address()
        )
    };
    let sentence = open_error(&uri("root:secret@")).await;
    assert!(
        sentence.ends_with("rejects the user name or the password in the URI"),
        "{sentence}"
    );
    let sentence = open_error(&uri("")).await;
    assert!(sentence.contains("may not read the database"), "{sentence}");
    for (credentials, is_right) in [("root:secret@", false), ("root:open-sesame@", true)] {
        let (is_served, log) = serve(&uri(credentials)).await;
        assert_eq!(is_served, is_right, "{log}");
        assert!(
            !log.contains("secret") && !log.contains("open-sesame"),
            "{log}"
        );
    }
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_rejected() {
    let database = MongoDatabase::new().await;
    database.open_store().await.close().await;
    let meta = database.raw().await.collection::<bson::Document>("meta");
    meta.update_one(doc! {}, doc! { "$set": { "version": 3_i64 } })
        .await
        .unwrap();
    let sentence = open_error(&database.uri).await;
    assert!(
        sentence.contains("written by a newer version"),
        "{sentence}"
    );
}

#[tokio::test]
async fn many_nodes_may_open_one_database_at_the_same_time() {
    let database = MongoDatabase::new().await;
    let opened = futures_util::future::join_all((0..6).map(|_| database.open_store())).await;
    for store in opened {
        store.ping().await.unwrap();
        store.close().await;
    }
    database.open_store().await.ping().await.unwrap();
}

#[tokio::test]
async fn an_index_with_the_same_name_and_other_keys_is_rejected_and_kept() {
    let database = MongoDatabase::new().await;
    let raw = database.raw().await;
    let keys = doc! { "key": { "user": 1 }, "name": "by_age" };
    raw.run_command(doc! { "createIndexes": "alerts", "indexes": [keys] })
        .await
        .unwrap();
    let sentence = open_error(&database.uri).await;
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
