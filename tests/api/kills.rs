//! The server process is killed again and again while 8 clients write and 4 follow alerts, on one
//! SQLite file. `TEST_KILLS` sets the number of kills.

use std::path::Path;

use futures_util::future::{join, join_all};
use rusqlite::Connection;
use serde_json::json;
use sessiond_test_support::{AlertSubscription, ServerProcess, within_deadline};
use tokio::sync::Semaphore;

use crate::SESSIOND;

const WRITERS: usize = 8;
const SUBSCRIBERS: usize = 4;

/// The number of kills, unless the environment sets another one.
const DEFAULT_KILLS: usize = 5;

/// A user, and what the server has acknowledged to the clients of this user.
struct User {
    mobile: String,
    /// The keys of the sessions whose logins were acknowledged.
    sessions: Vec<String>,
    /// The id of the last alert that the subscriber received, or the first cursor.
    cursor: String,
    /// The sequences of the alerts that the subscriber received.
    alerts: Vec<u64>,
}

impl User {
    async fn create(server: &ServerProcess, number: usize) -> Self {
        let mobile = format!("901234560{number}");
        let session = server.create_user(&mobile).await.session;
        Self {
            cursor: server.alert_cursor(&mobile).await,
            mobile,
            sessions: vec![session],
            alerts: Vec::new(),
        }
    }

    async fn subscribe(&self, server: &ServerProcess) -> AlertSubscription {
        let socket = server.service_socket().await;
        let arguments = json!({ "mobile": self.mobile, "after": self.cursor });
        socket.subscribe_to_alerts(arguments).await
    }
}

/// Takes over repeatedly until the server is killed.
async fn take_over_until_killed(
    server: &ServerProcess,
    mobile: &str,
    acknowledged: &Semaphore,
) -> Vec<String> {
    let (mut sessions, take_over) = (Vec::new(), json!({ "onConflict": "TAKE_OVER" }));
    while let Ok(login) = server.try_login(mobile, take_over.clone()).await {
        sessions.push(login.data_str("/login/session/sessionKey"));
        acknowledged.add_permits(1);
    }
    sessions
}

/// Returns the sequences of the alerts that arrive until the server is killed, and the id of the
/// last one.
async fn follow_until_killed(
    subscription: Option<AlertSubscription>,
) -> (Vec<u64>, Option<String>) {
    let (mut sequences, mut last) = (Vec::new(), None);
    if let Some(mut subscription) = subscription {
        while let Some(alert) = subscription.try_next_alert().await {
            sequences.push(alert["sequence"].as_u64().unwrap());
            last = alert["id"].as_str().map(str::to_owned);
        }
    }
    (sequences, last)
}

/// Starts a server, and kills it after `logins` were acknowledged.
async fn run_and_kill(path: &Path, users: &mut [User], logins: usize) {
    let server = SESSIOND.server().database_file(path).start().await;
    let mut subscriptions = Vec::new();
    for user in &users[..SUBSCRIBERS] {
        subscriptions.push(Some(user.subscribe(&server).await));
    }
    subscriptions.resize_with(users.len(), || None);

    let acknowledged = Semaphore::new(0);
    let clients = users.iter_mut().zip(subscriptions);
    let clients = join_all(clients.map(async |(user, subscription)| {
        let writing = take_over_until_killed(&server, &user.mobile, &acknowledged);
        let following = follow_until_killed(subscription);
        let (sessions, (alerts, last)) = join(writing, following).await;
        user.sessions.extend(sessions);
        user.alerts.extend(alerts);
        user.cursor = last.unwrap_or_else(|| user.cursor.clone());
    }));
    let kill = async {
        let logins = u32::try_from(logins).unwrap();
        acknowledged.acquire_many(logins).await.unwrap().forget();
        server.kill();
    };
    within_deadline(join(clients, kill)).await;
}

fn assert_intact(path: &Path) {
    let file = Connection::open(path).unwrap();
    let check = "PRAGMA integrity_check";
    let result: String = file.query_row(check, [], |row| row.get(0)).unwrap();
    assert_eq!(result, "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_among_8_writers_and_4_subscribers_lose_and_double_nothing() {
    let kills = std::env::var("TEST_KILLS");
    let kills = kills.map_or(DEFAULT_KILLS, |kills| kills.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let server = SESSIOND.server().database_file(&path).start().await;
    let mut users = Vec::new();
    for number in 0..WRITERS {
        users.push(User::create(&server, number).await);
    }
    drop(server);

    for kill in 0..kills {
        // Kills after different numbers of commits, from a first one to some hundreds.
        run_and_kill(&path, &mut users, 1 + kill * 37 % 400).await;
    }

    let server = SESSIOND.server().database_file(&path).start().await;
    let mut acknowledged = 0;
    for user in &mut users[..] {
        let stored = server
            .all_nodes(&user.mobile, "sessions", "sessionKey")
            .await;
        for key in &user.sessions {
            assert!(stored.iter().any(|session| session["sessionKey"] == **key));
        }
        acknowledged += user.sessions.len();
        assert_eq!(server.valid_sessions_of(&user.mobile).await.len(), 1);
        let last = server.assert_gapless_log(&user.mobile).await;
        // Each login but the first one has replaced a session, and raised one alert.
        assert_eq!(last + 1, stored.len() as u64);
    }
    for user in &mut users[..SUBSCRIBERS] {
        let last = server.assert_gapless_log(&user.mobile).await;
        let mut subscription = user.subscribe(&server).await;
        while user.alerts.last().is_none_or(|received| *received < last) {
            let alert = subscription.next_alert().await;
            user.alerts.push(alert["sequence"].as_u64().unwrap());
        }
        assert!(
            user.alerts.iter().copied().eq(1..=last),
            "{:?}",
            user.alerts
        );
    }
    drop(server);
    assert_intact(&path);
    println!("{kills} kills, {acknowledged} acknowledged logins");
}
