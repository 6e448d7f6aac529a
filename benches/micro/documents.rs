//! An operation's document: from the cache, and parsed.

use std::{cell::Cell, num::NonZeroU32, sync::Arc, time::Duration};

use clap::Parser;
use criterion::{BatchSize, Criterion};
use sessiond::{
    alerts::AlertHub,
    clock::SystemClock,
    config::Cli,
    domain::rules::OnConflict,
    graphql::{Api, OperationRequest},
    random::SystemRandom,
    service::{
        Dependencies, FailureLimits, Registration, RegistrationLimits, Service, ServiceConfig,
    },
    shutdown::Shutdown,
    store::{Store, sqlite::SqliteStore},
};
use sessiond_test_support::fixtures::POLICY;

const QUERY: &str =
    "query($mobile: String!) { user(mobile: $mobile) { id username sessions(first: 2) { nodes {
    sessionKey status device { label } ipAddress createdAt lastSeenAt } } } }";

pub fn benchmark(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("sessiond.db")).unwrap();
    let api = api(Arc::new(store));
    let request = |query: String| OperationRequest {
        query: Some(query),
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

fn api(store: Arc<dyn Store>) -> Api {
    let dependencies = Dependencies {
        hub: Arc::new(AlertHub::new(Arc::clone(&store))),
        store,
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        shutdown: Shutdown::default(),
    };
    let config = ServiceConfig {
        policy: POLICY,
        on_conflict: OnConflict::Reject,
        client_on_conflict: Vec::new(),
        service_key: None,
        failure_limits: FailureLimits {
            per_mobile: NonZeroU32::MIN,
            per_address: NonZeroU32::MIN,
            refill_interval: Duration::from_secs(1),
        },
        registration: Registration::Anyone,
        registration_limits: RegistrationLimits {
            per_address: NonZeroU32::MIN,
            refill_interval: Duration::from_secs(1),
        },
        max_concurrent_hashes: 1,
        retention: Duration::from_hours(24),
    };
    let limits = Cli::parse_from(["sessiond"]).settings.operation_limits;
    Api::new(
        Arc::new(Service::new(dependencies, config).unwrap()),
        limits,
        false,
    )
}
