//! The time from a login at one node to its alert at the other node.

use std::time::{Duration, Instant};

use bson::doc;
use futures_util::StreamExt;
use serde_json::json;

use sessiond_test_support::{AlertSubscription, MOBILE};

use crate::{
    Cluster,
    bare_mongo::{self, OneDocument},
    durations::Durations,
};

const ALERTS: usize = 500;

pub async fn print(cluster: &Cluster) {
    let [subscriber, writer] = &cluster.nodes;
    writer.create_user(MOBILE).await;
    let mut alerts = AlertSubscription::start(subscriber.service_socket().await, MOBILE).await;
    let (mut responded, mut alerted) = (Vec::new(), Vec::new());
    for device in 0..ALERTS {
        let input = json!({ "onConflict": "TAKE_OVER", "userAgent": format!("device {device}") });
        let start = Instant::now();
        let login = async {
            let login = writer.login(MOBILE, input).await;
            assert_eq!(login.data("/login/outcome"), "LOGGED_IN");
            start.elapsed()
        };
        let alert = async {
            assert_eq!(alerts.next_kind().await, "SESSION_REPLACED");
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
            doc! { "kind": "SESSION_REPLACED", "sequence": i64::try_from(sequence).unwrap() };
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
    drop(changes);
    let mut document = OneDocument::insert(&collection).await;
    let mut updated = Vec::new();
    for _ in 0..ALERTS {
        let start = Instant::now();
        document.compare_and_set().await;
        updated.push(start.elapsed());
    }
    let mut delays: Vec<_> = responded.iter().zip(&alerted).map(delay).collect();
    delays.sort_by(f64::total_cmp);
    let delay = delays[delays.len() / 2];
    let [responded, alerted, inserted, notified, updated] =
        [responded, alerted, inserted, notified, updated].map(Durations::new);
    let [of_inserts, of_updates] =
        [&inserted, &updated].map(|bare| responded.median() / bare.median());
    println!("\nTime after a login at one node is sent:");
    println!("  its response                          {responded}");
    println!("  its alert at the other node           {alerted}");
    println!("Time after an insert without sessiond is sent:");
    println!("  its response                          {inserted}");
    println!("  its event in a driver's change stream {notified}");
    println!("Time after an update of one document without sessiond is sent:");
    println!("  its response                          {updated}");
    println!(
        "The response to a login takes {of_inserts:.2} times as long as an insert, at the median."
    );
    println!("It takes {of_updates:.2} times as long as an update of one document, at the median.");
    println!("The alert follows the response after {delay:.2} ms, at the median.");
}

/// The time in milliseconds from a response to the alert, which may come first.
fn delay((responded, alerted): (&Duration, &Duration)) -> f64 {
    (alerted.as_secs_f64() - responded.as_secs_f64()) * 1000.0
}
