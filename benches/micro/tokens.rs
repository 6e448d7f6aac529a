//! The check of a token before its look-up in the store: its form and its hash.

use std::hint::black_box;

use criterion::Criterion;
use sessiond::domain::{Token, UserId};
use sessiond_test_support::fixtures::unique_id;

pub fn benchmark(criterion: &mut Criterion) {
    let text = Token::new(UserId::new(unique_id()), [7; 32]).reveal();
    let token = Token::parse(&text).unwrap();
    let mut group = criterion.benchmark_group("token");
    group.bench_function("parse", |bencher| {
        bencher.iter(|| Token::parse(black_box(&text)));
    });
    group.bench_function("hash", |bencher| bencher.iter(|| black_box(&token).hash()));
    group.finish();
}
