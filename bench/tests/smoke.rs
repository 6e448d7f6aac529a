//! A whole run with tiny numbers, so that the benchmark keeps working. It measures debug builds for
//! an instant, so the figures mean nothing.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use clap::Parser;
use sessiond_bench::{
    growth,
    options::{Cli, Command as BenchCommand},
    profile, run,
};

#[tokio::test(flavor = "local")]
async fn every_figure_of_sessiond_and_of_the_ceilings_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let (json, chart) = (
        folder.path().join("results.json"),
        folder.path().join("bench.svg"),
    );
    let arguments = [
        "sessiond-bench".to_owned(),
        flag("sessiond", &sessiond()),
        flag("ceilings", Path::new(env!("CARGO_BIN_EXE_sessiond-bench"))),
        flag("data-folder", folder.path()),
        flag("json", &json),
        flag("chart", &chart),
        "--users=50".to_owned(),
        "--rounds=1".to_owned(),
        "--window=100ms".to_owned(),
        "--warm-up=50ms".to_owned(),
        "--connections=4".to_owned(),
        "--subscribers=20".to_owned(),
        "--alert-rate=50".to_owned(),
    ];
    let options = Cli::parse_from(arguments).options.resolved();

    let results = run(&options).await.unwrap();

    let found: Vec<_> = results
        .requests
        .iter()
        .map(|row| (row.server.as_str(), row.operation.as_str(), row.connections))
        .collect();
    assert_eq!(
        found,
        [
            ("sessiond", "/verify, first in a minute", 4),
            ("sessiond", "/healthz", 4),
            ("sessiond", "/verify", 4),
            ("sessiond", "currentSession", 4),
            ("sessiond", "user, two sessions, first query", 4),
            ("sessiond", "user, two sessions", 4),
            ("sessiond", "login", 64),
            ("sessiond", "login", 1),
            ("bare axum", "GET /", 4),
            ("async-graphql, stock", "currentSession", 4),
            ("async-graphql, stock", "user, two sessions", 4),
            ("async-graphql, cached documents", "currentSession", 4),
            ("async-graphql, cached documents", "user, two sessions", 4),
            (
                "async-graphql, cached, fast validation",
                "currentSession",
                4
            ),
            (
                "async-graphql, cached, fast validation",
                "user, two sessions",
                4
            ),
            ("SQLite alone", "an insert, durable", 1),
            ("SQLite alone", "an insert, durable", 64),
        ]
    );
    for row in &results.requests {
        for spread in [
            row.cpu_microseconds,
            row.cpu_ratio,
            row.per_second,
            row.p99_milliseconds,
        ] {
            assert!(spread.min > 0.0 && spread.min <= spread.median, "{row:?}");
        }
    }
    assert_eq!(results.logins.len(), 6);
    assert_eq!(results.subscribers.len(), 9);
    assert!(
        std::fs::read_to_string(json)
            .unwrap()
            .contains("\"machine\"")
    );
    assert!(
        std::fs::read_to_string(chart)
            .unwrap()
            .ends_with("</svg>\n")
    );
}

#[tokio::test(flavor = "local")]
async fn growth_is_measured_in_files_with_copied_users_whose_tokens_are_valid() {
    let folder = tempfile::tempdir().unwrap();
    let cli = Cli::parse_from([
        "sessiond-bench".to_owned(),
        "growth".to_owned(),
        flag("sessiond", &sessiond()),
        flag("data-folder", folder.path()),
        // The second file has copies of a user, and every tenth user of it sends requests.
        "--users=60,600".to_owned(),
        "--reference=60".to_owned(),
        "--active-users=30".to_owned(),
        "--subscribers=2,4".to_owned(),
        "--alerts=1,300".to_owned(),
        "--rounds=1".to_owned(),
        "--window=50ms".to_owned(),
        "--warm-up=10ms".to_owned(),
    ]);
    let Some(BenchCommand::Growth(options)) = cli.command else {
        panic!("not a growth run");
    };

    let results = growth::run(&options).await.unwrap();

    let counts: Vec<_> = results
        .tables
        .iter()
        .map(|table| (table.of.as_str(), &table.counts[..], table.rows.len()))
        .collect();
    assert_eq!(
        counts,
        [
            ("alerts in a user's log", &[1, 300][..], 4),
            ("idle subscribers", &[2, 4], 3),
            ("users in the file", &[60, 600], 14),
        ]
    );
    let size = &results.tables[2].rows[1].cells[1];
    assert!(size.ratio.median > 5.0, "{size:?}");
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 0, "the files were not deleted");
}

#[tokio::test(flavor = "local")]
async fn the_instructions_of_a_request_are_counted_or_valgrind_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let cli = Cli::parse_from([
        "sessiond-bench".to_owned(),
        "profile".to_owned(),
        "verify".to_owned(),
        "login".to_owned(),
        "bare-axum".to_owned(),
        flag("sessiond", &sessiond()),
        flag("ceilings", Path::new(env!("CARGO_BIN_EXE_sessiond-bench"))),
        flag("data-folder", folder.path()),
        "--users=20".to_owned(),
        "--requests=20".to_owned(),
        "--connections=2".to_owned(),
    ]);
    let Some(BenchCommand::Profile(options)) = cli.command else {
        panic!("not a profile");
    };

    let result = profile::run(&options).await;

    if Command::new("valgrind").arg("--version").output().is_err() {
        let error = result.unwrap_err().to_string();
        assert!(error.contains("needs valgrind"), "{error}");
        return;
    }
    for profile in result.unwrap() {
        assert!(profile.instructions > 1_000.0, "{profile:?}");
        // A request is received and answered.
        assert!(profile.system_calls >= 2.0, "{profile:?}");
        let percent: f64 = profile.crates.iter().map(|share| share.percent).sum();
        assert!((90.0..100.1).contains(&percent), "{profile:?}");
    }
}

fn flag(name: &str, path: &Path) -> String {
    format!("--{name}={}", path.display())
}

/// The server of the same build. `cargo test --workspace` builds it, and `cargo test --package
/// sessiond-bench` does not.
fn sessiond() -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_sessiond-bench")).with_file_name("sessiond");
    if !path.exists() {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--locked", "--package=sessiond"]);
        assert!(build.status().is_ok_and(|status| status.success()));
    }
    path
}
