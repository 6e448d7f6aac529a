//! A login's decision, without the store: with each conflict policy, and from the holder's device.

use std::hint::black_box;

use criterion::{BatchSize, Criterion};
use sessiond::domain::rules::{Context, Login, OnConflict, log_in};
use sessiond_test_support::fixtures::{
    POLICY, START, device, new_ids, registration, unique_mobile,
};

pub fn benchmark(criterion: &mut Criterion) {
    let user = registration(unique_mobile()).user;
    let context = Context {
        now: START,
        policy: &POLICY,
    };
    let mut group = criterion.benchmark_group("rules");
    for (name, number, on_conflict) in [
        ("reject", 1, OnConflict::Reject),
        ("take over", 1, OnConflict::TakeOver),
        ("ask", 1, OnConflict::Ask),
        ("same device", 0, OnConflict::Reject),
    ] {
        let login = Login {
            device: device(number),
            on_conflict,
            by_service: true,
            is_new_place: None,
            is_elsewhere: false,
        };
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || (login.clone(), new_ids(user.owner.id)),
                |(login, ids)| log_in(black_box(&user), login, ids, context),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}
