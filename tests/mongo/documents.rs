//! Documents that another version of sessiond, or another program, wrote.

use sessiond::store::{ClockMark, Store, StoreError};
use sessiond_test_support::{
    MongoDatabase,
    fixtures::{START, active, registration, unique_mobile},
};

#[tokio::test]
async fn a_document_from_before_the_rules_for_texts_is_read_cleaned() {
    let database = MongoDatabase::new().await;
    let store = database.open_store().await;
    let registration = registration(unique_mobile());
    store.commit(registration.clone()).await.unwrap();
    let raw = database.raw().await;
    let former = bson::doc! { "$set": {
        "username": "Savings\u{202e}knaB",
        "active.user_agent": "\u{202e}99.001.15.891 ta enohPi",
    } };
    let users = raw.collection::<bson::Document>("users");
    let updated = users.update_many(bson::doc! {}, former).await.unwrap();
    assert_eq!(updated.modified_count, 1);
    let user = store
        .user(registration.user.owner.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(user.owner.username.as_str(), "SavingsknaB");
    let session = active(&user);
    assert_eq!(session.owner.username.as_str(), "SavingsknaB");
    assert_eq!(
        session.device.user_agent.as_str(),
        "99.001.15.891 ta enohPi"
    );
}

#[tokio::test]
async fn a_damaged_document_is_an_error_of_its_own_user_only() {
    let database = MongoDatabase::new().await;
    let store = database.open_store().await;
    let (one, other) = (registration(unique_mobile()), registration(unique_mobile()));
    store.commit(one.clone()).await.unwrap();
    store.commit(other.clone()).await.unwrap();
    let raw = database.raw().await;
    let id = bson::Uuid::from_bytes(*one.user.owner.id.as_uuid().as_bytes());
    let users = raw.collection::<bson::Document>("users");
    let damages = [
        bson::doc! { "$set": { "active.address": "nowhere" } },
        bson::doc! { "$set": { "active": 7 } },
        bson::doc! { "$set": { "version": -1_i64 } },
        bson::doc! { "$set": { "mobile": 7 } },
    ];
    for damage in damages {
        let updated = users.update_one(bson::doc! { "_id": id }, damage).await;
        assert_eq!(updated.unwrap().modified_count, 1);
        let found = store.user(one.user.owner.id).await;
        assert!(
            matches!(found, Err(StoreError::Damaged { .. })),
            "{found:?}"
        );
    }
    assert_eq!(
        store.user(other.user.owner.id).await.unwrap().unwrap(),
        other.user
    );
}

#[tokio::test]
async fn a_damaged_clock_mark_counts_as_missing_and_is_replaced() {
    let database = MongoDatabase::new().await;
    let store = database.open_store().await;
    let raw = database.raw().await;
    let meta = raw.collection::<bson::Document>("meta");
    for damaged in [bson::doc! { "mark": "noon" }, bson::doc! {}] {
        store.save_clock_mark(ClockMark::At(START)).await.unwrap();
        let replaced = meta
            .replace_one(bson::doc! { "_id": "clock" }, damaged)
            .await;
        assert_eq!(replaced.unwrap().matched_count, 1);
        assert_eq!(store.clock_mark().await.unwrap(), None);
        store.save_clock_mark(ClockMark::At(START)).await.unwrap();
        assert_eq!(store.clock_mark().await.unwrap(), Some(START));
    }
}
