//! Crashes: a node or the database is killed while logins are in progress.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use serde_json::{Value, json};
use sessiond_test_support::{
    AlertSubscription, DEADLINE, MongoDatabase, MongoServer, ServerProcess, Socket, within,
    within_deadline,
};
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use crate::start_node;

/// The user agent of a writer's last login.
const LAST: &str = "last";

/// The time that the writers have for all of their logins. A killed node leaves nothing locked.
const WRITERS_TIMEOUT: Duration = Duration::from_mins(3);

fn mobile_of(writer: usize) -> String {
    format!("901234500{writer}")
}

/// Logs in one user repeatedly. Each login takes over from the previous one.
struct Writer {
    mobile: String,
    nodes: Vec<Arc<ServerProcess>>,
    /// The index of the current node. If it is killed, the writer switches to the next one.
    node: usize,
    /// The number of logins that must be acknowledged.
    logins: usize,
    /// The number of acknowledged logins of all writers.
    acknowledged: watch::Sender<usize>,
}

impl Writer {
    /// Starts one writer for each of the users `0..writers`. They start at different nodes. Also
    /// returns a receiver of the number of acknowledged logins.
    fn start_all(
        writers: usize,
        logins: usize,
        nodes: &[Arc<ServerProcess>],
    ) -> (Vec<JoinHandle<Vec<String>>>, watch::Receiver<usize>) {
        let (acknowledged, progress) = watch::channel(0);
        let start = |writer| {
            let writer = Self {
                mobile: mobile_of(writer),
                nodes: nodes.to_vec(),
                node: writer % nodes.len(),
                logins,
                acknowledged: acknowledged.clone(),
            };
            tokio::spawn(writer.write())
        };
        ((0..writers).map(start).collect(), progress)
    }

    /// Returns the keys of the sessions whose logins were acknowledged, in order.
    async fn write(mut self) -> Vec<String> {
        let mut keys = Vec::new();
        while keys.len() < self.logins {
            let is_last = keys.len() + 1 == self.logins;
            let agent = if is_last { LAST } else { "writer" };
            let input = json!({ "onConflict": "TAKE_OVER", "userAgent": agent });
            let Ok(login) = self.nodes[self.node].try_login(&self.mobile, input).await else {
                self.node = (self.node + 1) % self.nodes.len();
                continue;
            };
            if login.has_errors() {
                assert_eq!(login.error_code(), "UNAVAILABLE");
                continue;
            }
            keys.push(login.data_str("/login/session/sessionKey"));
            self.acknowledged.send_modify(|count| *count += 1);
        }
        keys
    }
}

/// Reads the alerts of one user at one node. If the node is killed, it continues at the next one.
/// Panics if an alert is missing, duplicated or out of order.
struct Reader {
    mobile: String,
    nodes: Vec<Arc<ServerProcess>>,
    /// The number of alerts that the reader has received.
    read: watch::Sender<u64>,
}

impl Reader {
    /// Starts to read the user's later alerts. The task ends after the alert of the last login, and
    /// returns the number of alerts.
    async fn start(
        user: usize,
        nodes: Vec<Arc<ServerProcess>>,
    ) -> (JoinHandle<u64>, watch::Receiver<u64>) {
        let mobile = mobile_of(user);
        let alerts = AlertSubscription::start(nodes[0].service_socket().await, &mobile).await;
        let (read, progress) = watch::channel(0);
        let reader = Self {
            mobile,
            nodes,
            read,
        };
        (tokio::spawn(reader.read(alerts)), progress)
    }

    async fn read(self, mut alerts: AlertSubscription) -> u64 {
        let (mut node, mut last, mut sequence) = (0, Value::Null, 0);
        loop {
            // A user may receive no alert for longer than the deadline. The test that waits for
            // this task has its own deadline.
            let Ok(alert) = timeout(DEADLINE / 2, alerts.try_next_alert()).await else {
                continue;
            };
            let Some(alert) = alert else {
                node += 1;
                alerts = self.nodes[node]
                    .service_socket()
                    .await
                    .subscribe_to_alerts(json!({ "mobile": self.mobile, "after": last }))
                    .await;
                continue;
            };
            sequence += 1;
            assert_eq!(alert["sequence"], sequence);
            // A session whose login failed with `UNAVAILABLE`, but was applied, may be ended first.
            let kind = alert["kind"].as_str().unwrap();
            assert!(
                ["SESSION_REPLACED", "SESSION_INVALIDATED"].contains(&kind),
                "{kind}"
            );
            last = alert["id"].clone();
            self.read.send_replace(sequence);
            if alert["attempt"]["userAgent"] == LAST {
                return sequence;
            }
        }
    }
}

/// Panics if an acknowledged session is missing, if any session but the last acknowledged one is
/// valid, or if the alert log has a gap. Returns the length of the log.
async fn assert_complete(node: &ServerProcess, mobile: &str, acknowledged: &[String]) -> u64 {
    let last = acknowledged.last().unwrap();
    assert_eq!(node.valid_sessions(acknowledged).await, [last.as_str()]);
    assert_eq!(node.valid_sessions_of(mobile).await, [last.as_str()]);
    node.assert_gapless_log(mobile).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_of_a_node_among_8_writers_loses_no_acknowledged_login() {
    const WRITERS: usize = 8;
    const LOGINS: usize = 30;
    let database = MongoDatabase::new().await;
    let killed = Arc::new(start_node(&database.uri, &[]).await);
    let other = Arc::new(start_node(&database.uri, &[]).await);
    let nodes = [Arc::clone(&killed), Arc::clone(&other)];
    for writer in 0..WRITERS {
        other.create_user(&mobile_of(writer)).await;
    }

    // Two users have a subscriber at the node that will be killed.
    let mut readers = Vec::new();
    for user in 0..2 {
        readers.push(Reader::start(user, nodes.to_vec()).await);
    }
    let (writers, mut progress) = Writer::start_all(WRITERS, LOGINS, &nodes);
    for (_, read) in &mut readers {
        within_deadline(read.wait_for(|read| *read >= 2))
            .await
            .unwrap();
    }
    let a_quarter = WRITERS * LOGINS / 4;
    within_deadline(progress.wait_for(|count| *count >= a_quarter))
        .await
        .unwrap();
    killed.kill();
    assert!(
        *progress.borrow() < WRITERS * LOGINS,
        "the writers finished before the kill"
    );

    let mut lengths = Vec::new();
    for (writer, task) in writers.into_iter().enumerate() {
        let acknowledged = within(WRITERS_TIMEOUT, task).await.unwrap();
        assert_eq!(acknowledged.len(), LOGINS);
        lengths.push(assert_complete(&other, &mobile_of(writer), &acknowledged).await);
    }
    for ((reader, _), length) in readers.into_iter().zip(lengths) {
        assert_eq!(within_deadline(reader).await.unwrap(), length);
    }
}

/// Panics if the node serves a request while its database is down. Only `/healthz` succeeds.
async fn assert_unavailable(node: &ServerProcess, token: &str) {
    let login = node.login(&mobile_of(0), json!({})).await;
    assert_eq!(login.error_code(), "UNAVAILABLE");
    let check = node.get("/verify").bearer_auth(token);
    let query = node.post("/graphql").bearer_auth(token);
    let query = query.json(&json!({ "query": "{ currentSession { status } }" }));
    for request in [check, query] {
        let response = within_deadline(request.send()).await.unwrap();
        assert_eq!(response.status(), 503, "{response:?}");
        assert_eq!(response.headers()["retry-after"], "10");
        let body = response.text().await.unwrap();
        assert!(!body.contains("locations"), "{body}");
    }
    let authorization = json!(format!("Bearer {token}"));
    assert_eq!(
        Socket::rejected_init(node.address, authorization).await,
        1013
    );
    assert_eq!(node.get_status("/readyz").await, 503);
    assert_eq!(node.get_status("/healthz").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_survive_a_kill_of_the_database_and_no_alert_is_lost() {
    const WRITERS: usize = 4;
    const LOGINS: usize = 40;
    let Some(mut server) = MongoServer::start_own(&[]).await else {
        return;
    };
    let uri = server.uri("killed");
    let nodes = [
        Arc::new(start_node(&uri, &[]).await),
        Arc::new(start_node(&uri, &[]).await),
    ];
    for writer in 0..WRITERS {
        nodes[0].create_user(&mobile_of(writer)).await;
    }
    let other_user = nodes[0].create_user(&mobile_of(WRITERS)).await;

    // Two users have a subscriber at each node.
    let mut readers = Vec::new();
    for (user, node) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let reader = Reader::start(user, vec![Arc::clone(&nodes[node])]).await;
        readers.push((user, reader));
    }
    let (writers, mut progress) = Writer::start_all(WRITERS, LOGINS, &nodes);
    for killed_after in [WRITERS * LOGINS / 4, WRITERS * LOGINS / 2] {
        within_deadline(progress.wait_for(|count| *count >= killed_after))
            .await
            .unwrap();
        server.kill().await;
        for node in &nodes {
            assert_unavailable(node, &other_user.token).await;
        }
        server.start_again().await;
    }

    let mut lengths = Vec::new();
    for (writer, acknowledged) in join_all(writers).await.into_iter().enumerate() {
        let acknowledged = acknowledged.unwrap();
        lengths.push(assert_complete(&nodes[0], &mobile_of(writer), &acknowledged).await);
    }
    for (user, (reader, _)) in readers {
        assert_eq!(within_deadline(reader).await.unwrap(), lengths[user]);
    }
    for node in &nodes {
        assert_eq!(node.get_status("/readyz").await, 200);
        assert_eq!(node.verify_status(&other_user.token).await, 200);
    }
}
