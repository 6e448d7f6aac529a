//! Processes that are killed with work under way: a node, and the database.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use crate::{
    node::Node,
    server::{Database, Server},
    support::{DEADLINE, Socket, Subscription, soon},
};

/// The device of a writer's last login.
const LAST: &str = "last";

/// A node that is killed amid a transaction leaves it to the server, which ends it after a minute
/// (`transactionLifetimeLimitSeconds`). Until then nobody else writes that user.
const LEFT_OVER: Duration = Duration::from_mins(3);

fn number(writer: usize) -> String {
    format!("901234500{writer}")
}

/// One user's logins, each taking over from the one before, until `count` of them were answered.
struct Writer {
    mobile: String,
    nodes: Vec<Arc<Node>>,
    /// Which node is asked; the other where it is gone.
    at: usize,
    count: usize,
    /// How many logins were answered, of all writers.
    answered: watch::Sender<usize>,
}

impl Writer {
    /// Answers the keys of the sessions whose opening was answered, in order.
    async fn write(mut self) -> Vec<String> {
        let mut acknowledged = Vec::new();
        while acknowledged.len() < self.count {
            let is_last = acknowledged.len() + 1 == self.count;
            let agent = if is_last { LAST } else { "writer" };
            let input = json!({ "onConflict": "TAKE_OVER", "userAgent": agent });
            let Ok(answer) = self.nodes[self.at].try_login(&self.mobile, input).await else {
                self.at = (self.at + 1) % self.nodes.len();
                continue;
            };
            if answer.0.get("errors").is_some() {
                assert_eq!(answer.code(), "UNAVAILABLE");
                continue;
            }
            acknowledged.push(answer.text("/login/session/sessionKey"));
            self.answered.send_modify(|answered| *answered += 1);
        }
        acknowledged
    }
}

/// Reads one user's alerts at one node after the other, until that of the last login. Each comes once, and in order.
struct Reader {
    mobile: String,
    nodes: Vec<Arc<Node>>,
    /// How many were read.
    read: watch::Sender<u64>,
}

impl Reader {
    /// SubscriptionScope the user from here on. What is read ends with how many alerts that were.
    async fn start(user: usize, nodes: Vec<Arc<Node>>) -> (JoinHandle<u64>, watch::Receiver<u64>) {
        let mobile = number(user);
        let alerts = Subscription::live(nodes[0].socket().await, &mobile).await;
        let (read, reading) = watch::channel(0);
        (
            tokio::spawn(
                Self {
                    mobile,
                    nodes,
                    read,
                }
                .read(alerts),
            ),
            reading,
        )
    }

    async fn read(self, mut alerts: Subscription) -> u64 {
        let (mut at, mut last, mut sequence) = (0, Value::Null, 0);
        loop {
            // Whoever waits for this task has the deadline: here a user may be silent for longer than elsewhere.
            let Ok(heard) = timeout(DEADLINE / 2, alerts.alert_or_end()).await else {
                continue;
            };
            let Some(alert) = heard else {
                at += 1;
                alerts = self.nodes[at]
                    .socket()
                    .await
                    .subscribe(&format!("(mobile: \"{}\", after: {last})", self.mobile))
                    .await;
                continue;
            };
            sequence += 1;
            assert_eq!(
                (&alert["sequence"], &alert["kind"]),
                (&json!(sequence), &json!("SESSION_REPLACED"))
            );
            last = alert["id"].clone();
            self.read.send_replace(sequence);
            if alert["attempt"]["userAgent"] == LAST {
                return sequence;
            }
        }
    }
}

/// At `node`: every acknowledged session is there, the last of them alone is valid, and the log has no gap.
async fn assert_whole(node: &Node, mobile: &str, acknowledged: &[String]) -> u64 {
    let last = acknowledged.last().unwrap();
    assert_eq!(node.valid(acknowledged).await, [last.as_str()]);
    assert_eq!(node.valid_of(mobile).await, [last.as_str()]);
    let log = node.log(mobile).await;
    let length = log.len() as u64;
    assert!(
        log.iter().map(|(sequence, _)| *sequence).eq(1..=length),
        "the log of {mobile} has a gap"
    );
    length
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_killed_amid_8_writers_loses_nothing_that_it_answered() {
    const WRITERS: usize = 8;
    const LOGINS: usize = 30;
    let database = Database::new().await;
    let dying = Arc::new(Node::start(&database.uri, &[]).await);
    let other = Arc::new(Node::start(&database.uri, &[]).await);
    for writer in 0..WRITERS {
        other.register(&number(writer)).await;
    }
    let (answered, mut progress) = watch::channel(0);
    // Two users are followed at the node that dies.
    let mut readers = Vec::new();
    for user in 0..2 {
        let nodes = vec![Arc::clone(&dying), Arc::clone(&other)];
        readers.push(Reader::start(user, nodes).await);
    }
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let nodes = vec![Arc::clone(&dying), Arc::clone(&other)];
            let (mobile, answered) = (number(writer), answered.clone());
            tokio::spawn(
                Writer {
                    mobile,
                    nodes,
                    at: writer % 2,
                    count: LOGINS,
                    answered,
                }
                .write(),
            )
        })
        .collect();
    for (_, read) in &mut readers {
        soon(read.wait_for(|read| *read >= 2)).await.unwrap();
    }
    soon(progress.wait_for(|answered| *answered >= WRITERS * LOGINS / 4))
        .await
        .unwrap();
    dying.kill().await;
    assert!(*progress.borrow() < WRITERS * LOGINS);

    let mut lengths = Vec::new();
    for (writer, task) in writers.into_iter().enumerate() {
        let acknowledged = timeout(LEFT_OVER, task).await.expect("it goes on").unwrap();
        assert_eq!(acknowledged.len(), LOGINS);
        lengths.push(assert_whole(&other, &number(writer), &acknowledged).await);
    }
    for ((reader, _), length) in readers.into_iter().zip(lengths) {
        assert_eq!(soon(reader).await.unwrap(), length);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_outlive_a_database_that_is_killed_and_no_alert_is_lost() {
    const WRITERS: usize = 4;
    const LOGINS: usize = 40;
    let Some(mut server) = Server::own(&[]).await else {
        return;
    };
    let uri = server.uri("killed");
    let nodes = [
        Arc::new(Node::start(&uri, &[]).await),
        Arc::new(Node::start(&uri, &[]).await),
    ];
    for writer in 0..WRITERS {
        nodes[0].register(&number(writer)).await;
    }
    let bystander = number(WRITERS);
    nodes[0].register(&bystander).await;
    let token = nodes[0]
        .login(&bystander, json!({ "onConflict": "TAKE_OVER" }))
        .await
        .text("/login/token");
    // Two users, each followed at both nodes.
    let mut readers = Vec::new();
    for (user, node) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        readers.push((
            user,
            Reader::start(user, vec![Arc::clone(&nodes[node])]).await,
        ));
    }
    let (answered, mut progress) = watch::channel(0);
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let nodes = nodes.iter().map(Arc::clone).collect();
            let (mobile, answered) = (number(writer), answered.clone());
            tokio::spawn(
                Writer {
                    mobile,
                    nodes,
                    at: writer % 2,
                    count: LOGINS,
                    answered,
                }
                .write(),
            )
        })
        .collect();
    for killed_after in [WRITERS * LOGINS / 4, WRITERS * LOGINS / 2] {
        soon(progress.wait_for(|answered| *answered >= killed_after))
            .await
            .unwrap();
        server.kill().await;
        for node in &nodes {
            assert_eq!(
                node.login(&number(0), json!({})).await.code(),
                "UNAVAILABLE"
            );
            assert_eq!(node.verify(&token).await, 503);
            assert_eq!(
                Socket::refused_with(node.address, json!(format!("Bearer {token}"))).await,
                1013
            );
            assert_eq!(node.status("/readyz").await, 503);
            assert_eq!(node.status("/healthz").await, 200);
        }
        server.start_again().await;
    }
    let mut lengths = Vec::new();
    for (writer, acknowledged) in join_all(writers).await.into_iter().enumerate() {
        lengths.push(assert_whole(&nodes[0], &number(writer), &acknowledged.unwrap()).await);
    }
    for (user, (reader, _)) in readers {
        assert_eq!(soon(reader).await.unwrap(), lengths[user]);
    }
    for node in &nodes {
        assert_eq!(node.status("/readyz").await, 200);
        assert_eq!(node.verify(&token).await, 204);
    }
}
