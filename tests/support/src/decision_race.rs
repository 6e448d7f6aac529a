//! A race between all the ways in which a login that waits for approval can end.

use std::collections::HashMap;

use futures_util::{FutureExt, future::join_all};
use serde_json::{Value, json};

use crate::{ApiClient, GraphQlResponse, MOBILE};

/// The number of rounds in which each combination of racers starts once.
pub const DECISION_RACES: u64 = 32;

/// The kinds of alerts that report the end of a session.
const ENDS: [&str; 6] = [
    "LOGIN_NOT_APPROVED",
    "SESSION_REPLACED",
    "SESSION_INVALIDATED",
    "SESSION_EXPIRED",
    "PASSWORD_CHANGED",
    "ACCOUNT_FROZEN",
];

/// A user with the number [`MOBILE`] who has an active session and a waiting one.
pub struct DecisionRace {
    round: u64,
    session: String,
    token: String,
    attempt: Value,
    number: Value,
}

impl DecisionRace {
    /// Logs the user in on two devices, the second of which waits. The caller must be the service.
    pub async fn prepare(server: &ApiClient, round: u64) -> Self {
        let input = json!({ "onConflict": "TAKE_OVER", "userAgent": format!("phone {round}") });
        let phone = server.login_with_retries(MOBILE, input).await;
        let input = json!({ "onConflict": "ASK", "userAgent": format!("tablet {round}") });
        let waiting = server.login_with_retries(MOBILE, input).await;
        Self {
            round,
            session: phone.data_str("/login/session/sessionKey"),
            token: phone.data_str("/login/token"),
            attempt: json!(server.last_attempt_id(MOBILE).await),
            number: waiting.data("/login/matchNumber").clone(),
        }
    }

    /// Whether the login's timeout takes part in this round: the caller then advances the clocks to
    /// it before the race.
    pub fn has_timeout(&self) -> bool {
        self.round & 16 > 0
    }

    /// Approves and denies at the same time, and in some rounds also takes over, logs out, freezes
    /// and changes the password. One half of the requests goes to each server. Checks that one
    /// decision at most was made, and that one session at most is valid.
    pub async fn run(&self, first: &ApiClient, second: &ApiClient) {
        let token = Some(&*self.token);
        let mut racers = vec![
            self.decide(first, token, "APPROVE", &self.number).boxed(),
            self.decide(second, None, "DENY", &Value::Null).boxed(),
        ];
        let (first, second) = if self.round.is_multiple_of(2) {
            (first, second)
        } else {
            (second, first)
        };
        if self.round & 1 > 0 {
            let take_over = json!({ "onConflict": "TAKE_OVER", "userAgent": "laptop" });
            racers.push(first.login(MOBILE, take_over).boxed());
        }
        if self.round & 2 > 0 {
            racers.push(second.invalidate_session_as(token, &self.session).boxed());
        }
        if self.round & 4 > 0 {
            racers.push(run_for_user(first, "freezeUser", json!({})).boxed());
        }
        if self.round & 8 > 0 {
            let new = json!({ "newPassword": "grave lantern 7" });
            racers.push(run_for_user(second, "setPassword", new).boxed());
        }
        racers.rotate_left(usize::try_from(self.round).unwrap() % 2);
        let responses = join_all(racers).await;
        let decided = responses
            .iter()
            .filter(|response| response.0["data"]["decideLogin"].is_object());
        assert!(decided.count() <= 1, "{responses:?}");
        for server in [first, second] {
            assert!(server.valid_sessions_of(MOBILE).await.len() <= 1);
        }
        run_for_user(first, "unfreezeUser", json!({}))
            .await
            .data_str("/unfreezeUser/message");
    }

    async fn decide(
        &self,
        server: &ApiClient,
        bearer: Option<&str>,
        decision: &str,
        number: &Value,
    ) -> GraphQlResponse {
        let query =
            "mutation($input: DecideLoginInput!) { decideLogin(input: $input) { message } }";
        let input =
            json!({ "attemptId": self.attempt, "decision": decision, "matchNumber": number });
        server
            .run_as(bearer, query, json!({ "input": input }))
            .await
    }
}

/// Runs a mutation of the user as the service.
async fn run_for_user(server: &ApiClient, mutation: &str, mut input: Value) -> GraphQlResponse {
    let mut name = mutation.to_owned();
    name[..1].make_ascii_uppercase();
    let query =
        format!("mutation($input: {name}Input!) {{ {mutation}(input: $input) {{ message }} }}");
    input["mobile"] = MOBILE.into();
    server
        .run_as_service(&query, json!({ "input": input }))
        .await
}

/// Checks that the alerts of the user with the number [`MOBILE`] have no gap, and that each end of a
/// session was alerted once.
pub async fn assert_each_end_is_alerted_once(server: &ApiClient) {
    server.assert_gapless_log(MOBILE).await;
    let mut ends: HashMap<String, u32> = HashMap::new();
    let alerts = server
        .all_nodes(MOBILE, "alerts", "kind session { sessionKey }")
        .await;
    for alert in alerts {
        let key = alert["session"]["sessionKey"].as_str();
        if let (true, Some(key)) = (ENDS.contains(&alert["kind"].as_str().unwrap()), key) {
            *ends.entry(key.to_owned()).or_default() += 1;
        }
    }
    let sessions = server
        .all_nodes(MOBILE, "sessions", "sessionKey status")
        .await;
    for session in sessions {
        let key = session["sessionKey"].as_str().unwrap();
        let expected = u32::from(session["status"] == "ENDED");
        let alerted = ends.get(key).copied().unwrap_or(0);
        assert!(alerted == expected, "{session} has {alerted} alerts");
    }
}
