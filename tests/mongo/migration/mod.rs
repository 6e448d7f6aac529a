//! The migration of a database of layout 1 to layout 2.

mod layout_1;

use bson::{Document, doc};
use sessiond::{
    domain::UserId,
    store::{Store, mongo::MongoStore},
};
use sessiond_test_support::{
    DEADLINE, Failure, Fault, MAX_RETENTION, MongoDatabase, MongoRelay, run_to_exit, within,
};

use self::layout_1::{Layout1, text, uuid};
use crate::{SESSIOND, start_node};

/// Runs the command `migrate`. Returns true if it succeeded, and its output.
fn migrate(database: &MongoDatabase) -> (bool, String) {
    let mut command = SESSIOND.command(&["migrate"]);
    run_to_exit(command.env("SESSIOND_DATABASE", &database.uri))
}

#[tokio::test]
async fn a_database_of_layout_1_is_migrated_at_start_and_reads_as_before() {
    let layout = Layout1::read();
    let database = layout.restore().await;
    let store = database.open_store().await;
    layout.assert_stored(&store).await;
    store.close().await;
    // The sessions that are open are in the documents of their users only.
    let raw = database.raw().await;
    let sessions = raw.collection::<Document>("sessions");
    let open = sessions.find_one(doc! { "open": true });
    assert_eq!(open.await.unwrap(), None);
    let store = database.open_store().await;
    layout.assert_stored(&store).await;
}

#[tokio::test]
async fn the_command_migrate_counts_what_it_does() {
    let layout = Layout1::read();
    let database = layout.restore().await;
    let (is_success, output) = migrate(&database);
    let (users, sessions) = (
        layout.documents("users").len(),
        layout.documents("sessions").len(),
    );
    let expected = format!("Migrated {users} users and the keys of {sessions} sessions");
    assert!(is_success && output.contains(&expected), "{output}");
    let (is_success, output) = migrate(&database);
    assert!(
        is_success && output.contains("nothing to migrate"),
        "{output}"
    );
    layout.assert_stored(&database.open_store().await).await;
}

#[tokio::test]
async fn a_dry_run_counts_the_users_to_convert_and_changes_nothing() {
    let layout = Layout1::read();
    let database = layout.restore().await;
    let dry_run = || {
        let mut command = SESSIOND.command(&["migrate", "--dry-run"]);
        run_to_exit(command.env("SESSIOND_DATABASE", &database.uri))
    };
    let users = layout.documents("users").len();
    let expected = format!("The documents of {users} users would be converted.");
    for _ in 0..2 {
        let (is_success, output) = dry_run();
        assert!(is_success && output.contains(&expected), "{output}");
    }
    assert!(migrate(&database).0);
    let (is_success, output) = dry_run();
    assert!(
        is_success && output.contains("nothing to migrate"),
        "{output}"
    );
}

#[tokio::test]
async fn users_of_layout_1_log_in_and_are_alerted_after_the_migration() {
    let layout = Layout1::read();
    let database = layout.restore().await;
    let node = start_node(&database.uri, &["--retention=3600d"]).await;
    for user in layout.documents("users") {
        let input = serde_json::json!({
            "username": text(user, "username"),
            "onConflict": "TAKE_OVER",
            "userAgent": "after the migration",
        });
        let mobile = text(user, "mobile");
        let login = node.login(mobile, input).await;
        let key = login.data_str("/login/session/sessionKey");
        assert_eq!(node.valid_sessions_of(mobile).await, [key]);
        node.assert_gapless_log(mobile).await;
    }
}

/// Opens the database through the relay. The relay ends all connections at the statement with this
/// index. Returns false if there is no such statement.
async fn open_and_fail_at(
    database: &MongoDatabase,
    relay: &MongoRelay,
    index: usize,
    fault: Fault,
) -> bool {
    relay.fail(Failure {
        of: |_| true,
        after: index,
        times: 1,
        fault,
        then_down: true,
    });
    let uri = format!(
        "{}&serverSelectionTimeoutMS=200",
        database.uri_via(relay.address)
    );
    let opened = within(DEADLINE, MongoStore::open(&uri, MAX_RETENTION)).await;
    let has_failed = !relay.repair().is_empty();
    assert!(has_failed || opened.is_ok(), "{opened:?}");
    has_failed
}

#[tokio::test]
async fn a_migration_that_is_cut_at_any_statement_is_finished_by_the_next_start() {
    let layout = Layout1::read();
    let database = layout.restore().await;
    let raw = database.raw().await;
    let relay = MongoRelay::start(&database.address()).await;
    for fault in [Fault::LoseRequest, Fault::LoseResponse] {
        let mut index = 0;
        while open_and_fail_at(&database, &relay, index, fault).await {
            let store = database.open_store().await;
            layout.assert_stored(&store).await;
            store.close().await;
            layout.restore_into(&raw).await;
            index += 1;
        }
        // The version, the users, their sessions, the keys, the new documents and the progress.
        assert!(index > 8, "{index} statements");
        layout.restore_into(&raw).await;
    }
}

#[tokio::test]
async fn a_damaged_user_of_layout_1_does_not_stop_the_migration() {
    let layout = Layout1::read();
    let database = layout.restore().await;
    let raw = database.raw().await;
    let users = raw.collection::<Document>("users");
    let damaged = doc! { "active": { "$ne": null } };
    let update = doc! { "$set": { "active": bson::Uuid::new() } };
    let damaged = users.find_one_and_update(damaged, update).await.unwrap();
    let (is_success, output) = migrate(&database);
    assert!(
        is_success && output.contains("Records of 1 users are damaged"),
        "{output}"
    );
    let store = database.open_store().await;
    let id = UserId::new(uuid(&damaged.unwrap(), "_id").unwrap());
    assert!(store.user(id).await.is_err());
    for user in layout.documents("users") {
        let user = UserId::new(uuid(user, "_id").unwrap());
        assert!(user == id || store.user(user).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_user_whom_an_old_node_registers_during_the_migration_is_converted_when_it_is_read() {
    let layout = Layout1::read();
    let database = layout.restore().await;
    let raw = database.raw().await;
    let late = layout.documents("users").last().unwrap();
    let mobiles = raw.collection::<Document>("mobiles");
    let (users, sessions) = (
        raw.collection::<Document>("users"),
        raw.collection::<Document>("sessions"),
    );
    let filter = doc! { "user": late.get("_id") };
    users
        .delete_one(doc! { "_id": late.get("_id") })
        .await
        .unwrap();
    let claim = mobiles
        .find_one_and_delete(filter.clone())
        .await
        .unwrap()
        .unwrap();
    let session = sessions.find_one_and_delete(filter).await.unwrap().unwrap();
    let store = database.open_store().await;
    users.insert_one(late).await.unwrap();
    mobiles.insert_one(claim).await.unwrap();
    sessions.insert_one(session).await.unwrap();
    layout.assert_stored(&store).await;
}

#[tokio::test]
async fn check_reports_layout_1_and_changes_nothing() {
    let layout = Layout1::read();
    let database = layout.restore().await;
    let mut command = SESSIOND.command(&["check", "--listen=127.0.0.1:0"]);
    let (is_success, output) = run_to_exit(command.env("SESSIOND_DATABASE", &database.uri));
    assert!(
        !is_success && output.contains("sessiond migrate"),
        "{output}"
    );
    let users = database.raw().await.collection::<Document>("users");
    for user in layout.documents("users") {
        let stored = users
            .find_one(doc! { "_id": user.get("_id") })
            .await
            .unwrap();
        assert_eq!(stored.as_ref(), Some(user));
    }
}
