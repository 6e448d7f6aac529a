//! What sets and removes the cookie.

use std::time::Duration;

use serde_json::{Value, json};
use sessiond_test_support::{EventStream, GraphQlResponse, MOBILE, SERVICE_KEY, TestServer};

use super::{
    ALLOWED, LOGIN, OWN_SESSION, REMOVED, log_in, logged_in, pair, post, send, server, server_with,
};

#[tokio::test]
async fn a_login_puts_the_token_into_a_cookie_instead_of_the_payload() {
    let server = server().await;
    server.create_user(MOBILE).await;
    let (login, cookies) = log_in(&server, json!({ "onConflict": "TAKE_OVER" })).await;
    assert_eq!(login.data("/login/outcome"), "LOGGED_IN");
    assert_eq!(*login.data("/login/token"), Value::Null);
    let (pair, attributes) = cookies[0].split_once("; ").unwrap();
    assert!(pair.starts_with("__Host-sessiond=sd1_"), "{pair}");
    // The default lifetime is 24 hours.
    assert_eq!(
        attributes,
        "Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=86400"
    );

    let (own, cookies) = send(
        post(&server, OWN_SESSION, json!({}))
            .header("cookie", pair)
            .header("origin", ALLOWED),
    )
    .await;
    let key = login.data("/login/session/sessionKey");
    assert_eq!(own.data("/currentSession/sessionKey"), key);
    assert!(cookies.is_empty());
}

#[tokio::test]
async fn a_registration_sets_the_cookie_and_a_refused_login_does_not() {
    let server = server().await;
    let query = "mutation($input: CreateUserInput!) { createUser(input: $input) { token } }";
    let input = json!({ "mobile": MOBILE, "username": "SavingsBank", "cookie": true });
    let request = post(&server, query, json!({ "input": input })).bearer_auth(SERVICE_KEY);
    let (created, cookies) = send(request).await;
    assert_eq!(*created.data("/createUser/token"), Value::Null);
    assert!(pair(&cookies).starts_with("__Host-sessiond=sd1_"));

    let (refused, cookies) = log_in(&server, json!({})).await;
    assert_eq!(refused.data("/login/outcome"), "REFUSED");
    assert!(cookies.is_empty());
}

#[tokio::test]
async fn a_session_that_ends_itself_removes_its_cookie() {
    let server = server().await;
    server.create_user(MOBILE).await;
    let (login, cookies) = log_in(&server, json!({ "onConflict": "TAKE_OVER" })).await;
    let query =
        "mutation($key: ID!) { invalidateSession(input: { sessionKey: $key }) { message } }";
    let key = json!({ "key": login.data("/login/session/sessionKey") });
    let request = post(&server, query, key)
        .header("cookie", pair(&cookies))
        .header("origin", ALLOWED);
    let (ended, cookies) = send(request).await;
    ended.data_str("/invalidateSession/message");
    let expected = "__Host-sessiond=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0";
    assert_eq!(cookies, [expected]);
}

#[tokio::test]
async fn a_cookie_is_refused_where_no_response_can_set_it() {
    let server = server().await;
    server.create_user(MOBILE).await;
    let login = format!(
        "mutation {{ login(input: {{ mobile: \"{MOBILE}\", username: \"SavingsBank\", \
         cookie: true, onConflict: TAKE_OVER }}) {{ outcome }} }}"
    );
    let mut events = EventStream::open(&server, Some(SERVICE_KEY), &login, json!({})).await;
    let refused = GraphQlResponse(events.next().await);
    assert_eq!(refused.error_code(), "INVALID_INPUT");
    let mut socket = server.socket(Some(SERVICE_KEY)).await;
    assert_eq!(
        socket.run(&login, json!({})).await.error_code(),
        "INVALID_INPUT"
    );

    // Of two fields of one request, the first one has the cookie.
    let twice = login
        .replace("mutation { login", "mutation { a: login")
        .replace(
            " } }",
            &format!(
                " }} b: login{} ",
                login.strip_prefix("mutation { login").unwrap()
            ),
        );
    let request = post(&server, &twice, json!({})).bearer_auth(SERVICE_KEY);
    let (both, cookies) = send(request).await;
    assert_eq!(both.error_code(), "INVALID_INPUT");
    assert_eq!(both.0["data"], Value::Null, "the second field has failed");
    assert_eq!(cookies.len(), 1);
}

#[tokio::test]
async fn the_cookie_of_development_mode_has_another_name_and_needs_no_tls() {
    let server = TestServer::start().await;
    server.create_user(MOBILE).await;
    server.advance(Duration::from_secs(1));
    let input = json!({ "mobile": MOBILE, "username": "SavingsBank", "cookie": true,
        "onConflict": "TAKE_OVER" });
    let (login, cookies) = send(post(&server, LOGIN, json!({ "input": input }))).await;
    assert!(
        pair(&cookies).starts_with("sessiond-dev=sd1_"),
        "{cookies:?}"
    );
    assert!(!cookies[0].contains("Secure"), "{cookies:?}");
    // Without the cookie, the caller is the service, which has no session.
    let request = post(&server, OWN_SESSION, json!({})).header("cookie", pair(&cookies));
    let (own, _) = send(request).await;
    let key = login.data("/login/session/sessionKey");
    assert_eq!(own.data("/currentSession/sessionKey"), key);
}

#[tokio::test]
async fn a_login_and_the_logout_of_the_former_session_in_one_request_set_the_new_cookie() {
    let server = server().await;
    let input = json!({ "mobile": MOBILE, "username": "SavingsBank", "cookie": true,
        "password": "correct horse battery", "deviceId": "6f6b0a52-7d1c-4a5e-9d2b-0d6f3b1f7c11" });
    let query = "mutation($input: CreateUserInput!) { createUser(input: $input) {
        session { sessionKey } } }";
    let request = post(&server, query, json!({ "input": input })).header("origin", ALLOWED);
    let (created, cookies) = send(request).await;
    let key = created.data_str("/createUser/session/sessionKey");
    let cookie = pair(&cookies);
    let query = "mutation($login: LoginInput!, $key: ID!) {
        login(input: $login) { outcome }
        invalidateSession(input: { sessionKey: $key }) { message } }";
    let request = post(&server, query, json!({ "login": input, "key": key }));
    let request = request.header("cookie", cookie).header("origin", ALLOWED);
    let (both, cookies) = send(request).await;
    assert_eq!(both.data("/login/outcome"), "LOGGED_IN");
    assert!(
        pair(&cookies).starts_with("__Host-sessiond=sd1_"),
        "{cookies:?}"
    );
}

#[tokio::test]
async fn in_development_mode_the_cookie_of_an_ended_session_does_not_prevent_a_login() {
    let server = TestServer::start().await;
    server.create_user(MOBILE).await;
    let input = json!({ "mobile": MOBILE, "username": "SavingsBank", "cookie": true,
        "onConflict": "TAKE_OVER" });
    let first = post(&server, LOGIN, json!({ "input": input }));
    let (_, cookies) = send(first).await;
    for _ in 0..2 {
        let again = post(&server, LOGIN, json!({ "input": input }));
        let (login, _) = send(again.header("cookie", pair(&cookies))).await;
        assert_eq!(login.data("/login/outcome"), "LOGGED_IN");
    }
}

#[tokio::test]
async fn a_session_that_freezes_its_user_removes_its_cookie() {
    let (server, cookie, _) = logged_in().await;
    let query = "mutation { freezeUser(input: {}) { message } }";
    let request = post(&server, query, json!({})).header("cookie", cookie);
    let (frozen, cookies) = send(request.header("origin", ALLOWED)).await;
    frozen.data_str("/freezeUser/message");
    assert_eq!(cookies, [REMOVED]);
}

#[tokio::test]
async fn a_session_that_another_caller_ends_keeps_its_cookie_so_that_its_page_learns_why() {
    let (server, cookie, key) = logged_in().await;
    let query =
        "mutation($key: ID!) { invalidateSession(input: { sessionKey: $key }) { message } }";
    let request = post(&server, query, json!({ "key": key })).bearer_auth(SERVICE_KEY);
    // The cookie of the same request does not matter.
    let (_, cookies) = send(request.header("cookie", &cookie).header("origin", ALLOWED)).await;
    assert!(cookies.is_empty());

    let query = "{ currentSession { endReason } }";
    let request = post(&server, query, json!({})).header("cookie", cookie);
    let (own, cookies) = send(request.header("origin", ALLOWED)).await;
    assert_eq!(own.data("/currentSession/endReason"), "INVALIDATED");
    assert!(cookies.is_empty());
}

#[tokio::test]
async fn a_cookie_that_the_server_does_not_know_is_removed_and_does_not_prevent_a_login() {
    let server = server().await;
    server.create_user(MOBILE).await;
    let unknown = "__Host-sessiond=sd1_wrong";
    let request = post(&server, OWN_SESSION, json!({})).header("cookie", unknown);
    let (own, cookies) = send(request.header("origin", ALLOWED)).await;
    assert_eq!(own.0.pointer("/data/currentSession"), Some(&Value::Null));
    assert_eq!(cookies, [REMOVED]);

    let password = "correct horse battery";
    let input = json!({ "mobile": "+9997000001", "username": "Ada", "password": password,
        "cookie": true });
    let query = "mutation($input: CreateUserInput!) { createUser(input: $input) { token } }";
    let request = post(&server, query, json!({ "input": input })).header("cookie", unknown);
    let (_, cookies) = send(request.header("origin", ALLOWED)).await;
    assert!(pair(&cookies).starts_with("__Host-sessiond=sd1_"));
}

#[tokio::test]
async fn a_waiting_login_has_a_cookie_that_its_approval_makes_valid() {
    let server = server().await;
    let user = server.create_user(MOBILE).await;
    let (login, cookies) = log_in(&server, json!({ "onConflict": "ASK" })).await;
    assert_eq!(login.data("/login/outcome"), "AWAITING_APPROVAL");
    let check = || {
        server
            .get("/verify")
            .header("cookie", pair(&cookies))
            .send()
    };
    assert_eq!(check().await.unwrap().status(), 401);

    let attempts = "{ currentSession { user { alerts { nodes { attempt { id } } } } } }";
    let alerts = server.run_as(Some(&user.token), attempts, json!({})).await;
    let attempt = alerts.data_str("/currentSession/user/alerts/nodes/0/attempt/id");
    let decide = "mutation($id: ID!) {
        decideLogin(input: { attemptId: $id, decision: APPROVE }) { message } }";
    server
        .run_as_service(decide, json!({ "id": attempt }))
        .await;
    assert_eq!(check().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_cookie_with_a_domain_has_another_name_and_only_this_name_is_read() {
    let server = server_with(&["--cookie-domain=Example.com"]).await;
    server.create_user(MOBILE).await;
    let (_, cookies) = log_in(&server, json!({ "onConflict": "TAKE_OVER" })).await;
    let (pair, attributes) = cookies[0].split_once("; ").unwrap();
    let value = pair.strip_prefix("__Secure-sessiond=").unwrap();
    assert_eq!(
        attributes,
        "Path=/; Domain=example.com; Secure; HttpOnly; SameSite=Lax; Max-Age=86400"
    );
    for (name, status) in [("__Secure-sessiond", 200), ("__Host-sessiond", 401)] {
        let request = server
            .get("/verify")
            .header("cookie", format!("{name}={value}"));
        assert_eq!(request.send().await.unwrap().status(), status, "{name}");
    }
}
