//! Which requests the cookie authenticates: protection against cross-site requests.

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use sessiond_test_support::{
    EventStream, MOBILE, SERVICE_KEY, Socket, connect_and_send, read_to_end,
};

use super::{ALLOWED, OWN_SESSION, log_in, logged_in, pair, post, send, server};

#[tokio::test]
async fn a_cookie_counts_only_for_pages_of_an_own_or_allowed_origin() {
    let server = server().await;
    server.create_user(MOBILE).await;
    let (_, cookies) = log_in(&server, json!({ "onConflict": "TAKE_OVER" })).await;
    let host = server.address.to_string();
    let secure_own = format!("https://{host}");
    // The response to a page with these headers: the session, nobody, or a rejection.
    for (headers, expected) in [
        (vec![("origin", ALLOWED)], "session"),
        (vec![("origin", &*secure_own)], "session"),
        (vec![("sec-fetch-site", "same-origin")], "session"),
        (vec![], "nobody"),
        (vec![("sec-fetch-site", "none")], "nobody"),
        (vec![("sec-fetch-site", "same-site")], "rejected"),
        (vec![("sec-fetch-site", "cross-site")], "rejected"),
        (vec![("origin", "https://evil.example")], "rejected"),
        (vec![("origin", "null")], "rejected"),
        (
            vec![("origin", "https://app.example.com.evil.example")],
            "rejected",
        ),
    ] {
        let mut request = post(&server, OWN_SESSION, json!({})).header("cookie", pair(&cookies));
        for (name, value) in &headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let found = if response.status() == StatusCode::FORBIDDEN {
            "rejected"
        } else {
            let body: Value = response.json().await.unwrap();
            match body["data"]["currentSession"] {
                Value::Null => "nobody",
                _ => "session",
            }
        };
        assert_eq!(found, expected, "{headers:?}");
    }
}

#[tokio::test]
async fn a_page_by_plain_http_of_the_same_host_is_not_trusted() {
    let server = server().await;
    server.create_user(MOBILE).await;
    let (_, cookies) = log_in(&server, json!({ "onConflict": "TAKE_OVER" })).await;
    for (scheme, is_session) in [("https", true), ("http", false)] {
        let query = "query={currentSession{sessionKey}}";
        let request = format!(
            "GET /graphql?{query} HTTP/1.1\r\nhost: app.example.net\r\nconnection: close\r\n\
             accept: application/json\r\norigin: {scheme}://app.example.net\r\ncookie: {}\r\n\r\n",
            pair(&cookies)
        );
        let mut stream = connect_and_send(server.address, request.as_bytes()).await;
        let response = read_to_end(&mut stream).await;
        assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
        assert_eq!(
            response.contains("sessionKey"),
            is_session,
            "{scheme}: {response}"
        );
    }
}

#[tokio::test]
async fn a_websocket_is_authenticated_by_the_cookie_of_its_handshake_if_it_has_an_origin() {
    let server = server().await;
    server.create_user(MOBILE).await;
    let (login, cookies) = log_in(&server, json!({ "onConflict": "TAKE_OVER" })).await;
    let cookie = ("cookie", pair(&cookies));
    let site = ("sec-fetch-site", "same-origin");
    for (headers, is_session) in [
        (&[cookie, ("origin", ALLOWED)][..], true),
        (&[cookie, site], false),
        (&[cookie], false),
    ] {
        let mut socket = Socket::connect_with(server.address, headers).await;
        socket.init(Value::Null).await;
        assert_eq!(socket.receive().await["type"], "connection_ack");
        let own = socket.run(OWN_SESSION, json!({})).await;
        let key = own.0.pointer("/data/currentSession/sessionKey");
        let expected = is_session.then(|| login.data("/login/session/sessionKey"));
        assert_eq!(key, expected, "{headers:?}");
    }
}

#[tokio::test]
async fn an_authorization_header_wins_over_the_cookie_without_a_fallback() {
    let server = server().await;
    let other = server.create_user("9012300009").await;
    server.create_user(MOBILE).await;
    let (_, cookies) = log_in(&server, json!({ "onConflict": "TAKE_OVER" })).await;
    for (bearer, expected) in [
        (&*other.token, json!(other.session)),
        ("sd1_wrong", Value::Null),
    ] {
        let request = post(&server, OWN_SESSION, json!({}))
            .bearer_auth(bearer)
            .header("cookie", pair(&cookies))
            .header("origin", ALLOWED);
        let (own, _) = send(request).await;
        let key = own.0.pointer("/data/currentSession/sessionKey").cloned();
        assert_eq!(key.unwrap_or_default(), expected);
    }
}

#[tokio::test]
async fn two_cookies_of_the_name_are_rejected() {
    let server = server().await;
    let twice = "__Host-sessiond=sd1_a; __Host-sessiond=sd1_b";
    let request = post(&server, OWN_SESSION, json!({}))
        .header("cookie", twice)
        .header("origin", ALLOWED);
    assert_eq!(
        request.send().await.unwrap().status(),
        StatusCode::BAD_REQUEST
    );
    let verify = server.get("/verify").header("cookie", twice);
    assert_eq!(
        verify.send().await.unwrap().status(),
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn a_service_key_in_the_cookie_is_ignored() {
    let server = server().await;
    let request = post(&server, "{ users { nodes { id } } }", json!({}))
        .header("cookie", format!("__Host-sessiond={SERVICE_KEY}"))
        .header("origin", ALLOWED);
    let (users, _) = send(request).await;
    assert_eq!(users.error_code(), "UNAUTHENTICATED");
}

#[tokio::test]
async fn an_allowed_origin_may_read_responses_to_requests_with_the_cookie() {
    let server = server().await;
    let request = post(&server, OWN_SESSION, json!({})).header("origin", ALLOWED);
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["access-control-allow-origin"], ALLOWED);
    assert_eq!(
        response.headers()["access-control-allow-credentials"],
        "true"
    );
}

#[tokio::test]
async fn a_preflight_request_lets_an_allowed_origin_only_send_the_cookie() {
    let server = server().await;
    for (origin, expected) in [(ALLOWED, Some("true")), ("https://evil.example", None)] {
        let url = server.url("/graphql");
        let request = Client::new().request(Method::OPTIONS, url);
        let request = request.header("origin", origin);
        let request = request.header("access-control-request-method", "POST");
        let response = request.send().await.unwrap();
        let found = response.headers().get("access-control-allow-credentials");
        let found = found.map(|value| value.to_str().unwrap());
        assert_eq!(found, expected, "{origin}");
    }
}

#[tokio::test]
async fn a_form_of_another_site_changes_nothing() {
    let (server, cookie, key) = logged_in().await;
    let query = format!(
        "mutation {{ invalidateSession(input: {{ sessionKey: \"{key}\" }}) {{ message }} }}"
    );
    let body = json!({ "query": query }).to_string();
    // A form can send these types, and no other ones.
    for (kind, origin, status) in [
        ("text/plain", "https://evil.example", 403),
        ("application/x-www-form-urlencoded", "null", 403),
        ("text/plain", ALLOWED, 415),
    ] {
        let request = server.post("/graphql").header("content-type", kind);
        let request = request.header("origin", origin).header("cookie", &cookie);
        let response = request.body(body.clone()).send().await.unwrap();
        assert_eq!(response.status(), status, "{kind} {origin}");
    }
    let verify = server.get("/verify").header("cookie", cookie);
    assert_eq!(verify.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn an_event_stream_is_authenticated_by_the_cookie() {
    let (server, cookie, _) = logged_in().await;
    let cursor = "query($mobile: String!) { user(mobile: $mobile) { alertCursor } }";
    let cursor = server
        .run_as_service(cursor, json!({ "mobile": MOBILE }))
        .await;
    let query = "subscription($after: ID) { sessionAlerts(after: $after) { kind } }";
    let after = cursor.data("/user/alertCursor");
    let body = json!({ "query": query, "variables": { "after": after } });
    let open = || {
        let request = server
            .post("/graphql")
            .json(&body)
            .header("cookie", &cookie);
        request.header("accept", "text/event-stream")
    };
    let mut stranger = EventStream::new(open().send().await.unwrap());
    let refused = stranger.next().await;
    assert_eq!(
        refused["errors"][0]["extensions"]["code"],
        "UNAUTHENTICATED"
    );

    let response = open().header("origin", ALLOWED).send().await.unwrap();
    let mut events = EventStream::new(response);
    log_in(&server, json!({ "userAgent": "second", "cookie": false })).await;
    let alert = events.next().await;
    assert_eq!(alert["data"]["sessionAlerts"]["kind"], "LOGIN_REFUSED");
}

#[tokio::test]
async fn the_credentials_of_an_init_win_over_the_cookie_of_the_handshake() {
    let (server, cookie, _) = logged_in().await;
    let other = server.create_user("9012300009").await;
    let headers = [("cookie", &*cookie), ("origin", ALLOWED)];
    let mut socket = Socket::connect_with(server.address, &headers).await;
    socket.init(json!({ "authorization": other.token })).await;
    assert_eq!(socket.receive().await["type"], "connection_ack");
    let own = socket.run(OWN_SESSION, json!({})).await;
    assert_eq!(
        *own.data("/currentSession/sessionKey"),
        json!(other.session)
    );

    let mut socket = Socket::connect_with(server.address, &headers).await;
    socket.init(json!({ "authorization": "sd1_wrong" })).await;
    assert_eq!(socket.closed().await.0, 4403);
}

#[tokio::test]
async fn a_socket_of_another_origin_is_not_opened() {
    let (server, cookie, _) = logged_in().await;
    let headers = [("cookie", &*cookie), ("origin", "https://evil.example")];
    let error = Socket::try_connect_with(server.address, &headers).await;
    let error = error.err().unwrap().to_string();
    assert!(error.contains("403"), "{error}");
}
