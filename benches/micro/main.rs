//! Micro-benchmarks of the steps that every request or every alert takes: the rules, the check of a
//! token's form, the cache of documents, the routing of alerts, and durable commits. `cargo bench --bench micro`
//! runs all of them, and `cargo bench --bench micro -- rules` runs a group.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

mod alerts;
mod commits;
mod documents;
mod rules;
mod tokens;

use criterion::{criterion_group, criterion_main};

criterion_group!(
    benches,
    rules::benchmark,
    tokens::benchmark,
    documents::benchmark,
    alerts::benchmark,
    commits::benchmark
);
criterion_main!(benches);
