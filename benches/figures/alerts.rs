//! How long until a subscriber at one node hears of a login at the other.

use std::time::Instant;

use bson::doc;
use futures_util::StreamExt;
use serde_json::json;

use crate::{Cluster, bare, support::Subscription, times::Times};

const ALERTS: usize = 500;
const MOBILE: &str = "9012345678";

pub async fn print(cluster: &Cluster) {
    let [here, there] = &cluster.nodes;
    there.register(MOBILE).await;
    let mut alerts = Subscription::live(here.socket().await, MOBILE).await;
    let (mut answered, mut heard) = (Vec::new(), Vec::new());
    for device in 0..ALERTS {
        // Each shows another device, and so raises an alert of its own.
        let input = json!({ "userAgent": format!("device {device}") });
        let start = Instant::now();
        let login = async {
            let login = there.login(MOBILE, input).await;
            assert_eq!(login.at("/login/outcome"), "REFUSED");
            start.elapsed()
        };
        let alert = async {
            assert_eq!(alerts.kind().await, "LOGIN_REFUSED");
            start.elapsed()
        };
        let (login, alert) = tokio::join!(login, alert);
        answered.push(login);
        heard.push(alert);
    }

    let collection = bare::collection(&cluster.database).await;
    let mut changes = collection.watch().await.unwrap();
    let (mut inserted, mut seen) = (Vec::new(), Vec::new());
    for sequence in 0..ALERTS {
        let document =
            doc! { "kind": "LOGIN_REFUSED", "sequence": i64::try_from(sequence).unwrap() };
        let start = Instant::now();
        let insert = async {
            collection.insert_one(document).await.unwrap();
            start.elapsed()
        };
        let change = async {
            changes.next().await.expect("a change comes").unwrap();
            start.elapsed()
        };
        let (insert, change) = tokio::join!(insert, change);
        inserted.push(insert);
        seen.push(change);
    }
    println!("\nFrom a login at one node, sent:");
    println!(
        "  its answer                            {}",
        Times::new(answered)
    );
    println!(
        "  its alert at the other node           {}",
        Times::new(heard)
    );
    println!("From an insert without sessiond, sent:");
    println!(
        "  its answer                            {}",
        Times::new(inserted)
    );
    println!(
        "  its event in a driver's change stream {}",
        Times::new(seen)
    );
}
