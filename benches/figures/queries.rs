//! The CPU time of a query of a user and two sessions. It is measured with the same document in
//! each request, as a front end sends it, and with a new document in each request, which the server
//! must parse. `/healthz`, a request that reads nothing, is measured as well.

use serde_json::{Value, json};
use sessiond_test_support::{SERVICE_KEY, ServerProcess};

use crate::cpu_cost::{CLIENTS, cpu_cost};

const REQUESTS: u32 = 1000;
const MOBILE: &str = "9012500001";
const QUERY: &str =
    "query($mobile: String!) { user(mobile: $mobile) { id username sessions(first: 2) { nodes {
    sessionKey status device { label } ipAddress createdAt lastSeenAt } } } }";

pub async fn print(node: &ServerProcess) {
    node.create_user(MOBILE).await;
    node.login(MOBILE, json!({ "onConflict": "TAKE_OVER" }))
        .await
        .data_str("/login/token");
    println!("\nCPU time of a request, µs:    known document    new document    /healthz");
    let user = |query: String| {
        let body = json!({ "query": query, "variables": { "mobile": MOBILE } });
        node.post("/graphql").bearer_auth(SERVICE_KEY).json(&body)
    };
    let known = cpu_cost(node, REQUESTS, |_| user(QUERY.into()), has_two_sessions).await;
    let new_document = |number| user(format!("{QUERY} # {number}"));
    let new = cpu_cost(node, REQUESTS, new_document, has_two_sessions).await;
    let health = cpu_cost(node, REQUESTS, |_| node.get("/healthz"), |_| true).await;
    println!("  {CLIENTS} at once                 {known:>14.1}    {new:>12.1}    {health:>8.1}");
}

fn has_two_sessions(body: &[u8]) -> bool {
    let body: Value = serde_json::from_slice(body).unwrap();
    body.pointer("/data/user/sessions/nodes")
        .and_then(Value::as_array)
        .is_some_and(|nodes| nodes.len() == 2)
}
