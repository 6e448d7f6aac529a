//! What a query of a user and two sessions costs the node, in CPU time: once as a front end sends it, the same document
//! each time, and once with a document that is new each time and so must be parsed. Beside them stands a request that
//! reads nothing, `/healthz`.

use futures_util::future::join_all;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::{node::Node, support::SERVICE_KEY};

const AT_ONCE: u32 = 16;
const EACH: u32 = 1000;
const MOBILE: &str = "9012500001";
const QUERY: &str =
    "query($mobile: String!) { user(mobile: $mobile) { id username sessions(first: 2) { nodes {
    sessionKey status device { label } ipAddress createdAt lastSeenAt } } } }";

pub async fn print(node: &Node) {
    node.register(MOBILE).await;
    node.login(MOBILE, json!({ "onConflict": "TAKE_OVER" }))
        .await
        .text("/login/token");
    println!("\nCPU time of a request, µs:    known document    new document    /healthz");
    let client = Client::new();
    let url = |path: &str| format!("http://{}{path}", node.address);
    let user = |query: String| {
        let body = json!({ "query": query, "variables": { "mobile": MOBILE } });
        client
            .post(url("/graphql"))
            .bearer_auth(SERVICE_KEY)
            .json(&body)
    };
    let known = cost(node, |_| user(QUERY.into()), is_answered).await;
    let new = cost(
        node,
        |number| user(format!("{QUERY} # {number}")),
        is_answered,
    )
    .await;
    let nothing = cost(node, |_| client.get(url("/healthz")), |_| true).await;
    println!("  {AT_ONCE} at once                 {known:>14.1}    {new:>12.1}    {nothing:>8.1}");
}

fn is_answered(body: &[u8]) -> bool {
    let body: Value = serde_json::from_slice(body).unwrap();
    body.pointer("/data/user/sessions/nodes")
        .and_then(Value::as_array)
        .is_some_and(|nodes| nodes.len() == 2)
}

async fn cost(
    node: &Node,
    request: impl Fn(u32) -> RequestBuilder,
    is_right: impl Fn(&[u8]) -> bool,
) -> f64 {
    let before = node.cpu_time().await;
    join_all((0..AT_ONCE).map(async |one| {
        for number in 0..EACH {
            let response = request(one * EACH + number).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
            assert!(is_right(&response.bytes().await.unwrap()));
        }
    }))
    .await;
    let spent = node.cpu_time().await.saturating_sub(before);
    spent.as_secs_f64() * 1e6 / f64::from(AT_ONCE * EACH)
}
