//! A database of layout 1, which the release before layout 2 has written: `layout_1.json`.

use std::{collections::BTreeMap, fmt};

use bson::{Bson, Document, doc};
use serde::Deserialize;
use sessiond::{
    domain::{
        AlertId, DeviceId, PasswordHash, Session, SessionKey, Status, TokenHash, UserId, UserState,
    },
    store::{Store, mongo::MongoStore},
};
use sessiond_test_support::{MongoDatabase, StoreLists, fixtures::ALL};
use uuid::Uuid;

/// A collection, in MongoDB's extended JSON.
#[derive(Deserialize)]
struct Dump {
    indexes: Vec<Document>,
    documents: Vec<Document>,
}

/// The collections of layout 1.
pub struct Layout1(BTreeMap<String, Dump>);

impl Layout1 {
    pub fn read() -> Self {
        Self(serde_json::from_str(include_str!("layout_1.json")).unwrap())
    }

    /// A new database with this content.
    pub async fn restore(&self) -> MongoDatabase {
        let database = MongoDatabase::new().await;
        self.restore_into(&database.raw().await).await;
        database
    }

    pub async fn restore_into(&self, raw: &mongodb::Database) {
        raw.drop().await.unwrap();
        for (name, Dump { indexes, documents }) in &self.0 {
            raw.collection::<Document>(name)
                .insert_many(documents)
                .await
                .unwrap();
            if !indexes.is_empty() {
                let command = doc! { "createIndexes": name, "indexes": indexes };
                raw.run_command(command).await.unwrap();
            }
        }
    }

    pub fn documents(&self, collection: &str) -> &[Document] {
        &self.0[collection].documents
    }

    /// Panics if the store does not return exactly what the dump holds.
    pub async fn assert_stored(&self, store: &MongoStore) {
        for user in self.documents("users") {
            let id = UserId::new(uuid(user, "_id").unwrap());
            let stored = store.user(id).await.unwrap().unwrap();
            assert_user(user, &stored);
            let by_number = store.user_by_mobile(&stored.owner.mobile).await.unwrap();
            assert_eq!(by_number.as_ref(), Some(&stored));
            self.assert_history(store, id).await;
        }
        for session in self.documents("sessions") {
            let user = UserId::new(uuid(session, "user").unwrap());
            let key = SessionKey::new(uuid(session, "_id").unwrap());
            let stored = store.session(user, key).await.unwrap().unwrap();
            assert_session(session, &stored);
            let hash = TokenHash::from_bytes(bytes(session, "token_hash").try_into().unwrap());
            let by_token = store.session_by_token(user, &hash).await.unwrap();
            let by_key = store.sessions_by_key(&[key]).await.unwrap();
            assert_eq!(by_token.as_ref(), Some(&stored));
            assert_eq!(by_key, [Some(stored)]);
        }
    }

    async fn assert_history(&self, store: &MongoStore, user: UserId) {
        let of_user = |collection| {
            let all = self.documents(collection).iter();
            all.filter(move |found| uuid(found, "user").as_ref() == Some(user.as_uuid()))
        };
        let sessions = of_user("sessions").count();
        assert_eq!(store.count_sessions(user).await.unwrap(), sessions as u64);
        let page = store.sessions(user, ALL).await.unwrap();
        assert_eq!(page.items.len(), sessions);
        let alerts = store.alerts_after(user, 0, 100).await.unwrap();
        assert_eq!(alerts.len(), of_user("alerts").count());
        for expected in of_user("alerts") {
            let sequence = number(expected, "sequence").try_into().unwrap();
            let alert = store.alert(AlertId { user, sequence }).await.unwrap();
            let alert = alert.unwrap();
            assert!(alerts.contains(&alert));
            assert_eq!(name(alert.kind), text(expected, "kind").replace('_', ""));
            let created_at = expected.get_datetime("created_at").unwrap();
            assert_eq!(alert.created_at.as_millis(), created_at.timestamp_millis());
            assert_eq!(
                uuid(expected, "session"),
                alert.session.map(|key| *key.as_uuid())
            );
            let attempt = expected.get_document("attempt").ok();
            assert_eq!(alert.attempt.is_some(), attempt.is_some());
            if let (Some(attempt), Some(expected)) = (alert.attempt, attempt) {
                assert_eq!(attempt.user_agent.as_str(), text(expected, "user_agent"));
                assert_eq!(Some(attempt.id.id), uuid(expected, "id"));
                assert_eq!(
                    attempt.session.map(|key| *key.as_uuid()),
                    uuid(expected, "session")
                );
            }
        }
    }
}

fn assert_user(expected: &Document, user: &UserState) {
    let key = |session: &Option<Session>| session.as_ref().map(|session| *session.key.as_uuid());
    assert_eq!(user.owner.mobile.as_str(), text(expected, "mobile"));
    assert_eq!(user.owner.username.as_str(), text(expected, "username"));
    let password = user.password.as_ref().map(PasswordHash::as_str);
    assert_eq!(password, expected.get_str("password").ok());
    assert_eq!(user.created_at.as_millis(), number(expected, "created_at"));
    assert_eq!(user.version, count(expected, "version"));
    assert_eq!(user.last_alert, count(expected, "last_alert"));
    assert_eq!(user.sessions_opened, count(expected, "sessions_opened"));
    assert_eq!(key(&user.active), uuid(expected, "active"));
    assert_eq!(key(&user.pending), uuid(expected, "pending"));
    let conflicts = expected.get_array("recent_conflicts").unwrap();
    assert_eq!(user.recent_conflicts.len(), conflicts.len());
    let window = expected.get_document("alert_window").ok();
    let counted = window.map(|window| number(window, "count"));
    assert_eq!(
        user.alert_window.as_ref().map(|window| window.count.into()),
        counted
    );
    let folded = window.and_then(|window| window.get_document("folded").ok());
    let window = user.alert_window.as_ref();
    let stored = window.and_then(|window| window.folded.as_ref());
    assert_eq!(
        stored.map(|folded| i64::from(folded.count)),
        folded.map(|folded| number(folded, "count"))
    );
}

fn assert_session(expected: &Document, session: &Session) {
    assert_eq!(session.number, count(expected, "number"));
    assert_eq!(session.owner.mobile.as_str(), text(expected, "mobile"));
    assert_eq!(session.owner.username.as_str(), text(expected, "username"));
    let device_id = expected.get_str("device_id").ok();
    let device_id = device_id.map(|id| DeviceId::parse(id).unwrap());
    assert_eq!(session.device.id, device_id);
    assert_eq!(
        session.device.user_agent.as_str(),
        text(expected, "user_agent")
    );
    assert_eq!(
        session.device.address.to_string(),
        text(expected, "address")
    );
    assert_eq!(
        session.created_at.as_millis(),
        number(expected, "created_at")
    );
    assert_eq!(
        session.last_seen_at.as_millis(),
        number(expected, "last_seen_at")
    );
    assert_eq!(
        session.idle_timeout.as_millis(),
        count(expected, "idle_timeout").into()
    );
    assert_eq!(
        session.lifetime_ends_at.as_millis(),
        number(expected, "lifetime_ends_at")
    );
    match &session.status {
        Status::Active => assert_eq!(text(expected, "status"), "active"),
        Status::Pending { attempt, until, .. } => {
            assert_eq!(text(expected, "status"), "pending");
            assert_eq!(Some(attempt.id), uuid(expected, "attempt"));
            assert_eq!(until.as_millis(), number(expected, "approve_by"));
        }
        Status::Ended(ended) => {
            let at = expected.get_datetime("ended_at").unwrap();
            assert_eq!(ended.at.as_millis(), at.timestamp_millis());
            let reason = text(expected, "end_reason").replace('_', "");
            assert_eq!(name(ended.reason), reason);
            let successor = ended.replaced_by.map(|key| *key.as_uuid());
            assert_eq!(successor, uuid(expected, "replaced_by"));
        }
    }
}

/// The name of a value in lower case, without who ended a session: layout 1 has not recorded it.
fn name(value: impl fmt::Debug) -> String {
    format!("{value:?}").to_lowercase().replace("(none)", "")
}

pub fn text<'a>(document: &'a Document, field: &str) -> &'a str {
    document.get_str(field).unwrap()
}

fn number(document: &Document, field: &str) -> i64 {
    document.get_i64(field).unwrap()
}

fn count(document: &Document, field: &str) -> u64 {
    number(document, field).try_into().unwrap()
}

fn bytes<'a>(document: &'a Document, field: &str) -> &'a [u8] {
    document.get_binary_generic(field).unwrap()
}

pub fn uuid(document: &Document, field: &str) -> Option<Uuid> {
    match document.get(field) {
        Some(Bson::Binary(binary)) => Some(Uuid::from_slice(&binary.bytes).unwrap()),
        _ => None,
    }
}
