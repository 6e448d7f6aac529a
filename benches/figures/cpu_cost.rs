//! The CPU time that a node uses for requests.

use futures_util::future::join_all;
use reqwest::RequestBuilder;
use sessiond_test_support::ServerProcess;

/// The number of concurrent clients.
pub const CLIENTS: u32 = 16;

/// The CPU time of one request, in microseconds. Each client sends `requests` requests, one after
/// the other. `request` receives the number of the request. `is_right` checks the body of a
/// response.
pub async fn cpu_cost(
    node: &ServerProcess,
    requests: u32,
    request: impl Fn(u32) -> RequestBuilder,
    is_right: impl Fn(&[u8]) -> bool,
) -> f64 {
    let before = node.cpu_time();
    join_all((0..CLIENTS).map(async |client| {
        for number in 0..requests {
            let response = request(client * requests + number).send().await.unwrap();
            assert!(response.status().is_success(), "{}", response.status());
            assert!(is_right(&response.bytes().await.unwrap()));
        }
    }))
    .await;
    let spent = node.cpu_time().saturating_sub(before);
    spent.as_secs_f64() * 1e6 / f64::from(CLIENTS * requests)
}
