//! The number of logins that two nodes commit in a second. Each login is a take-over, and writes one
//! document. Each user logs in at one node, which has the user in memory. After every eighth alert
//! of a user, the node archives the tail of the user with a read and three more writes.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use bson::{Document, doc};
use futures_util::future::join_all;
use mongodb::Collection;
use serde_json::json;

use sessiond_test_support::ServerProcess;

use crate::{
    Cluster,
    bare_mongo::{self, OneDocument},
};

const DURATION: Duration = Duration::from_secs(10);

pub async fn print(cluster: &Cluster) {
    println!("\nA second:      logins    inserts without sessiond    updates of one document each");
    let collection = bare_mongo::collection(&cluster.database).await;
    for writers in [1, 16] {
        let mobiles: Vec<_> = (0..writers)
            .map(|writer| format!("90123{writers:02}4{writer:02}"))
            .collect();
        for mobile in &mobiles {
            cluster.nodes[0].create_user(mobile).await;
        }
        let logins = rate(async |run| {
            let writers = mobiles.iter().zip(cluster.nodes.iter().cycle());
            join_all(writers.map(|(mobile, node)| log_in(node, mobile, run))).await;
        })
        .await;
        let inserts = rate(async |run| {
            join_all((0..writers).map(|_| insert(&collection, run))).await;
        })
        .await;
        let updates = rate(async |run| {
            join_all((0..writers).map(|_| update(&collection, run))).await;
        })
        .await;
        let [of_inserts, of_updates] = [inserts, updates].map(|bare| logins / bare);
        println!(
            "  {writers:>2} at once  {logins:>7.0}    {inserts:>11.0}, ratio {of_inserts:>5.2}    \
             {updates:>11.0}, ratio {of_updates:>5.2}"
        );
    }
}

/// Counts the operations that complete before the time is over.
#[derive(Debug, Default)]
struct Run {
    is_over: AtomicBool,
    completed: AtomicU64,
}

impl Run {
    fn is_running(&self) -> bool {
        !self.is_over.load(Ordering::Relaxed)
    }

    fn count(&self) {
        self.completed.fetch_add(1, Ordering::Relaxed);
    }
}

async fn log_in(node: &ServerProcess, mobile: &str, run: &Run) {
    while run.is_running() {
        let login = node
            .login(mobile, json!({ "onConflict": "TAKE_OVER" }))
            .await;
        assert_eq!(login.data("/login/outcome"), "LOGGED_IN");
        run.count();
    }
}

async fn insert(collection: &Collection<Document>, run: &Run) {
    while run.is_running() {
        collection
            .insert_one(doc! { "kind": "SESSION_REPLACED", "sequence": 1_i64 })
            .await
            .unwrap();
        run.count();
    }
}

async fn update(collection: &Collection<Document>, run: &Run) {
    let mut document = OneDocument::insert(collection).await;
    while run.is_running() {
        document.compare_and_set().await;
        run.count();
    }
}

/// The number of operations that `work` completes in a second.
async fn rate(work: impl AsyncFnOnce(&Run)) -> f64 {
    let run = Run::default();
    let start = Instant::now();
    let timer = async {
        tokio::time::sleep(DURATION).await;
        run.is_over.store(true, Ordering::Relaxed);
    };
    tokio::join!(work(&run), timer);
    #[expect(clippy::cast_precision_loss, reason = "the count is far below 2^52")]
    let completed = run.completed.load(Ordering::Relaxed) as f64;
    completed / start.elapsed().as_secs_f64()
}
