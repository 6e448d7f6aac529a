//! Nodes that are killed at random instants while users log in.
//!
//! `MONGO_TEST_KILLS` sets the number of kills. The default takes about a minute.

use std::{
    collections::HashMap,
    env,
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use serde_json::{Value, json};
use sessiond_test_support::{DEADLINE, MongoDatabase, ServerProcess, within, within_deadline};
use tokio::{sync::watch, task::JoinHandle, time::sleep};

use crate::start_node;

const WRITERS: usize = 8;
const DEFAULT_KILLS: usize = 20;

/// The time within which each user must be able to log in after a kill, in addition to
/// [`BUSY_FACTOR`] times the longest time of the logins just before it: the machine may be busy with
/// other tests.
const NEXT_LOGIN_TIMEOUT: Duration = Duration::from_secs(2);
const BUSY_FACTOR: u32 = 10;

/// A node is killed at most this long after the writers have made their first progress on it.
const MAX_KILL_DELAY: Duration = Duration::from_millis(120);

fn mobile_of(writer: usize) -> String {
    format!("901234510{writer}")
}

/// A login of a user. Its name is its user agent, so each name occurs at most once in the sessions
/// and in the alerts of the user.
fn login_input(name: &str) -> Value {
    json!({ "onConflict": "TAKE_OVER", "userAgent": name })
}

/// Logs in one user at the present node until `nodes` is closed. Returns the names of all logins
/// that were acknowledged.
async fn write(
    writer: usize,
    mut nodes: watch::Receiver<Arc<ServerProcess>>,
    acknowledged: watch::Sender<usize>,
) -> Vec<String> {
    let (mobile, mut names) = (mobile_of(writer), Vec::new());
    for attempt in 0.. {
        let node = Arc::clone(&nodes.borrow_and_update());
        let name = format!("writer {writer}, attempt {attempt}");
        match node.try_login(&mobile, login_input(&name)).await {
            Ok(login) if login.has_errors() => assert_eq!(login.error_code(), "UNAVAILABLE"),
            Ok(login) => {
                assert_eq!(login.data("/login/outcome"), "LOGGED_IN");
                names.push(name);
                acknowledged.send_modify(|count| *count += 1);
            }
            // The node was killed. The end of the test closes the channel.
            Err(_) => {
                if nodes.changed().await.is_err() {
                    break;
                }
            }
        }
    }
    names
}

fn start_standby(uri: &str) -> JoinHandle<ServerProcess> {
    let uri = uri.to_owned();
    tokio::spawn(async move { start_node(&uri, &[]).await })
}

/// Logs in every user at `node`, at once. Panics if one of them has to wait too long. Returns the
/// longest time.
async fn log_in_every_user(node: &ServerProcess, name: &str, limit: Duration) -> Duration {
    let logins = (0..WRITERS).map(async |writer| {
        let (mobile, start) = (mobile_of(writer), Instant::now());
        let login = within(limit, node.login(&mobile, login_input(name))).await;
        assert_eq!(login.data("/login/outcome"), "LOGGED_IN", "user {writer}");
        start.elapsed()
    });
    join_all(logins).await.into_iter().max().unwrap()
}

/// How often each user agent occurs in these nodes of a connection.
fn occurrences<'a>(nodes: &'a [Value], pointer: &str) -> HashMap<&'a str, usize> {
    let mut counts = HashMap::new();
    for name in nodes.iter().filter_map(|node| node.pointer(pointer)) {
        *counts.entry(name.as_str().unwrap()).or_default() += 1;
    }
    counts
}

/// Panics if an acknowledged login or its alert is missing, if anything occurs twice, or if the
/// user has not exactly one valid session.
async fn assert_complete(node: &ServerProcess, mobile: &str, acknowledged: &[String]) {
    let sessions = node
        .all_nodes(mobile, "sessions", "sessionKey userAgent isValid")
        .await;
    let valid = sessions.iter().filter(|session| session["isValid"] == true);
    assert_eq!(valid.count(), 1, "{mobile}");
    let alerts = node
        .all_nodes(mobile, "alerts", "sequence kind attempt { userAgent }")
        .await;
    let opened = occurrences(&sessions, "/userAgent");
    let alerted = occurrences(&alerts, "/attempt/userAgent");
    for (name, count) in opened.iter().chain(&alerted) {
        assert_eq!(*count, 1, "{mobile}: {name}");
    }
    for name in acknowledged {
        assert!(
            opened.contains_key(name.as_str()),
            "{mobile}: no session {name}"
        );
        assert!(
            alerted.contains_key(name.as_str()),
            "{mobile}: no alert {name}"
        );
    }
    // Each login but the registration took over from the session before it.
    assert_eq!(alerts.len() + 1, sessions.len(), "{mobile}");
    node.assert_gapless_log(mobile).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs an idle machine and minutes: run `make mongodb-faults`"]
async fn kills_of_nodes_among_8_writers_lose_nothing_and_leave_nobody_waiting() {
    let kills = env::var("MONGO_TEST_KILLS").map_or(DEFAULT_KILLS, |kills| {
        kills.parse().expect("MONGO_TEST_KILLS is a number")
    });
    let random = RandomState::new();
    let database = MongoDatabase::new().await;
    let steady = start_node(&database.uri, &[]).await;
    for writer in 0..WRITERS {
        steady.create_user(&mobile_of(writer)).await;
    }
    let victim = Arc::new(start_node(&database.uri, &[]).await);
    let (nodes, node) = watch::channel(Arc::clone(&victim));
    let (count, mut progress) = watch::channel(0);
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| tokio::spawn(write(writer, node.clone(), count.clone())))
        .collect();

    let (mut victim, mut steady_logins, mut longest) = (victim, Vec::new(), Vec::new());
    for kill in 0..kills {
        let standby = start_standby(&database.uri);
        let before = *progress.borrow_and_update();
        within_deadline(progress.wait_for(|count| *count > before))
            .await
            .unwrap();
        let next = Arc::new(within_deadline(standby).await.unwrap());
        let name = format!("before kill {kill}");
        let busy = log_in_every_user(&steady, &name, DEADLINE).await;
        steady_logins.push(name);
        // The instant of the kill must be a random one, so no event can be awaited.
        sleep(MAX_KILL_DELAY.mul_f64(fraction(random.hash_one(kill)))).await;
        victim.kill();
        let name = format!("after kill {kill}");
        let limit = NEXT_LOGIN_TIMEOUT + busy * BUSY_FACTOR;
        let after = log_in_every_user(&steady, &name, limit).await;
        longest.push((after, busy));
        steady_logins.push(name);
        nodes.send_replace(Arc::clone(&next));
        victim = next;
    }
    drop(nodes);
    victim.kill();
    let last = "after the last kill".to_owned();
    log_in_every_user(&steady, &last, DEADLINE).await;
    steady_logins.push(last);

    for (writer, task) in writers.into_iter().enumerate() {
        let mut acknowledged = within_deadline(task).await.unwrap();
        assert!(!acknowledged.is_empty());
        acknowledged.extend(steady_logins.clone());
        assert_complete(&steady, &mobile_of(writer), &acknowledged).await;
    }
    let (acknowledged, mut before) = (*progress.borrow(), Vec::new());
    longest.sort_unstable();
    before.extend(longest.iter().map(|(_, before)| *before));
    before.sort_unstable();
    println!(
        "{kills} kills, {acknowledged} acknowledged logins. The longest of 8 logins: median {:?}, \
         maximum {:?} after a kill; median {:?}, maximum {:?} before it",
        longest[kills / 2].0,
        longest[kills - 1].0,
        before[kills / 2],
        before[kills - 1],
    );
}

/// Converts random bits to a number from 0 to 1.
fn fraction(bits: u64) -> f64 {
    f64::from((bits >> 32) as u32) / f64::from(u32::MAX)
}
