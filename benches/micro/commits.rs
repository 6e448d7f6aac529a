//! Durable take-overs in the SQLite store, decided by the rules: one at a time, and 64 at once, which
//! share a sync. `SESSIOND_BENCH_FOLDER` names the folder of the file, because a temporary folder
//! may be in memory.

use std::{cell::RefCell, env, sync::Arc};

use criterion::{BatchSize, Criterion, Throughput};
use futures_util::future::join_all;
use sessiond::store::{Commit, Store, sqlite::SqliteStore};
use sessiond_test_support::fixtures::StoredUser;

/// The number of users. Each of the measured commits is of another one.
const USERS: u32 = 20_000;

pub fn benchmark(criterion: &mut Criterion) {
    let folder = match env::var_os("SESSIOND_BENCH_FOLDER") {
        Some(parent) => tempfile::tempdir_in(parent),
        None => tempfile::tempdir(),
    }
    .unwrap();
    let store = SqliteStore::open(&folder.path().join("sessiond.db")).unwrap();
    let store: Arc<dyn Store> = Arc::new(store);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let registrations = (1..=USERS).map(|number| StoredUser::register(&store, number));
    let users = RefCell::new(runtime.block_on(join_all(registrations)));
    let mut next = (0..USERS as usize).cycle();
    let mut decide = |count: usize| -> Vec<Commit> {
        let mut users = users.borrow_mut();
        next.by_ref()
            .take(count)
            .map(|index| {
                let commit = users[index].decide_take_over((users[index].state.version % 2) as u8);
                users[index].state = commit.user.clone();
                commit
            })
            .collect()
    };
    let mut group = criterion.benchmark_group("commit");
    for count in [1, 64] {
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(format!("{count} at once"), |bencher| {
            bencher.iter_batched(
                || decide(count),
                |commits| {
                    let commits = commits.into_iter().map(|commit| store.commit(commit));
                    for committed in runtime.block_on(join_all(commits)) {
                        committed.unwrap();
                    }
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
    runtime.block_on(store.close());
}
