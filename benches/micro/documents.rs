//! An operation's document: from the cache, and parsed.

use std::{cell::Cell, sync::Arc};

use clap::Parser;
use criterion::{BatchSize, Criterion};
use sessiond::{
    config::Cli,
    graphql::{Api, DocumentSource, OperationRequest},
    store::{Store, sqlite::SqliteStore},
};
use sessiond_test_support::fixtures::service;

const QUERY: &str =
    "query($mobile: String!) { user(mobile: $mobile) { id username sessions(first: 2) { nodes {
    sessionKey status device { label } ipAddress createdAt lastSeenAt } } } }";

pub fn benchmark(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("sessiond.db")).unwrap();
    let store: Arc<dyn Store> = Arc::new(store);
    let limits = Cli::parse_from(["sessiond"]).settings.operation_limits;
    let api = Api::new(Arc::new(service(&store)), limits, false);
    let request = |query: String| OperationRequest {
        document: DocumentSource::Text(query),
        ..OperationRequest::default()
    };
    let mut group = criterion.benchmark_group("document");
    group.bench_function("from the cache", |bencher| {
        bencher.iter_batched(
            || request(QUERY.to_owned()),
            |request| api.prepare(request),
            BatchSize::SmallInput,
        );
    });
    let number = Cell::new(0_u64);
    group.bench_function("parsed", |bencher| {
        bencher.iter_batched(
            || {
                number.set(number.get() + 1);
                request(format!("{QUERY} # {}", number.get()))
            },
            |request| api.prepare(request),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}
