//! A node that is cut off from the database at each statement that it sends. Whatever it leaves
//! behind, another node must read what the SQLite store holds after the same history.
//!
//! `MONGO_TEST_ALL_FAULTS=1` cuts at every statement. The default cuts at some of them, so that
//! the test fits into a run of all tests.

use std::{
    collections::BTreeSet,
    env,
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

use bson::{DateTime, Document, doc};
use futures_util::{StreamExt, stream};
use mongodb::{Client, Database};
use sessiond::store::{Store, mongo::MongoStore, sqlite::SqliteStore};
use sessiond_test_support::{
    Failure, Fault, MAX_RETENTION, MongoDatabase, MongoRelay, Statement, fixtures::START,
    within_deadline,
};

use crate::history::{
    Command, History, Outcome, Reading,
    Step::{
        self, Approve, Ask, Delete, Deny, Expire, Logout, Maintain, Purge, Refuse, Register,
        TakeOver,
    },
};

/// A history that makes every kind of statement. It begins with a registration that takes over an
/// orphaned claim. Its tail is archived after a commit, by maintenance and before a purge. It ends with
/// a deletion, a new registration of the number, and the end of the tombstones.
const EVERY_STEP: [Step; 27] = [
    Register, Refuse, TakeOver, Ask, Approve, Logout, Maintain, TakeOver, Refuse, Ask, Deny,
    TakeOver, TakeOver, TakeOver, TakeOver, TakeOver, Expire, TakeOver, Maintain, TakeOver, Purge,
    TakeOver, TakeOver, Delete, Register, TakeOver, Maintain,
];

/// The age of the orphaned claim. Much more than a registration takes.
const HOUR: Duration = Duration::from_hours(1);

/// The number of runs at the same time.
const CONCURRENCY: usize = 4;

/// Without `MONGO_TEST_ALL_FAULTS`, one statement of this many is cut.
const STRIDE: usize = 8;

/// The length of a random history, and the number of its runs.
const RANDOM_STEPS: usize = 20;
const RANDOM_RUNS: usize = 12;

/// The kinds of statements of which one must have been cut in the runs of [`EVERY_STEP`].
const KINDS: [&str; 12] = [
    "alerts.delete",
    "alerts.insert",
    "mobiles.delete",
    "mobiles.find",
    "mobiles.insert",
    "mobiles.update",
    "sessions.delete",
    "sessions.insert",
    "users.delete",
    "users.find",
    "users.insert",
    "users.update",
];

/// Two nodes, of which one can be cut off, and the store that is right.
struct Twins {
    history: History,
    cut: MongoStore,
    other: Arc<dyn Store>,
    relay: MongoRelay,
    raw: Database,
    _folder: tempfile::TempDir,
}

impl Twins {
    async fn open(server: &MongoDatabase) -> Self {
        // Each run has a database of its own on the server.
        let name = format!("sessiond-test-{}", bson::oid::ObjectId::new());
        let relay = MongoRelay::start(&server.address()).await;
        let uri = server.uri_via(relay.address).replace(&server.name, &name);
        let open = async |uri: &str| MongoStore::open(uri, MAX_RETENTION).await.unwrap();
        let cut = open(&uri).await;
        let direct = server.uri.replace(&server.name, &name);
        let other = open(&direct).await;
        let raw = Client::with_uri_str(&direct).await.unwrap().database(&name);
        let folder = tempfile::tempdir().unwrap();
        let sqlite = SqliteStore::open(&folder.path().join("twin.db")).unwrap();
        let history = History::new(Arc::new(sqlite));
        let orphan = doc! {
            "_id": history.mobile().as_str(),
            "user": bson::Uuid::new(),
            "claimed_at": START.minus(HOUR).as_millis(),
        };
        let claims = raw.collection::<Document>("mobiles");
        claims.insert_one(orphan).await.unwrap();
        Self {
            history,
            cut,
            other: Arc::new(other),
            relay,
            raw,
            _folder: folder,
        }
    }

    /// Makes all tombstones so old that maintenance removes them. Its time is that of the server.
    async fn age_tombstones(&self) {
        let long_ago = DateTime::from_millis(0);
        let users = self.raw.collection::<Document>("users");
        let tombstones = doc! { "deleted_at": { "$exists": true } };
        let aged = users.update_many(tombstones, doc! { "$set": { "deleted_at": long_ago } });
        aged.await.unwrap();
    }

    async fn assert_equal(&self, command: &Command) {
        let expected = self.history.read(&*self.history.sqlite).await;
        let found = self.history.read(&*self.other).await;
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found, expected, "after {command:?}");
        }
    }

    /// What the other node reads. The server may still execute a statement that it received before
    /// the cut, so the first readings may differ.
    async fn settled(&self) -> Vec<Reading> {
        let read = || self.history.read(&*self.other);
        within_deadline(async {
            let mut last = read().await;
            loop {
                let next = read().await;
                if next == last {
                    return next;
                }
                last = next;
            }
        })
        .await
    }

    /// Executes the command at the node that may be cut off, and at the other one too if the node
    /// was cut off before it responded. Returns false in that case.
    async fn execute(&mut self, command: &Command) -> bool {
        let is_down = self.relay.wait_until_down();
        let responded = tokio::select! {
            biased;
            () = is_down => false,
            outcome = command.execute(&self.cut) => outcome == Outcome::Done,
        };
        if responded {
            self.history.apply(command).await;
            return true;
        }
        let before = self.history.read(&*self.history.sqlite).await;
        let during = self.settled().await;
        self.history.apply(command).await;
        let after = self.history.read(&*self.history.sqlite).await;
        // All of the command was applied, or nothing. A purge deletes one record at a time.
        let is_atomic = !matches!(command, Command::Purge(_));
        assert!(
            !is_atomic || during == before || during == after,
            "{command:?} has left {during:#?}"
        );
        let repeat = async { while command.execute(&*self.other).await != Outcome::Done {} };
        within_deadline(repeat).await;
        self.assert_equal(command).await;
        false
    }

    /// Runs a history, and cuts the first node off at the statement with this index. Returns the
    /// statement, or `None` if the history has less statements.
    async fn run(
        mut self,
        index: usize,
        fault: Fault,
        mut next_step: impl FnMut(&History) -> Option<Step>,
    ) -> Option<Statement> {
        // Printed if the test fails.
        println!("cut at statement {index}: {fault:?}");
        self.relay.fail(Failure {
            of: |_| true,
            after: index,
            times: 1,
            fault,
            then_down: true,
        });
        let mut was_cut = false;
        while let Some(step) = next_step(&self.history) {
            let command = self.history.decide(step);
            if step == Step::Maintain {
                self.age_tombstones().await;
            }
            if was_cut {
                // The other node goes on alone.
                assert_eq!(command.execute(&*self.other).await, Outcome::Done);
                self.history.apply(&command).await;
            } else {
                was_cut = !self.execute(&command).await;
            }
        }
        self.assert_equal(&Command::Maintain(START)).await;
        self.relay.failed().pop()
    }
}

/// A random number below `count`, which is always the same for `what`.
fn choose(random: &RandomState, what: &str, count: usize) -> usize {
    usize::try_from(random.hash_one(what) % count as u64).unwrap()
}

fn label(statement: &Statement) -> String {
    format!("{}.{}", statement.collection, statement.name)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs an idle machine and minutes: run `make mongodb-faults`"]
async fn a_node_that_is_cut_off_at_any_statement_leaves_what_the_twin_holds() {
    let cuts_all = env::var_os("MONGO_TEST_ALL_FAULTS").is_some();
    let server = &MongoDatabase::new().await;
    // The default cuts other statements in each run of the test.
    let first = if cuts_all {
        0
    } else {
        choose(&RandomState::new(), "first", STRIDE)
    };
    let stride = if cuts_all { 1 } else { STRIDE };
    let mut kinds = BTreeSet::new();
    for fault in [Fault::LoseRequest, Fault::LoseResponse] {
        let run = |index| async move {
            let mut steps = EVERY_STEP.into_iter();
            let twins = Twins::open(server).await;
            twins.run(index, fault, |_| steps.next()).await
        };
        let indexes = stream::iter((first..).step_by(stride));
        let mut runs = indexes.map(run).buffered(CONCURRENCY);
        while let Some(Some(statement)) = runs.next().await {
            kinds.insert(label(&statement));
        }
    }
    if cuts_all {
        for kind in KINDS {
            assert!(kinds.contains(kind), "no {kind} was cut: {kinds:?}");
        }
    }
    assert!(kinds.len() > 5, "{kinds:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn random_histories_with_a_cut_read_as_in_the_twin() {
    let server = &MongoDatabase::new().await;
    let random = &RandomState::new();
    let run = |run: usize| async move {
        let choose = |what: &str, count| choose(random, &format!("{run} {what}"), count);
        let fault = [Fault::LoseRequest, Fault::LoseResponse][choose("fault", 2)];
        let index = choose("index", 3 * RANDOM_STEPS);
        let mut length = 0;
        let next_step = |history: &History| {
            length += 1;
            let possible = history.possible_steps();
            let step = possible[choose(&format!("step {length}"), possible.len())];
            (length <= RANDOM_STEPS).then_some(step)
        };
        Twins::open(server).await.run(index, fault, next_step).await
    };
    let cuts = stream::iter(0..RANDOM_RUNS).map(run).buffered(CONCURRENCY);
    let cuts: Vec<_> = cuts.filter_map(async |cut| cut).collect().await;
    assert!(cuts.len() > RANDOM_RUNS / 4, "{} cuts", cuts.len());
}
