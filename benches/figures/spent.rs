//! What a node has taken of the machine, as Linux tells it (proc(5)).

use std::time::Duration;

use serde_json::json;

use crate::node::Node;

impl Node {
    /// The time that its threads have spent, in steps of 10 ms.
    pub async fn cpu_time(&self) -> Duration {
        let stat = self.proc("stat").await;
        let after_name = stat.rsplit_once(") ").unwrap().1;
        let ticks = after_name
            .split(' ')
            .skip(11)
            .take(2)
            .map(|ticks| ticks.parse::<u64>().unwrap());
        Duration::from_millis(ticks.sum::<u64>() * 10)
    }

    /// The token of a new user's first session.
    pub async fn token(&self, mobile: &str) -> String {
        let query = "mutation($mobile: String!) { createUser(input: { mobile: $mobile, username: \"SavingsBank\" }) { token } }";
        self.run(query, json!({ "mobile": mobile }))
            .await
            .text("/createUser/token")
    }

    async fn proc(&self, file: &str) -> String {
        let id = self.process.lock().await.id().unwrap();
        std::fs::read_to_string(format!("/proc/{id}/{file}")).unwrap()
    }
}
