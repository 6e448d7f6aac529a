//! The queries of the store, recorded by the database's profiler and explained.

use std::{future::Future, time::Duration};

use bson::{Document, doc};
use futures_util::TryStreamExt;
use sessiond::{
    domain::rules::OnConflict,
    store::{ClockMark, Commit, Page, Store, Touch, mongo::MongoStore},
};
use sessiond_test_support::{
    MongoDatabase, StoreLists,
    fixtures::{POLICY, START, active, expiry, login, registration, take_over, unique_mobile},
};

use crate::token_hash;

/// A query that the database has executed.
#[derive(Debug)]
struct Query {
    collection: String,
    filter: Document,
    sort: Option<Document>,
}

impl Query {
    /// Whether the query selects a range of `_id`, or all documents in the order of `_id`.
    fn is_range_of_ids(&self) -> bool {
        let range = self.filter.get_document("_id");
        self.filter.is_empty() || range.is_ok_and(|range| !range.contains_key("$in"))
    }
}

/// The queries that the database executes while `work` runs.
async fn record(raw: &mongodb::Database, work: impl Future<Output = ()>) -> Vec<Query> {
    let profile = raw.collection::<Document>("system.profile");
    raw.run_command(doc! { "profile": 0 }).await.unwrap();
    profile.drop().await.unwrap();
    raw.run_command(doc! { "profile": 2 }).await.unwrap();
    work.await;
    raw.run_command(doc! { "profile": 0 }).await.unwrap();
    let entries: Vec<Document> = profile
        .find(doc! {})
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    entries
        .iter()
        .flat_map(|entry| queries_of(raw.name(), entry))
        .collect()
}

/// The queries of one entry of the profile, which is a read, an update or a deletion.
fn queries_of(database: &str, entry: &Document) -> Vec<Query> {
    let Ok(command) = entry.get_document("command") else {
        return Vec::new();
    };
    let namespace = entry.get_str("ns").unwrap_or_default();
    let Some(collection) = namespace.strip_prefix(&format!("{database}.")) else {
        return Vec::new();
    };
    filters_of(command)
        .into_iter()
        .map(|filter| Query {
            collection: collection.to_owned(),
            filter,
            sort: command.get_document("sort").ok().cloned(),
        })
        .collect()
}

/// The filters of one command, in the fields that the kinds of commands use.
fn filters_of(command: &Document) -> Vec<Document> {
    let mut filters = Vec::new();
    for name in ["updates", "deletes"] {
        let statements = command.get_array(name).into_iter().flatten();
        filters.extend(statements.filter_map(|statement| {
            let filter = statement.as_document()?.get_document("q");
            filter.ok().cloned()
        }));
    }
    for name in ["q", "filter", "query"] {
        filters.extend(command.get_document(name).ok().cloned());
    }
    if let Ok([first, ..]) = command.get_array("pipeline").map(Vec::as_slice) {
        let filter = first
            .as_document()
            .and_then(|stage| stage.get_document("$match").ok());
        filters.extend(filter.cloned());
    }
    filters
}

/// The plan of a query, and the statistics of its execution.
struct Explanation {
    plan: String,
    stats: Document,
}

async fn explain(raw: &mongodb::Database, query: &Query) -> Explanation {
    let mut find = doc! { "find": &query.collection, "filter": &query.filter };
    if let Some(sort) = &query.sort {
        find.insert("sort", sort);
    }
    if !is_mongod(raw).await {
        // The planner of SecantusDB uses an index on `_id` only if the filter has no other field,
        // and sorts even if the index has the order.
        find.remove("sort");
        if let Some(id) = query.filter.get("_id") {
            find.insert("filter", doc! { "_id": id });
        }
    }
    let explained = raw
        .run_command(doc! { "explain": find, "verbosity": "executionStats" })
        .await
        .unwrap();
    let planner = explained.get_document("queryPlanner").unwrap();
    Explanation {
        plan: planner.get_document("winningPlan").unwrap().to_string(),
        stats: explained.get_document("executionStats").unwrap().clone(),
    }
}

/// True for MongoDB itself, and false for SecantusDB.
async fn is_mongod(raw: &mongodb::Database) -> bool {
    !raw.run_command(doc! { "buildInfo": 1 })
        .await
        .unwrap()
        .contains_key("secantusVersion")
}

impl Explanation {
    /// True if the plan uses an index, scans no collection and sorts nothing.
    fn is_index_scan(&self) -> bool {
        let has = |stage: &str| self.plan.contains(stage);
        (has("IXSCAN") || has("IDHACK")) && !has("COLLSCAN") && !has("\"SORT\"")
    }

    fn count(&self, name: &str) -> i64 {
        let count = self.stats.get(name).unwrap();
        count.as_i64().or(count.as_i32().map(i64::from)).unwrap()
    }

    /// The numbers of keys and documents that the database examined.
    fn examined(&self) -> (i64, i64) {
        (
            self.count("totalKeysExamined"),
            self.count("totalDocsExamined"),
        )
    }
}

async fn assert_index_scans(raw: &mongodb::Database, queries: &[Query]) {
    let is_mongod = is_mongod(raw).await;
    for query in queries {
        // SecantusDB scans the collection for a range of `_id`.
        if !is_mongod && query.is_range_of_ids() {
            continue;
        }
        let explanation = explain(raw, query).await;
        assert!(
            explanation.is_index_scan(),
            "{query:?}: {}",
            explanation.plan
        );
    }
}

#[track_caller]
fn assert_names_shard_key(query: &Query) {
    let shard_key = match &*query.collection {
        "users" | "mobiles" | "failed_logins" => "_id",
        _ => "user",
    };
    assert!(query.filter.contains_key(shard_key), "{query:?}");
}

/// Commits of one user, one of every kind. The first commit comes again at the end.
fn commits_of_every_kind() -> Vec<Commit> {
    let first = registration(unique_mobile());
    let taken_over = take_over(&first.user, "second");
    let asked = login(&taken_over.user, "third", OnConflict::Ask);
    let expired = expiry(&asked.user, START.plus(POLICY.idle_timeout));
    vec![first.clone(), taken_over, asked, expired, first]
}

/// Executes every read that a request may need, and a touch.
async fn serve_requests(store: &MongoStore, registration: &Commit) {
    let (owner, session) = (&registration.user.owner, active(&registration.user));
    store.user(owner.id).await.unwrap();
    store.user_by_mobile(&owner.mobile).await.unwrap();
    store
        .session_by_token(owner.id, &session.token_hash)
        .await
        .unwrap();
    store.session(owner.id, session.key).await.unwrap();
    for before in [None, Some(9)] {
        let page = Page { before, limit: 5 };
        store.sessions(owner.id, page).await.unwrap();
        store.alerts(owner.id, page).await.unwrap();
    }
    store.count_sessions(owner.id).await.unwrap();
    let alerts = store.alerts_after(owner.id, 0, 5).await.unwrap();
    store.alert(alerts[0].id()).await.unwrap();
    let touch = Touch {
        user: owner.id,
        session: session.key,
        at: START,
    };
    store.touch(&[touch]).await.unwrap();
}

#[tokio::test]
async fn queries_of_requests_scan_an_index_and_name_the_shard_key() {
    let database = MongoDatabase::new().await;
    let (store, raw) = (database.open_store().await, database.raw().await);
    let commits = commits_of_every_kind();
    let queries = record(&raw, async {
        for commit in &commits {
            store.commit(commit.clone()).await.unwrap();
        }
        serve_requests(&store, &commits[0]).await;
    })
    .await;
    assert!(queries.len() > 15, "{queries:?}");
    queries.iter().for_each(assert_names_shard_key);
    assert_index_scans(&raw, &queries).await;
}

#[tokio::test]
async fn queries_of_the_service_and_of_maintenance_scan_an_index() {
    let database = MongoDatabase::new().await;
    let (store, raw) = (database.open_store().await, database.raw().await);
    let commits = commits_of_every_kind();
    for commit in &commits {
        store.commit(commit.clone()).await.unwrap();
    }
    let user = &commits[0].user;
    let queries = record(&raw, async {
        store.sessions_by_key(&[active(user).key]).await.unwrap();
        store.overdue(START, 5).await.unwrap();
        store.summaries_due(START..=START, 5).await.unwrap();
        for after in [None, Some(user.owner.id)] {
            store.seen_after(START, after, 5).await.unwrap();
        }
        let later = START.plus(Duration::from_secs(9999));
        for mark in [ClockMark::At(START), ClockMark::AtLeast(later)] {
            store.save_clock_mark(mark).await.unwrap();
        }
        store.clock_mark().await.unwrap();
        store.purge(later, 1).await.unwrap();
        store.delete_user(user.owner.id).await.unwrap();
    })
    .await;
    assert!(queries.len() > 8, "{queries:?}");
    assert_index_scans(&raw, &queries).await;
}

/// Adds copies of the user's ended session.
async fn add_ended_sessions(raw: &mongodb::Database, count: i64) {
    let sessions = raw.collection::<Document>("sessions");
    let ended = sessions
        .find_one(doc! { "status": "ended" })
        .await
        .unwrap()
        .unwrap();
    let copies = (0..count).map(|number| {
        let mut copy = ended.clone();
        copy.insert("_id", bson::Uuid::new());
        // The user's document would hide higher numbers than it knows.
        copy.insert("number", -number);
        copy.insert("token_hash", token_hash(number));
        copy
    });
    sessions.insert_many(copies).await.unwrap();
}

#[tokio::test]
async fn a_token_check_and_a_login_examine_no_more_with_a_long_history() {
    let database = MongoDatabase::new().await;
    let (store, raw) = (database.open_store().await, database.raw().await);
    let first = registration(unique_mobile());
    let user = first.user.owner.id;
    store.commit(first.clone()).await.unwrap();
    let second = take_over(&first.user, "second");
    store.commit(second.clone()).await.unwrap();
    store
        .maintain(START.plus(Duration::from_hours(1)), 10)
        .await
        .unwrap();
    add_ended_sessions(&raw, 1000).await;
    assert_eq!(store.count_sessions(user).await.unwrap(), 2 + 1000);

    let token = active(&second.user).token_hash;
    let check = record(&raw, async {
        store.session_by_token(user, &token).await.unwrap().unwrap();
    })
    .await;
    let [check] = &check[..] else {
        panic!("not one query: {check:?}")
    };
    assert_names_shard_key(check);
    assert_eq!(explain(&raw, check).await.examined(), (1, 1));

    let login = record(&raw, async {
        let mobile = &second.user.owner.mobile;
        store.user_by_mobile(mobile).await.unwrap().unwrap();
        let third = take_over(&second.user, "third");
        store.commit(third).await.unwrap();
    })
    .await;
    assert_eq!(login.len(), 3, "{login:?}");
    for query in &login {
        let (keys, documents) = explain(&raw, query).await.examined();
        assert!(
            keys <= 1 && documents <= 1,
            "{query:?}: {keys} keys, {documents} documents"
        );
    }
}
