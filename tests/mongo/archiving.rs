//! Archiving: the copies of a tail, the bound of a tail, and what readers see meanwhile.

use std::{sync::Arc, time::Duration};

use bson::{Document, doc};
use futures_util::TryStreamExt;
use sessiond::store::{Store, StoreError, mongo::MongoStore, sqlite::SqliteStore};
use sessiond_test_support::{
    DEADLINE, Failure, Fault, MongoDatabase, MongoRelay, Statement,
    fixtures::{START, StoredUser},
    within,
};

use crate::history::{
    Command, History, Outcome,
    Step::{self, Approve, Ask, Deny, Logout, Purge, Refuse, Register, TakeOver},
};

/// The bounds of a tail.
const MAX_TAIL_ENTRIES: usize = 32;
const MAX_TAIL_BYTES: usize = 32 * 1024;

/// A tail with sessions and alerts that is too short to be archived after a commit.
const SHORT: [Step; 7] = [Register, Refuse, TakeOver, Ask, Deny, TakeOver, Ask];

/// A history on SQLite and on MongoDB.
struct Archived {
    database: MongoDatabase,
    history: History,
    store: MongoStore,
    _folder: tempfile::TempDir,
}

impl Archived {
    async fn new() -> Self {
        let database = MongoDatabase::new().await;
        let folder = tempfile::tempdir().unwrap();
        let sqlite = SqliteStore::open(&folder.path().join("twin.db")).unwrap();
        Self {
            history: History::new(Arc::new(sqlite)),
            store: database.open_store().await,
            database,
            _folder: folder,
        }
    }

    /// Opens the database again through a relay.
    async fn open_behind_relay(&self) -> (MongoStore, MongoRelay) {
        let relay = MongoRelay::start(&self.database.address()).await;
        let store = self.database.open_store_via(relay.address).await;
        (store, relay)
    }

    async fn run(&mut self, steps: &[Step]) {
        for step in steps {
            let command = self.history.decide(*step);
            assert_eq!(command.execute(&self.store).await, Outcome::Done);
            self.history.apply(&command).await;
        }
    }

    /// Panics if the store does not return what the SQLite store returns.
    async fn assert_equal(&self) {
        let expected = self.history.read(&*self.history.sqlite).await;
        assert_eq!(self.history.read(&self.store).await, expected);
    }

    async fn tails(&self) -> Vec<Document> {
        let users = self.database.raw().await.collection::<Document>("users");
        let users: Vec<_> = users
            .find(doc! {})
            .await
            .unwrap()
            .try_collect()
            .await
            .unwrap();
        let tail = |user: &Document| user.get_document("tail").cloned().unwrap_or_default();
        users.iter().map(tail).collect()
    }

    async fn assert_tail_within_bounds(&self) {
        for tail in self.tails().await {
            assert!(tail.len() <= MAX_TAIL_ENTRIES, "{} entries", tail.len());
            let bytes = tail.to_vec().unwrap().len();
            assert!(bytes <= MAX_TAIL_BYTES, "{bytes} bytes");
        }
    }
}

/// A copy of a tail entry to a history.
fn is_copy(statement: &Statement) -> bool {
    let is_write = ["insert", "update"].contains(&&*statement.name);
    is_write && ["sessions", "alerts"].contains(&&*statement.collection)
}

#[tokio::test]
async fn readers_see_the_same_before_and_after_each_statement_of_two_archivers() {
    // The nodes take turns in another order in each round.
    for order in [0b0000_usize, 0b1111, 0b0101, 0b1010, 0b0011] {
        let mut archived = Archived::new().await;
        archived.run(&SHORT).await;
        assert!(archived.tails().await[0].len() > 4);
        let (one, one_relay) = archived.open_behind_relay().await;
        let (other, other_relay) = archived.open_behind_relay().await;
        let relays = [&one_relay, &other_relay];
        for relay in relays {
            relay.hold();
        }
        // A lease does not keep the second node away: it has ended for that node.
        let (early, late) = (Duration::from_mins(10), Duration::from_mins(30));
        let archive = async {
            let archivers = tokio::join!(
                one.maintain(START.plus(early), 100),
                other.maintain(START.plus(late), 100)
            );
            // On a busy machine, an archiver may reach its time limit, because the test holds it.
            for result in <[_; 2]>::from(archivers) {
                assert!(
                    matches!(result, Ok(()) | Err(StoreError::Unavailable(_))),
                    "{result:?}"
                );
            }
        };
        let pass = async {
            for turn in 0.. {
                let held = [one_relay.wait_until_held(), other_relay.wait_until_held()];
                futures_util::future::select_all(held.map(Box::pin)).await;
                archived.assert_equal().await;
                let first = relays[(order >> (turn % 4)) & 1];
                if !first.pass_one() {
                    relays.iter().find(|relay| relay.pass_one());
                }
            }
        };
        // Everything is read between two statements.
        let limit = DEADLINE * 6;
        let archive_in_turns = Box::pin(async {
            tokio::select! {
                () = archive => {}
                () = pass => {}
            }
        });
        within(limit, archive_in_turns).await;
        archived.assert_equal().await;
        let later = START.plus(Duration::from_hours(2));
        archived.store.maintain(later, 100).await.unwrap();
        archived.assert_equal().await;
        assert!(
            archived.tails().await[0].is_empty(),
            "{:?}",
            archived.tails().await
        );
        let copies = |relay: &MongoRelay| {
            relay
                .take_statements()
                .iter()
                .filter(|s| is_copy(s))
                .count()
        };
        assert!(copies(&one_relay) + copies(&other_relay) >= 2);
    }
}

#[tokio::test]
async fn a_tail_stays_within_its_bounds_while_archiving_fails_and_sessions_can_be_ended() {
    let mut archived = Archived::new().await;
    let (store, relay) = archived.open_behind_relay().await;
    archived.run(&[Register]).await;
    relay.fail(Failure {
        of: is_copy,
        after: 0,
        times: usize::MAX,
        fault: Fault::Reject(TIME_LIMIT_EXCEEDED),
        then_down: false,
    });
    let mut refused = 0;
    for _ in 0..40 {
        let command = archived.history.decide(TakeOver);
        match command.execute(&store).await {
            Outcome::Done => archived.history.apply(&command).await,
            Outcome::Unknown => refused += 1,
        }
        archived.assert_tail_within_bounds().await;
    }
    assert!(refused > 0, "the tail has no bound");
    archived.assert_equal().await;
    // A session can be ended, however full the tail is.
    let command = archived.history.decide(Logout);
    assert_eq!(command.execute(&store).await, Outcome::Done);
    archived.history.apply(&command).await;
    archived.assert_tail_within_bounds().await;
    archived.assert_equal().await;

    assert!(!relay.repair().is_empty());
    for step in [TakeOver, Refuse, Ask, Approve, TakeOver] {
        let command = archived.history.decide(step);
        assert_eq!(command.execute(&store).await, Outcome::Done, "{step:?}");
        archived.history.apply(&command).await;
    }
    archived.assert_equal().await;
}

/// The server's error code for an operation that took too long.
const TIME_LIMIT_EXCEEDED: i32 = 50;

#[tokio::test]
async fn a_purge_forgets_nothing_that_is_not_archived() {
    let mut archived = Archived::new().await;
    archived.run(&SHORT).await;
    let (store, relay) = archived.open_behind_relay().await;
    relay.fail(Failure {
        of: is_copy,
        after: 0,
        times: usize::MAX,
        fault: Fault::Reject(TIME_LIMIT_EXCEEDED),
        then_down: false,
    });
    let purge = archived.history.decide(Purge);
    assert_eq!(purge.execute(&store).await, Outcome::Unknown);
    assert!(!archived.tails().await[0].is_empty());
    archived.assert_equal().await;
    relay.repair();
    assert_eq!(purge.execute(&store).await, Outcome::Done);
    archived.history.apply(&purge).await;
    archived.assert_equal().await;
    assert!(matches!(purge, Command::Purge(_)));
}

#[tokio::test]
async fn maintenance_archives_all_old_tails_in_batches() {
    let archived = Archived::new().await;
    let store: Arc<dyn Store> = Arc::new(archived.database.open_store().await);
    for number in 1..=5 {
        StoredUser::register(&store, number)
            .await
            .take_over(1)
            .await;
    }
    assert!(archived.tails().await.iter().all(|tail| !tail.is_empty()));
    let later = START.plus(Duration::from_mins(10));
    store.maintain(later, 2).await.unwrap();
    assert!(archived.tails().await.iter().all(Document::is_empty));
}

#[tokio::test]
async fn the_server_deletes_only_archived_records_and_past_presence_by_their_age() {
    let archived = Archived::new().await;
    let raw = archived.database.raw().await;
    for name in raw.list_collection_names().await.unwrap() {
        let indexes = raw
            .collection::<Document>(&name)
            .list_indexes()
            .await
            .unwrap();
        let indexes: Vec<_> = indexes.try_collect().await.unwrap();
        let expires = indexes.iter().any(|index| {
            let options = index.options.as_ref();
            options.is_some_and(|options| options.expire_after.is_some())
        });
        assert_eq!(
            expires,
            ["sessions", "alerts", "keys", "failed_logins", "presence"].contains(&&*name),
            "{name}"
        );
    }
}
