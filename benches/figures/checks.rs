//! The CPU time of a token check. `/healthz`, a request that reads nothing, is measured as well.
//! The difference is the cost of the check.

use sessiond_test_support::ServerProcess;

use crate::cpu_cost::{CLIENTS, cpu_cost};

const REQUESTS: u32 = 2000;
const MOBILE: &str = "9012500000";

pub async fn print(node: &ServerProcess) {
    let token = node.create_user(MOBILE).await.token;
    println!("\nCPU time of a request, µs:    /verify    /healthz");
    let get = |path| node.get(path).bearer_auth(&token);
    let verify = cpu_cost(node, REQUESTS, |_| get("/verify"), <[u8]>::is_empty).await;
    let health = cpu_cost(node, REQUESTS, |_| get("/healthz"), |_| true).await;
    println!("  {CLIENTS} at once                 {verify:>7.1}    {health:>8.1}");
}
