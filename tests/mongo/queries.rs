//! Every query of the store, recorded by the server's profiler and explained.

use std::{future::Future, time::Duration};

use bson::{Document, doc};
use futures_util::TryStreamExt;
use sessiond::{
    domain::rules::OnConflict,
    store::{Page, Store, Touch},
};

use crate::{samples::*, server::Database};

#[derive(Debug)]
struct Query {
    collection: String,
    filter: Document,
    sort: Option<Document>,
}

/// What the server was asked while `work` ran.
async fn recorded(raw: &mongodb::Database, work: impl Future<Output = ()>) -> Vec<Query> {
    raw.run_command(doc! { "profile": 0 }).await.unwrap();
    raw.collection::<Document>("system.profile")
        .drop()
        .await
        .unwrap();
    raw.run_command(doc! { "profile": 2 }).await.unwrap();
    work.await;
    raw.run_command(doc! { "profile": 0 }).await.unwrap();
    let entries: Vec<Document> = raw
        .collection("system.profile")
        .find(doc! {})
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    entries
        .iter()
        .flat_map(|entry| queries(raw.name(), entry))
        .collect()
}

/// What one entry of the profile looks for; the filters of an update or a deletion too.
fn queries(database: &str, entry: &Document) -> Vec<Query> {
    let Ok(command) = entry.get_document("command") else {
        return Vec::new();
    };
    let namespace = entry.get_str("ns").unwrap_or_default();
    let Some(collection) = namespace.strip_prefix(&format!("{database}.")) else {
        return Vec::new();
    };
    let statements = ["updates", "deletes"]
        .iter()
        .filter_map(|&name| command.get_array(name).ok())
        .flatten();
    let mut filters: Vec<_> = statements
        .filter_map(|statement| statement.as_document()?.get_document("q").ok().cloned())
        .collect();
    for name in ["q", "filter", "query"] {
        filters.extend(command.get_document(name).ok().cloned());
    }
    if let Some(first) = command
        .get_array("pipeline")
        .ok()
        .and_then(|stages| stages.first()?.as_document())
    {
        filters.extend(first.get_document("$match").ok().cloned());
    }
    filters
        .into_iter()
        .map(|filter| Query {
            collection: collection.to_owned(),
            filter,
            sort: command.get_document("sort").ok().cloned(),
        })
        .collect()
}

/// What is wrong with the query's plan, and what it examined.
async fn explain(raw: &mongodb::Database, query: &Query) -> (Option<String>, Document) {
    let mut find = doc! { "find": &query.collection, "filter": &query.filter };
    if let Some(sort) = &query.sort {
        find.insert("sort", sort);
    }
    if !is_mongod(raw).await {
        // The planner of the server that stands in for it takes `_id` alone, and sorts where it need not.
        find.remove("sort");
        if let Some(id) = query.filter.get("_id") {
            find.insert("filter", doc! { "_id": id });
        }
    }
    let explained = raw
        .run_command(doc! { "explain": find, "verbosity": "executionStats" })
        .await
        .unwrap();
    let plan = explained
        .get_document("queryPlanner")
        .unwrap()
        .get_document("winningPlan")
        .unwrap()
        .to_string();
    let by_index = ["IXSCAN", "IDHACK"]
        .iter()
        .any(|stage| plan.contains(stage));
    let is_good = by_index && !plan.contains("COLLSCAN") && !plan.contains("\"SORT\"");
    let problem = (!is_good).then(|| format!("{query:?}: {plan}"));
    (
        problem,
        explained.get_document("executionStats").unwrap().clone(),
    )
}

/// Whether the server is MongoDB's own, by what the one that stands in for it says.
async fn is_mongod(raw: &mongodb::Database) -> bool {
    !raw.run_command(doc! { "buildInfo": 1 })
        .await
        .unwrap()
        .contains_key("secantusVersion")
}

/// Fails where a query walks a collection, or sorts what it found.
async fn assert_indexed(raw: &mongodb::Database, queries: &[Query]) {
    let mut problems = Vec::new();
    for query in queries {
        problems.extend(explain(raw, query).await.0);
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

#[tokio::test]
async fn every_query_is_served_by_an_index_and_those_of_the_hot_path_name_the_shard_key() {
    let database = Database::new().await;
    let (store, raw) = (database.open().await, database.raw().await);
    let page = Page {
        before: Some(9),
        limit: 5,
    };
    let first = registration(mobile());
    let owner = first.user.owner.clone();
    let session = active(&first.user).clone();
    let taken = login(&first.user, "second", OnConflict::TakeOver);
    let asked = login(&taken.user, "third", OnConflict::Ask);
    let expired = expiry(&asked.user, NOW.plus(POLICY.idle_timeout));
    let touch = [Touch {
        user: owner.id,
        session: session.key,
        at: NOW,
    }];
    let hot = recorded(&raw, async {
        for commit in [&first, &taken, &asked, &expired, &first] {
            store.commit(commit.clone()).await.unwrap();
        }
        store.user(owner.id).await.unwrap();
        store.user_by_mobile(&owner.mobile).await.unwrap();
        store
            .session_by_token(owner.id, &session.token_hash)
            .await
            .unwrap();
        store.session(owner.id, session.key).await.unwrap();
        store.sessions(owner.id, page).await.unwrap();
        store
            .sessions(
                owner.id,
                Page {
                    before: None,
                    limit: 5,
                },
            )
            .await
            .unwrap();
        store.count_sessions(owner.id).await.unwrap();
        store.alerts(owner.id, page).await.unwrap();
        let alert = store.alerts_after(owner.id, 0, 5).await.unwrap().remove(0);
        store.alert(alert.id()).await.unwrap();
        store.touch(&touch).await.unwrap();
    })
    .await;
    assert!(hot.len() > 20, "{hot:?}");
    for query in &hot {
        let shard_key = if matches!(&*query.collection, "users" | "mobiles") {
            "_id"
        } else {
            "user"
        };
        assert!(query.filter.contains_key(shard_key), "{query:?}");
    }
    let cold = recorded(&raw, async {
        store.sessions_by_key(&[session.key]).await.unwrap();
        store.overdue(NOW, 5).await.unwrap();
        store
            .purge(NOW.plus(Duration::from_secs(9999)), 1)
            .await
            .unwrap();
        store.delete_user(owner.id).await.unwrap();
    })
    .await;
    assert!(cold.len() > 8, "{cold:?}");
    assert_indexed(&raw, &[hot, cold].into_iter().flatten().collect::<Vec<_>>()).await;
}

#[tokio::test]
async fn a_long_history_makes_neither_a_login_nor_a_check_examine_more() {
    let database = Database::new().await;
    let (store, raw) = (database.open().await, database.raw().await);
    let commit = registration(mobile());
    let user = commit.user.owner.id;
    store.commit(commit.clone()).await.unwrap();
    let next = login(&commit.user, "second", OnConflict::TakeOver);
    store.commit(next.clone()).await.unwrap();
    let sessions = raw.collection::<Document>("sessions");
    let old = sessions
        .find_one(doc! { "status": "ended" })
        .await
        .unwrap()
        .unwrap();
    let history = (0..1000_i64).map(|number| {
        let mut old = old.clone();
        old.insert("_id", bson::Uuid::new());
        old.insert("number", number + 100);
        let hash = [number.to_be_bytes(); 4].concat();
        old.insert(
            "token_hash",
            bson::Binary {
                subtype: bson::spec::BinarySubtype::Generic,
                bytes: hash,
            },
        );
        old
    });
    sessions.insert_many(history).await.unwrap();
    assert_eq!(store.count_sessions(user).await.unwrap(), 1002);
    let token = active(&next.user).token_hash;
    let check = recorded(&raw, async {
        store.session_by_token(user, &token).await.unwrap().unwrap();
    })
    .await;
    let [check] = &check[..] else {
        panic!("{check:?}")
    };
    assert!(check.filter.contains_key("user"), "{check:?}");
    assert_eq!(examined(&raw, check).await, (1, 1));
    let login = recorded(&raw, async {
        store
            .user_by_mobile(&next.user.owner.mobile)
            .await
            .unwrap()
            .unwrap();
        store
            .commit(login(&next.user, "third", OnConflict::TakeOver))
            .await
            .unwrap();
    })
    .await;
    assert!(login.len() >= 6, "{login:?}");
    for query in &login {
        let (keys, documents) = examined(&raw, query).await;
        assert!(
            keys <= 1 && documents <= 1,
            "{query:?}: {keys} keys, {documents} documents"
        );
    }
}

/// How many keys and documents the server examines for the query.
async fn examined(raw: &mongodb::Database, query: &Query) -> (i64, i64) {
    let (_, stats) = explain(raw, query).await;
    let count = |name| {
        let count = stats.get(name).unwrap();
        count.as_i64().or(count.as_i32().map(i64::from)).unwrap()
    };
    (count("totalKeysExamined"), count("totalDocsExamined"))
}
