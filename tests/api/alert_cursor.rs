//! `User.alertCursor`: a start position from which a subscriber misses nothing.

use serde_json::{Value, json};

use crate::support::{SERVICE_KEY, Server, Users, soon};

/// Reads the user's cursor as the service.
async fn cursor(server: &Server, mobile: &str) -> String {
    server
        .run_as(
            server.service(),
            "query($mobile: String!) { user(mobile: $mobile) { alertCursor } }",
            json!({ "mobile": mobile }),
        )
        .await
        .text("/user/alertCursor")
}

/// Reads the cursor of the user of the session that `token` belongs to.
async fn own_cursor(server: &Server, token: &str) -> String {
    server
        .run_as(
            Some(token),
            "{ currentSession { user { alertCursor } } }",
            json!({}),
        )
        .await
        .text("/currentSession/user/alertCursor")
}

/// Raises one alert: a login on `device` is refused.
async fn raise_alert(server: &Server, mobile: &str, device: &str) {
    let login = server.login(mobile, json!({ "userAgent": device })).await;
    assert_eq!(login.at("/login/outcome"), "REFUSED");
}

#[tokio::test]
async fn an_empty_log_has_a_cursor_and_nothing_after_it_is_missed() {
    let server = Server::secured().await;
    let user = server.register("9012345678").await;
    let after = own_cursor(&server, &user.token).await;
    assert_eq!(after, cursor(&server, &user.mobile).await);
    raise_alert(&server, &user.mobile, "device 1").await;
    raise_alert(&server, &user.mobile, "device 2").await;

    let arguments = format!("(after: \"{after}\")");
    let socket = server.socket(Some(&user.token)).await;
    let mut alerts = socket.subscribe(&arguments).await;
    assert_eq!(alerts.alert().await["sequence"], 1);
    assert_eq!(alerts.alert().await["sequence"], 2);
    raise_alert(&server, &user.mobile, "device 3").await;
    assert_eq!(alerts.alert().await["sequence"], 3);
}

#[tokio::test]
async fn the_cursor_is_the_id_of_the_last_alert_and_earlier_alerts_are_not_sent() {
    let server = Server::secured().await;
    let user = server.register("9012345678").await;
    raise_alert(&server, &user.mobile, "device 1").await;
    let after = cursor(&server, &user.mobile).await;
    let last = server
        .run_as(
            Some(&user.token),
            "query($mobile: String!) { user(mobile: $mobile) { alerts(first: 1) { nodes { id } } } }",
            json!({ "mobile": user.mobile }),
        )
        .await;
    assert_eq!(last.text("/user/alerts/nodes/0/id"), after);
    raise_alert(&server, &user.mobile, "device 2").await;

    let arguments = format!("(mobile: \"{}\", after: \"{after}\")", user.mobile);
    let socket = server.socket(Some(SERVICE_KEY)).await;
    let mut alerts = socket.subscribe(&arguments).await;
    assert_eq!(alerts.alert().await["sequence"], 2);
}

#[tokio::test]
async fn a_mutation_returns_the_cursor_behind_its_own_alerts() {
    let server = Server::secured().await;
    let user = server.register("9012345678").await;
    let login = server
        .run_as(
            Some(SERVICE_KEY),
            "mutation($mobile: String!) { login(input: { mobile: $mobile, username: \"SavingsBank\" }) \
             { outcome user { alertCursor } } }",
            json!({ "mobile": user.mobile }),
        )
        .await;
    assert_eq!(login.at("/login/outcome"), "REFUSED");
    let after = login.text("/login/user/alertCursor");
    assert_eq!(after, cursor(&server, &user.mobile).await);
}

#[tokio::test]
async fn a_waiting_session_reads_its_cursor_and_misses_no_decision() {
    let server = Server::secured().await;
    let user = server.register("9012345678").await;
    let login = server
        .login(&user.mobile, json!({ "onConflict": "ASK" }))
        .await;
    let waiting = login.text("/login/token");
    let after = own_cursor(&server, &waiting).await;
    assert_eq!(after, own_cursor(&server, &user.token).await);
    let attempt = server
        .run_as(
            Some(&user.token),
            "query($mobile: String!) { user(mobile: $mobile) { alerts(first: 1) { nodes { attempt { id } } } } }",
            json!({ "mobile": user.mobile }),
        )
        .await
        .text("/user/alerts/nodes/0/attempt/id");
    server
        .run_as(
            Some(&user.token),
            "mutation($attempt: ID!) { decideLogin(input: { attemptId: $attempt, decision: APPROVE }) { message } }",
            json!({ "attempt": attempt }),
        )
        .await
        .text("/decideLogin/message");

    let arguments = format!("(after: \"{after}\")");
    let socket = server.socket(Some(&waiting)).await;
    let mut alerts = socket.subscribe(&arguments).await;
    let decided = [alerts.kind().await, alerts.kind().await];
    assert!(
        decided.contains(&"LOGIN_APPROVED".to_owned()),
        "{decided:?}"
    );
}

#[tokio::test]
async fn an_event_stream_starts_at_the_cursor() {
    let server = Server::secured().await;
    let user = server.register("9012345678").await;
    let after = own_cursor(&server, &user.token).await;
    raise_alert(&server, &user.mobile, "device 1").await;
    let request = server
        .post("/graphql")
        .header("accept", "text/event-stream")
        .bearer_auth(&user.token)
        .json(&json!({
            "query": "subscription($after: ID) { sessionAlerts(after: $after) { sequence } }",
            "variables": { "after": after },
        }));
    let mut response = soon(request.send()).await.unwrap();
    let mut events = String::new();
    while !events.contains("\n\n") {
        let chunk = soon(response.chunk()).await.unwrap().unwrap();
        events.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    let (_, data) = events.split_once("data:").unwrap();
    let data: Value = serde_json::from_str(data.lines().next().unwrap()).unwrap();
    assert_eq!(
        data,
        json!({ "data": { "sessionAlerts": { "sequence": 1 } } })
    );
}

#[tokio::test]
async fn a_cursor_of_another_user_is_invalid_and_a_stranger_reads_none() {
    let server = Server::secured().await;
    let user = server.register("9012345678").await;
    let other = server.register("9012345679").await;
    let after = own_cursor(&server, &other.token).await;
    let arguments = format!("(after: \"{after}\")");
    let socket = server.socket(Some(&user.token)).await;
    let refusal = socket.subscribe(&arguments).await.refusal().await;
    assert_eq!(refusal.invalid_field(), "after");

    let query = "query($mobile: String!) { user(mobile: $mobile) { alertCursor } }";
    let variables = json!({ "mobile": other.mobile });
    let foreign = server.run_as(Some(&user.token), query, variables).await;
    assert_eq!(foreign.at("/user"), &Value::Null);
}
