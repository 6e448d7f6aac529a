//! A rolling upgrade: two nodes are stopped and replaced, one after the other, while users log in and a
//! subscriber follows its log.

use std::sync::Arc;

use serde_json::{Value, json};
use sessiond_test_support::{
    EVENT_STREAM, EventStream, MongoDatabase, SERVICE_KEY, ServerProcess, UNBOUNDED_ALERTS,
    within_deadline,
};
use tokio::sync::watch;

use crate::start_node;

const WRITERS: usize = 4;

/// The logins that each writer makes before a node is stopped, and again after it was replaced.
const LOGINS_BETWEEN: usize = 3;

/// The nodes that the load balancer knows.
type Nodes = Vec<Arc<ServerProcess>>;

fn mobile_of(writer: usize) -> String {
    format!("901234520{writer}")
}

/// Logs a user in, at one node after the other as a load balancer does, until `nodes` is closed. Returns
/// the names of all acknowledged logins.
async fn write(
    writer: usize,
    nodes: watch::Receiver<Nodes>,
    acknowledged: watch::Sender<[usize; WRITERS]>,
) -> Vec<String> {
    let (mobile, mut names) = (mobile_of(writer), Vec::new());
    for attempt in writer.. {
        if nodes.has_changed().is_err() {
            break;
        }
        let node = {
            let nodes = nodes.borrow();
            Arc::clone(&nodes[attempt % nodes.len()])
        };
        let name = format!("writer {writer}, attempt {attempt}");
        let input = json!({ "onConflict": "TAKE_OVER", "userAgent": name });
        match node.try_login(&mobile, input).await {
            Ok(login) if login.has_errors() => assert_eq!(login.error_code(), "UNAVAILABLE"),
            Ok(login) => {
                assert_eq!(login.data("/login/outcome"), "LOGGED_IN");
                names.push(name);
                acknowledged.send_modify(|counts| counts[writer] += 1);
            }
            // The node no longer accepts connections.
            Err(_) => {}
        }
    }
    names
}

/// Waits until each writer has made some more logins.
async fn wait_for_logins(progress: &mut watch::Receiver<[usize; WRITERS]>) {
    let before = *progress.borrow_and_update();
    let has_progressed = |counts: &[usize; WRITERS]| {
        let mut pairs = counts.iter().zip(&before);
        pairs.all(|(now, before)| now - before >= LOGINS_BETWEEN)
    };
    within_deadline(progress.wait_for(has_progressed))
        .await
        .unwrap();
}

/// Follows the alerts of a user at one node after the other, with `after`, until the one of the login
/// with this name. Returns their numbers.
async fn follow(nodes: watch::Receiver<Nodes>, mut after: String, last: &'static str) -> Vec<u64> {
    let query = "subscription($mobile: String, $after: ID) {
        sessionAlerts(mobile: $mobile, after: $after) { id sequence attempt { userAgent } } }";
    let mut sequences = Vec::new();
    for attempt in 0_usize.. {
        let node = {
            let nodes = nodes.borrow();
            Arc::clone(&nodes[attempt % nodes.len()])
        };
        let variables = json!({ "mobile": mobile_of(0), "after": after });
        let request = node
            .post("/graphql")
            .header("accept", EVENT_STREAM)
            .bearer_auth(SERVICE_KEY)
            .json(&json!({ "query": query, "variables": variables }));
        // The node may have stopped.
        let Ok(response) = request.send().await else {
            continue;
        };
        let mut stream = EventStream::new(response);
        while let Some(block) = stream.next_block().await {
            let Some((_, data)) = block.split_once("event: next\ndata:") else {
                continue;
            };
            let event: Value = serde_json::from_str(data).unwrap();
            let alert = &event["data"]["sessionAlerts"];
            alert["id"].as_str().unwrap().clone_into(&mut after);
            sequences.push(alert["sequence"].as_u64().unwrap());
            if alert["attempt"]["userAgent"] == last {
                return sequences;
            }
        }
    }
    unreachable!("the loop ends with the last alert")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_upgrade_under_load_loses_no_login_and_no_alert() {
    const LAST: &str = "after the upgrade";
    let database = MongoDatabase::new().await;
    let start = async || Arc::new(start_node(&database.uri, &[UNBOUNDED_ALERTS]).await);
    let old = vec![start().await, start().await];
    for writer in 0..WRITERS {
        old[0].create_user(&mobile_of(writer)).await;
    }
    let cursor = old[0].alert_cursor(&mobile_of(0)).await;
    let (nodes, known) = watch::channel(old.clone());
    let (count, mut progress) = watch::channel([0; WRITERS]);
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| tokio::spawn(write(writer, known.clone(), count.clone())))
        .collect();
    let subscriber = tokio::spawn(follow(known, cursor, LAST));

    // As an operator does it: stop one node, start its successor, and go on when it is ready.
    for (index, stopped) in old.iter().enumerate() {
        wait_for_logins(&mut progress).await;
        stopped.signal("TERM");
        assert!(stopped.exit().await.success());
        let successor = start().await;
        nodes.send_modify(|nodes| nodes[index] = successor);
    }
    wait_for_logins(&mut progress).await;
    let last = Arc::clone(&nodes.borrow()[0]);
    drop(nodes);
    for (writer, task) in writers.into_iter().enumerate() {
        let acknowledged = within_deadline(task).await.unwrap();
        let mobile = mobile_of(writer);
        let sessions = last
            .all_nodes(&mobile, "sessions", "userAgent isValid")
            .await;
        let valid = sessions.iter().filter(|session| session["isValid"] == true);
        assert_eq!(valid.count(), 1, "{mobile}");
        for name in acknowledged {
            let count = sessions
                .iter()
                .filter(|session| session["userAgent"] == name.as_str());
            assert_eq!(count.count(), 1, "{mobile}: {name}");
        }
        last.assert_gapless_log(&mobile).await;
    }
    let input = json!({ "onConflict": "TAKE_OVER", "userAgent": LAST });
    last.login(&mobile_of(0), input)
        .await
        .data("/login/outcome");
    let received = within_deadline(subscriber).await.unwrap();
    let length = last.assert_gapless_log(&mobile_of(0)).await;
    assert!(received.iter().copied().eq(1..=length), "{received:?}");
}
