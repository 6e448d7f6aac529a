//! Races between approve, deny, timeout, take-over, logout, freeze and password change.

use std::{collections::HashMap, time::Duration};

use futures_util::{FutureExt, future::join_all};
use serde_json::{Value, json};
use sessiond_test_support::{GraphQlResponse, MOBILE, TestServer};

use super::decide;

const ROUNDS: u64 = 40;

/// One user with an active and a waiting session, in development mode.
struct Question {
    session: String,
    token: String,
    attempt: Value,
    number: Value,
}

async fn ask(server: &TestServer, round: u64) -> Question {
    let input = json!({ "onConflict": "TAKE_OVER", "userAgent": format!("phone {round}") });
    let phone = server.login(MOBILE, input).await;
    let input = json!({ "onConflict": "ASK", "userAgent": format!("tablet {round}") });
    let waiting = server.login(MOBILE, input).await;
    Question {
        session: phone.data_str("/login/session/sessionKey"),
        token: phone.data_str("/login/token"),
        attempt: json!(server.last_attempt_id(MOBILE).await),
        number: waiting.data("/login/matchNumber").clone(),
    }
}

async fn freeze(server: &TestServer) -> GraphQlResponse {
    let query = "mutation($mobile: String!) { freezeUser(input: { mobile: $mobile }) { message } }";
    server.run(query, json!({ "mobile": MOBILE })).await
}

async fn unfreeze(server: &TestServer) -> GraphQlResponse {
    let query =
        "mutation($mobile: String!) { unfreezeUser(input: { mobile: $mobile }) { message } }";
    server.run(query, json!({ "mobile": MOBILE })).await
}

async fn change_password(server: &TestServer) -> GraphQlResponse {
    let query = "mutation($input: SetPasswordInput!) { setPassword(input: $input) { message } }";
    let input = json!({ "mobile": MOBILE, "newPassword": "grave lantern 7" });
    server.run(query, json!({ "input": input })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_comes_first_one_session_at_most_is_valid_and_each_end_is_alerted_once() {
    let flags = ["--approval-timeout=1m", "--max-alerts-per-minute=1000000"];
    let server = TestServer::with_flags(&flags).await;
    server.create_user(MOBILE).await;
    for round in 0..ROUNDS {
        let question = ask(&server, round).await;
        let Question {
            session,
            token,
            attempt,
            number,
        } = &question;
        let approve = decide(&server, Some(token), attempt, "APPROVE", number.clone()).boxed();
        let deny = decide(&server, None, attempt, "DENY", Value::Null).boxed();
        let mut racers = vec![approve, deny];
        // Each round leaves out some of the others.
        let take_over = json!({ "onConflict": "TAKE_OVER", "userAgent": "laptop" });
        if round & 1 > 0 {
            racers.push(server.login(MOBILE, take_over).boxed());
        }
        if round & 2 > 0 {
            racers.push(server.invalidate_session_as(Some(token), session).boxed());
        }
        if round & 4 > 0 {
            racers.push(freeze(&server).boxed());
        }
        if round & 8 > 0 {
            racers.push(change_password(&server).boxed());
        }
        if round & 16 > 0 {
            server.advance(Duration::from_mins(1));
        }
        racers.rotate_left(usize::try_from(round).unwrap() % 2);
        let responses = join_all(racers).await;
        let decided = responses
            .iter()
            .filter(|response| response.0["data"]["decideLogin"].is_object());
        assert!(decided.count() <= 1, "{responses:?}");
        assert!(server.valid_sessions_of(MOBILE).await.len() <= 1);
        unfreeze(&server).await.data_str("/unfreezeUser/message");
        // The numbers of ten minutes must not run out.
        server.advance(Duration::from_secs(30));
    }
    server.assert_gapless_log(MOBILE).await;
    assert_each_end_is_alerted_once(&server).await;
}

async fn assert_each_end_is_alerted_once(server: &TestServer) {
    const ENDS: [&str; 6] = [
        "LOGIN_NOT_APPROVED",
        "SESSION_REPLACED",
        "SESSION_INVALIDATED",
        "SESSION_EXPIRED",
        "PASSWORD_CHANGED",
        "ACCOUNT_FROZEN",
    ];
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
