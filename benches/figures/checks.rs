//! What a check of a token costs the node, in CPU time. Beside it stands a request that reads nothing, `/healthz`: the
//! difference is the check.

use futures_util::future::join_all;
use reqwest::{Client, StatusCode};

use crate::node::Node;

const AT_ONCE: u32 = 16;
const EACH: u32 = 2000;

pub async fn print(node: &Node) {
    let token = node.token("9012500000").await;
    println!("\nCPU time of a request, µs:    /verify    /healthz");
    let verify = cost(node, "/verify", &token, StatusCode::NO_CONTENT).await;
    let nothing = cost(node, "/healthz", &token, StatusCode::OK).await;
    println!("  {AT_ONCE} at once                 {verify:>7.1}    {nothing:>8.1}");
}

async fn cost(node: &Node, path: &str, token: &str, status: StatusCode) -> f64 {
    let (client, url) = (Client::new(), format!("http://{}{path}", node.address));
    let before = node.cpu_time().await;
    join_all((0..AT_ONCE).map(async |_| {
        for _ in 0..EACH {
            let response = client.get(&url).bearer_auth(token).send().await.unwrap();
            assert_eq!(response.status(), status);
        }
    }))
    .await;
    let spent = node.cpu_time().await.saturating_sub(before);
    spent.as_secs_f64() * 1e6 / f64::from(AT_ONCE * EACH)
}
