//! `sessionEvents`, `eventCursor`, `activeSessions` and `users`: what a back end needs to know every
//! active session.

use std::{collections::HashSet, time::Duration};

use serde_json::{Value, json};
use sessiond_test_support::{
    Account, EventStream, GraphQlResponse, MOBILE, OTHER_MOBILE, SERVICE_KEY, Socket, TestServer,
    within_deadline,
};

use crate::SESSIOND;

const EVENTS: &str = "subscription($after: ID) { sessionEvents(after: $after) {
    cursor kind sessionKey userId expiresAt endReason replacedBy createdAt } }";

async fn events_after(server: &TestServer, after: Option<&str>) -> EventStream {
    let variables = json!({ "after": after });
    EventStream::open(server, Some(SERVICE_KEY), EVENTS, variables).await
}

async fn next_of_any_kind(events: &mut EventStream) -> Value {
    let response = GraphQlResponse(events.next().await);
    response.data("/sessionEvents").clone()
}

/// The next event that is not `CAUGHT_UP`.
async fn next(events: &mut EventStream) -> Value {
    loop {
        let event = next_of_any_kind(events).await;
        if event["kind"] != "CAUGHT_UP" {
            return event;
        }
    }
}

async fn cursor(server: &TestServer) -> String {
    server
        .run_as_service("{ eventCursor }", json!({}))
        .await
        .data_str("/eventCursor")
}

/// Logs in on another device, and ends the session that was active. Returns the new session's key.
async fn take_over(server: &TestServer, mobile: &str) -> String {
    server
        .login(mobile, json!({ "onConflict": "TAKE_OVER" }))
        .await
        .data_str("/login/session/sessionKey")
}

#[tokio::test]
async fn a_subscriber_learns_which_sessions_become_active_and_which_end() {
    let server = TestServer::with_service_key().await;
    let mut events = events_after(&server, None).await;
    assert_eq!(next_of_any_kind(&mut events).await["kind"], "CAUGHT_UP");

    let user = server.create_user(MOBILE).await;
    let event = next(&mut events).await;
    assert_eq!(event["kind"], "SESSION_ACTIVE");
    assert_eq!(event["sessionKey"], *user.session);
    assert!(event["expiresAt"].is_string() && event["userId"].is_string());
    let user_id = event["userId"].clone();

    let second = take_over(&server, MOBILE).await;
    let event = next(&mut events).await;
    assert_eq!(event["kind"], "SESSION_ENDED");
    assert_eq!(event["sessionKey"], *user.session);
    assert_eq!(event["endReason"], "REPLACED");
    assert_eq!(event["replacedBy"], *second);
    let event = next(&mut events).await;
    assert_eq!(event["kind"], "SESSION_ACTIVE");
    assert_eq!(event["sessionKey"], *second);

    // A login that is refused, and one that waits, change no active session.
    server.raise_alert(MOBILE, "another device").await;
    server.login(MOBILE, json!({ "onConflict": "ASK" })).await;
    server.invalidate_session(&second).await;
    let event = next(&mut events).await;
    assert_eq!(event["kind"], "SESSION_ENDED");
    assert_eq!(event["endReason"], "INVALIDATED");
    assert_eq!(event["replacedBy"], Value::Null);

    server.delete_user(MOBILE).await;
    let event = next(&mut events).await;
    assert_eq!(event["kind"], "USER_DELETED");
    assert_eq!(
        (&event["userId"], &event["sessionKey"]),
        (&user_id, &Value::Null)
    );
}

#[tokio::test]
async fn a_subscriber_over_a_websocket_receives_the_same_events() {
    let server = TestServer::with_service_key().await;
    let after = cursor(&server).await;
    let user = server.create_user(MOBILE).await;
    let mut socket = server.socket(Some(SERVICE_KEY)).await;
    socket
        .start_with("1", EVENTS, json!({ "after": after }))
        .await;
    let message = socket.receive().await;
    let event = &message["payload"]["data"]["sessionEvents"];
    assert_eq!(event["sessionKey"], *user.session, "{message}");
}

#[tokio::test]
async fn a_subscriber_that_resumes_after_any_event_misses_none() {
    let server = TestServer::with_service_key().await;
    let start = cursor(&server).await;
    let user = server.create_user(MOBILE).await;
    take_over(&server, MOBILE).await;
    let last = take_over(&server, MOBILE).await;
    let mut all = Vec::new();
    let mut events = events_after(&server, Some(&start)).await;
    for _ in 0..5 {
        all.push(next(&mut events).await);
    }
    assert_eq!(all[0]["sessionKey"], *user.session);
    assert_eq!(all[4]["sessionKey"], *last);
    // Also between the two events of one take-over.
    for (read, event) in (1..).zip(&all[..4]) {
        let mut events = events_after(&server, event["cursor"].as_str()).await;
        for expected in &all[read..] {
            assert_eq!(next(&mut events).await, *expected, "after {read} events");
        }
    }
}

#[tokio::test]
async fn cursors_survive_a_restart() {
    let server = TestServer::with_service_key().await;
    let after = cursor(&server).await;
    let user = server.create_user(MOBILE).await;
    let server = server.restart().await;
    let mut events = events_after(&server, Some(&after)).await;
    assert_eq!(next(&mut events).await["sessionKey"], *user.session);
}

#[tokio::test]
async fn a_cursor_that_is_unknown_is_expired_and_a_text_that_is_none_is_invalid() {
    let server = TestServer::with_service_key().await;
    server.create_user(MOBILE).await;
    for (after, code) in [
        ("AAAAAAAAAAcAAAAAAAAABw", "CURSOR_EXPIRED"),
        ("another-database", "CURSOR_EXPIRED"),
        ("not a cursor", "INVALID_INPUT"),
    ] {
        let mut events = events_after(&server, Some(after)).await;
        let response = GraphQlResponse(events.next().await);
        assert_eq!(response.error_code(), code, "{after}");
        events.assert_completed().await;
    }
}

/// The keys of all active sessions, on pages of this size.
async fn active_sessions(server: &TestServer, size: usize) -> Vec<String> {
    let query =
        "query($first: Int!, $after: String) { activeSessions(first: $first, after: $after) {
        nodes { sessionKey } edges { cursor node { sessionKey } }
        pageInfo { hasNextPage hasPreviousPage endCursor } } }";
    let mut keys = Vec::new();
    let mut after = Value::Null;
    loop {
        let variables = json!({ "first": size, "after": after });
        let page = server.run_as_service(query, variables).await;
        let nodes = page.data_array("/activeSessions/nodes");
        assert!(nodes.len() <= size);
        let text = |node: &Value| node["sessionKey"].as_str().unwrap().to_owned();
        keys.extend(nodes.iter().map(text));
        let info = page.data("/activeSessions/pageInfo");
        assert_eq!(info["hasPreviousPage"], !after.is_null());
        if info["hasNextPage"] == false {
            return keys;
        }
        after = info["endCursor"].clone();
    }
}

#[tokio::test]
async fn the_pages_of_active_sessions_and_the_events_after_a_cursor_have_every_session() {
    let server = TestServer::with_service_key_and_flags(&[]).await;
    let mut known = HashSet::new();
    let mut users = Vec::new();
    for number in 0..7 {
        users.push(server.create_user(&format!("901234560{number}")).await);
        // The list has the order of these times.
        server.advance(Duration::from_millis(1));
    }
    server.invalidate_session(&users[2].session).await;
    server
        .login("9012345601", json!({ "onConflict": "ASK" }))
        .await;

    let after = cursor(&server).await;
    let active: Vec<Account> = users
        .iter()
        .filter(|user| user.mobile != "9012345602")
        .cloned()
        .collect();
    for size in [1, 2, 3, 100] {
        let found = active_sessions(&server, size).await;
        let expected: Vec<_> = active
            .iter()
            .rev()
            .map(|user| user.session.clone())
            .collect();
        assert_eq!(found, expected, "on pages of {size}");
        known.extend(found);
    }
    server.invalidate_session(&users[5].session).await;
    let replaced = take_over(&server, "9012345603").await;

    let mut events = events_after(&server, Some(&after)).await;
    loop {
        let event = next_of_any_kind(&mut events).await;
        let key = || event["sessionKey"].as_str().unwrap().to_owned();
        match event["kind"].as_str().unwrap() {
            "SESSION_ACTIVE" => _ = known.insert(key()),
            "SESSION_ENDED" => _ = known.remove(&key()),
            _ => break,
        }
    }
    let found: HashSet<_> = active_sessions(&server, 100).await.into_iter().collect();
    assert!(found.contains(&replaced));
    assert_eq!(known, found);
}

#[tokio::test]
async fn an_expired_session_is_not_listed_before_its_end_is_recorded() {
    let server = TestServer::with_service_key().await;
    server.create_user(MOBILE).await;
    server.advance(Duration::from_hours(24 * 365));
    assert_eq!(active_sessions(&server, 10).await, Vec::<String>::new());
}

#[tokio::test]
async fn users_are_listed_newest_first_with_their_sessions() {
    let server = TestServer::with_service_key().await;
    for mobile in [MOBILE, OTHER_MOBILE] {
        server.create_user(mobile).await;
        // Ids of one millisecond have a random order.
        server.advance(Duration::from_millis(1));
    }
    let query = "query($after: String) { users(first: 1, after: $after) {
        nodes { mobile activeSession { status } } edges { cursor node { mobile } }
        pageInfo { hasNextPage endCursor startCursor } } }";
    let first = server.run_as_service(query, json!({})).await;
    assert_eq!(first.data("/users/nodes/0/mobile"), OTHER_MOBILE);
    assert_eq!(first.data("/users/nodes/0/activeSession/status"), "ACTIVE");
    assert_eq!(*first.data("/users/pageInfo/hasNextPage"), json!(true));
    let after = first.data("/users/edges/0/cursor");
    assert_eq!(first.data("/users/pageInfo/endCursor"), after);
    let second = server
        .run_as_service(query, json!({ "after": after }))
        .await;
    assert_eq!(second.data("/users/nodes/0/mobile"), MOBILE);
    assert_eq!(*second.data("/users/pageInfo/hasNextPage"), json!(false));

    let invalid = server
        .run_as_service(query, json!({ "after": "nonsense" }))
        .await;
    assert_eq!(invalid.error_code(), "INVALID_INPUT");
}

/// Reads events over sockets that it drops again and again, and resumes with the last cursor.
async fn consume(address: std::net::SocketAddr, mut after: String, last: &str) -> Vec<String> {
    let mut active = Vec::new();
    loop {
        let mut socket = Socket::open(address, Some(SERVICE_KEY)).await;
        socket
            .start_with("1", EVENTS, json!({ "after": after }))
            .await;
        for _ in 0..5 {
            let message = socket.receive().await;
            let event = &message["payload"]["data"]["sessionEvents"];
            event["cursor"].as_str().unwrap().clone_into(&mut after);
            if event["kind"] == "SESSION_ACTIVE" {
                let key = event["sessionKey"].as_str().unwrap().to_owned();
                active.push(key);
                if active.last().is_some_and(|key| key == last) {
                    return active;
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_is_killed_again_and_again_misses_no_confirmed_login() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let start = async || {
        SESSIOND
            .server()
            .database_file(&path)
            .service_key()
            .start()
            .await
    };
    let server = start().await;
    let after = server
        .run_as_service("{ eventCursor }", json!({}))
        .await
        .data_str("/eventCursor");
    let first = server.create_user(MOBILE).await;
    let mut confirmed = vec![first.session];
    let take_over = json!({ "onConflict": "TAKE_OVER" });
    for _ in 0..20 {
        let login = server.login(MOBILE, take_over.clone()).await;
        confirmed.push(login.data_str("/login/session/sessionKey"));
    }
    server.kill();
    drop(server);

    let server = start().await;
    for _ in 0..20 {
        let login = server.login(MOBILE, take_over.clone()).await;
        confirmed.push(login.data_str("/login/session/sessionKey"));
    }
    let last = confirmed.last().unwrap();
    let received = within_deadline(Box::pin(consume(server.address, after, last))).await;
    assert_eq!(received, confirmed);
}
