//! The time from a login at one node to its alert at the other node.

use std::time::Instant;

use bson::doc;
use futures_util::StreamExt;
use serde_json::json;

use sessiond_test_support::{AlertSubscription, MOBILE};

use crate::{Cluster, bare_mongo, durations::Durations};

const ALERTS: usize = 500;

pub async fn print(cluster: &Cluster) {
    let [subscriber, writer] = &cluster.nodes;
    writer.create_user(MOBILE).await;
    let mut alerts = AlertSubscription::start(subscriber.service_socket().await, MOBILE).await;
    let (mut responded, mut alerted) = (Vec::new(), Vec::new());
    for device in 0..ALERTS {
        // Each login comes from another device, so each one raises an alert.
        let input = json!({ "userAgent": format!("device {device}") });
        let start = Instant::now();
        let login = async {
            let login = writer.login(MOBILE, input).await;
            assert_eq!(login.data("/login/outcome"), "REFUSED");
            start.elapsed()
        };
        let alert = async {
            assert_eq!(alerts.next_kind().await, "LOGIN_REFUSED");
            start.elapsed()
        };
        let (login, alert) = tokio::join!(login, alert);
        responded.push(login);
        alerted.push(alert);
    }

    let collection = bare_mongo::collection(&cluster.database).await;
    let mut changes = collection.watch().await.unwrap();
    let (mut inserted, mut notified) = (Vec::new(), Vec::new());
    for sequence in 0..ALERTS {
        let document =
            doc! { "kind": "LOGIN_REFUSED", "sequence": i64::try_from(sequence).unwrap() };
        let start = Instant::now();
        let insert = async {
            collection.insert_one(document).await.unwrap();
            start.elapsed()
        };
        let change = async {
            changes.next().await.unwrap().unwrap();
            start.elapsed()
        };
        let (insert, change) = tokio::join!(insert, change);
        inserted.push(insert);
        notified.push(change);
    }
    println!("\nTime after a login at one node is sent:");
    println!(
        "  its response                          {}",
        Durations::new(responded)
    );
    println!(
        "  its alert at the other node           {}",
        Durations::new(alerted)
    );
    println!("Time after an insert without sessiond is sent:");
    println!(
        "  its response                          {}",
        Durations::new(inserted)
    );
    println!(
        "  its event in a driver's change stream {}",
        Durations::new(notified)
    );
}
