//! What guessing costs the others: the latency of token checks and the memory of the server, with
//! and without 200 wrong logins a second. `docs/security.md` has the figures.

use std::time::{Duration, Instant};

use reqwest::RequestBuilder;
use serde_json::json;
use sessiond_test_support::{MOBILE, ServerProcess};
use tokio::{task::JoinSet, time::MissedTickBehavior};

use crate::SESSIOND;

const LOGIN: &str = "mutation($input: LoginInput!) { login(input: $input) { outcome } }";

/// How long each measurement takes.
const DURATION: Duration = Duration::from_secs(20);

/// The pause between two token checks.
const CHECK_INTERVAL: Duration = Duration::from_millis(5);

/// The pause between two wrong logins: 200 a second.
const GUESS_INTERVAL: Duration = Duration::from_millis(5);

/// Checks a token at a fixed rate. Returns the latencies in order.
async fn check(server: &ServerProcess, token: &str) -> Vec<Duration> {
    let (end, mut latencies) = (Instant::now() + DURATION, Vec::new());
    let mut ticks = tokio::time::interval(CHECK_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while Instant::now() < end {
        ticks.tick().await;
        let started = Instant::now();
        let response = server.get("/verify").bearer_auth(token).send().await;
        assert_eq!(response.unwrap().status(), 200);
        latencies.push(started.elapsed());
    }
    latencies.sort_unstable();
    latencies
}

/// The wrong login with this number, from an address and for a mobile number of its own, which no
/// limit holds back.
fn guess(server: &ServerProcess, number: u32) -> RequestBuilder {
    let [_, a, b, c] = number.to_be_bytes();
    let mobile = (9_000_000_000_u64 + u64::from(number)).to_string();
    let input = json!({ "mobile": mobile, "username": "A", "password": "wrong lantern 8" });
    server
        .post("/graphql")
        .header("x-real-ip", format!("10.{a}.{b}.{c}"))
        .json(&json!({ "query": LOGIN, "variables": { "input": input } }))
}

fn percentile(latencies: &[Duration], percent: usize) -> Duration {
    latencies[(latencies.len() * percent / 100).min(latencies.len() - 1)]
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes 40 s and prints figures of this machine"]
async fn wrong_logins_leave_token_checks_fast_and_memory_bounded() {
    let flags = ["--client-ip-source=x-real-ip"];
    let server = SESSIOND.server().flags(&flags).service_key().start().await;
    let user = server.create_user(MOBILE).await;
    check(&server, &user.token).await;
    let before = check(&server, &user.token).await;
    let memory_before = server.resident_memory();

    let guesses = async {
        let (end, mut guesses) = (Instant::now() + DURATION, JoinSet::new());
        let mut ticks = tokio::time::interval(GUESS_INTERVAL);
        for number in 0.. {
            ticks.tick().await;
            if Instant::now() > end {
                break;
            }
            guesses.spawn(guess(&server, number).send());
        }
        guesses.len()
    };
    let most_memory = async {
        let (end, mut most) = (Instant::now() + DURATION, 0);
        while Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(50)).await;
            most = most.max(server.resident_memory());
        }
        most
    };
    let (during, sent, memory) = tokio::join!(check(&server, &user.token), guesses, most_memory);
    for (name, latencies) in [("without guesses", &before), ("with guesses", &during)] {
        println!(
            "/verify {name}: p50 {:?}, p99 {:?}, of {} checks",
            percentile(latencies, 50),
            percentile(latencies, 99),
            latencies.len()
        );
    }
    println!(
        "{} wrong logins a second; memory {} MiB before, at most {} MiB",
        sent as u64 / DURATION.as_secs(),
        memory_before >> 20,
        memory >> 20
    );
    // One hash takes 19 MiB, and fewer run at once than there are cores.
    let slots = (std::thread::available_parallelism().unwrap().get() as u64 - 1).max(1);
    assert!(memory < memory_before + (slots * 19 + 64) * (1 << 20));
}
