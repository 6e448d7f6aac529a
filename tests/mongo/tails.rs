//! What the store keeps in a user's document, and how it gets to the archive.

use std::{sync::Arc, time::Duration};

use bson::{Document, doc};
use sessiond::{
    domain::{Device, DeviceId, UserAgent, rules::OnConflict},
    store::{Commit, CommitError, Store, StoreError},
};
use sessiond_test_support::{
    MongoDatabase, StoreLists,
    fixtures::{ALL, START, StoredUser, device, device_named},
};

/// Longer than an entry stays in the tail.
const LATER: Duration = Duration::from_mins(2);

/// The number of commits after which a document has forgotten the id of a commit.
const MORE_THAN_THE_RING: u8 = 20;

struct Opened {
    database: MongoDatabase,
    store: Arc<dyn Store>,
}

impl Opened {
    async fn new() -> Self {
        let database = MongoDatabase::new().await;
        let store = Arc::new(database.open_store().await);
        Self { database, store }
    }

    async fn collection(&self, name: &str) -> mongodb::Collection<Document> {
        self.database.raw().await.collection(name)
    }

    /// Archives all tails.
    async fn archive(&self, user: &StoredUser) {
        let meta = self.collection("meta").await;
        meta.delete_one(doc! { "_id": "maintenance" })
            .await
            .unwrap();
        self.store
            .maintain(user.now.plus(LATER), 100)
            .await
            .unwrap();
        let users = self.collection("users").await;
        let with_entries = doc! { "tail_since": { "$exists": true } };
        assert_eq!(users.count_documents(with_entries).await.unwrap(), 0);
    }
}

fn id_of(user: &StoredUser) -> bson::Uuid {
    bson::Uuid::from_bytes(*user.id().as_uuid().as_bytes())
}

#[tokio::test]
async fn texts_that_look_like_expressions_are_stored_as_they_are() {
    let opened = Opened::new().await;
    let mut ada = StoredUser::register(&opened.store, 1).await;
    for text in ["$active", "$$ROOT", "$literal", "a.$b"] {
        let device = Device {
            id: Some(DeviceId::parse(text).unwrap()),
            user_agent: UserAgent::parse(text).unwrap(),
            ..device_named(text)
        };
        ada.log_in(device, OnConflict::TakeOver).await;
        ada.assert_stored().await;
    }
    let before = opened.store.sessions(ada.id(), ALL).await.unwrap().items;
    assert_eq!(before[1].device.user_agent.as_str(), "$literal");
    opened.archive(&ada).await;
    let after = opened.store.sessions(ada.id(), ALL).await.unwrap().items;
    assert_eq!(after, before);
}

#[tokio::test]
async fn a_session_has_no_field_of_the_session_before_it() {
    let opened = Opened::new().await;
    let mut ada = StoredUser::register(&opened.store, 1).await;
    let unnamed = Device {
        id: None,
        ..device(1)
    };
    ada.log_in(unnamed, OnConflict::TakeOver).await;
    ada.assert_stored().await;
    ada.log_in_pending(2).await;
    ada.assert_stored().await;
}

#[tokio::test]
async fn a_repeated_commit_is_recognized_after_many_later_commits() {
    let opened = Opened::new().await;
    let mut ada = StoredUser::register(&opened.store, 1).await;
    let (alerted, _) = ada.log_in(device(1), OnConflict::Reject).await;
    // Two commits on one version: only the second one is applied.
    let lost = ada.decide_take_over(2);
    ada.take_over(2).await;
    let applied = ada.decide_take_over(3);
    opened.store.commit(applied.clone()).await.unwrap();
    ada.state = applied.user.clone();
    for number in 0..MORE_THAN_THE_RING {
        ada.take_over(4 + number).await;
    }
    let again = async |commit: &Commit| opened.store.commit(commit.clone()).await;
    for round in ["in the tail", "in the archive"] {
        for commit in [&alerted, &applied] {
            assert!(again(commit).await.is_ok(), "{round}");
        }
        let lost = again(&lost).await;
        assert!(matches!(lost, Err(CommitError::Stale)), "{round}");
        ada.assert_stored().await;
        opened.archive(&ada).await;
    }
}

#[tokio::test]
async fn the_number_of_a_registration_that_was_cut_off_is_free_after_a_while() {
    let opened = Opened::new().await;
    let mobiles = opened.collection("mobiles").await;
    let (ghost, ghost_commit) = StoredUser::unregistered(&opened.store, 1, START);
    let (ada, mut commit) = StoredUser::unregistered(&opened.store, 2, START);
    commit.user.owner.mobile = ghost.state.owner.mobile.clone();
    let claim = doc! {
        "_id": ghost.state.owner.mobile.as_str(),
        "user": id_of(&ghost),
        "claimed_at": START.as_millis(),
    };
    mobiles.insert_one(claim).await.unwrap();
    let found = opened.store.user_by_mobile(&ghost.state.owner.mobile).await;
    assert_eq!(found.unwrap(), None);
    let young = opened.store.commit(commit.clone()).await;
    assert!(
        matches!(young, Err(CommitError::Store(StoreError::Unavailable(_)))),
        "{young:?}"
    );

    let old = doc! { "$set": { "claimed_at": START.minus(LATER).as_millis() } };
    mobiles.update_one(doc! {}, old).await.unwrap();
    opened.store.commit(commit.clone()).await.unwrap();
    let found = opened.store.user_by_mobile(&commit.user.owner.mobile).await;
    assert_eq!(found.unwrap().map(|user| user.owner.id), Some(ada.id()));
    // The slow registration goes on, and is too late.
    let late = opened.store.commit(ghost_commit).await;
    assert!(matches!(late, Err(CommitError::MobileTaken)), "{late:?}");
    assert_eq!(opened.store.user(ghost.id()).await.unwrap(), None);
    let users = opened.collection("users").await;
    let tombstone = users.find_one(doc! { "_id": id_of(&ghost) }).await.unwrap();
    assert!(tombstone.is_some_and(|found| found.contains_key("deleted_at")));
}

#[tokio::test]
async fn a_deletion_that_was_cut_off_is_finished_by_maintenance() {
    let opened = Opened::new().await;
    let mut ada = StoredUser::register(&opened.store, 1).await;
    ada.take_over(1).await;
    opened.archive(&ada).await;
    let [users, mobiles, sessions, alerts] = [
        opened.collection("users").await,
        opened.collection("mobiles").await,
        opened.collection("sessions").await,
        opened.collection("alerts").await,
    ];
    let mobile = ada.state.owner.mobile.as_str();
    let bury = doc! { "mobile": mobile, "erasing": true, "deleted_at": bson::DateTime::now() };
    users.replace_one(doc! {}, bury).await.unwrap();
    assert_eq!(opened.store.user(ada.id()).await.unwrap(), None);
    let kept = opened.store.session(ada.id(), ada.active()).await.unwrap();
    assert_eq!(kept, None);
    assert_eq!(opened.store.count_sessions(ada.id()).await.unwrap(), 0);

    let counts = async |now| {
        opened.store.maintain(now, 100).await.unwrap();
        let mut counts = Vec::new();
        for collection in [&mobiles, &sessions, &alerts, &users] {
            counts.push(collection.count_documents(doc! {}).await.unwrap());
        }
        counts
    };
    let now = ada.now.plus(LATER * 2);
    assert_eq!(counts(now).await, [0, 0, 0, 1]);
    let tombstone = users.find_one(doc! {}).await.unwrap().unwrap();
    assert!(!tombstone.contains_key("mobile") && !tombstone.contains_key("erasing"));

    // An archiver that had read the tail before the deletion writes after it.
    let late = doc! { "user": id_of(&ada), "number": 1, "token_hash": "late" };
    sessions.insert_one(late).await.unwrap();
    let old = doc! { "$set": { "deleted_at": bson::DateTime::from_millis(0) } };
    users.update_one(doc! {}, old).await.unwrap();
    assert_eq!(counts(now.plus(LATER)).await, [0, 0, 0, 0]);
}

#[tokio::test]
async fn a_damaged_entry_stops_neither_logins_nor_archiving_nor_the_deletion() {
    let opened = Opened::new().await;
    let mut ada = StoredUser::register(&opened.store, 1).await;
    for number in 1..=3 {
        ada.take_over(number).await;
    }
    let users = opened.collection("users").await;
    let damage = doc! { "$set": { "tail.a2": 7, "tail.s2.address": "nowhere", "tail.x": 1 } };
    users.update_one(doc! {}, damage).await.unwrap();
    ada.take_over(4).await;
    ada.assert_stored().await;
    for round in ["in the tail", "in the archive"] {
        let store = &opened.store;
        let sessions = store.sessions(ada.id(), ALL).await;
        assert!(
            matches!(sessions, Err(StoreError::Damaged { .. })),
            "{round}"
        );
        let alerts = store.alerts_after(ada.id(), 1, 9).await;
        assert!(matches!(alerts, Err(StoreError::Damaged { .. })), "{round}");
        assert_eq!(
            store.alerts_after(ada.id(), 2, 9).await.unwrap().len(),
            2,
            "{round}"
        );
        assert_eq!(store.count_sessions(ada.id()).await.unwrap(), 5, "{round}");
        opened.archive(&ada).await;
    }
    assert!(opened.store.delete_user(ada.id()).await.unwrap());
    let sessions = opened.collection("sessions").await;
    assert_eq!(sessions.count_documents(doc! {}).await.unwrap(), 0);
}

#[tokio::test]
async fn one_node_at_a_time_archives_for_all() {
    let opened = Opened::new().await;
    let other = opened.database.open_store().await;
    let mut ada = StoredUser::register(&opened.store, 1).await;
    let sessions = opened.collection("sessions").await;
    let now = ada.now.plus(LATER);
    opened.store.maintain(now, 100).await.unwrap();
    ada.take_over(1).await;
    other.maintain(now, 100).await.unwrap();
    assert_eq!(sessions.count_documents(doc! {}).await.unwrap(), 0);
    other.maintain(now.plus(LATER), 100).await.unwrap();
    assert_eq!(sessions.count_documents(doc! {}).await.unwrap(), 1);
    // After the clock was set back, the lease does not lie in the future.
    ada.take_over(2).await;
    other.maintain(now, 100).await.unwrap();
    assert_eq!(sessions.count_documents(doc! {}).await.unwrap(), 2);
}
