//! A request that has arrived as a whole has the same response whether the connection handles it
//! itself, which happens until something else arrives, or hyper does.

use std::time::Duration;

use serde_json::{Value, json};
use sessiond_test_support::{
    MOBILE, SERVICE_KEY, TestServer, connect, connect_and_send, read_head, read_to_end,
    within_deadline,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const HEALTH: &str = "HEAD /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";

fn check(fields: &str) -> String {
    check_of("/verify", fields)
}

fn check_of(target: &str, fields: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nhost: app.example.com\r\n{fields}\r\n")
}

fn post(fields: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST /graphql HTTP/1.1\r\nhost: app.example.com\r\ncontent-length: {length}\r\n{fields}\r\n{body}"
    )
}

fn query(fields: &str, query: &str, variables: &Value) -> String {
    let body = json!({ "query": query, "variables": variables }).to_string();
    post(
        &format!("content-type: application/json\r\n{fields}"),
        &body,
    )
}

/// Sends a request, and returns its response without the date and the id of the request.
async fn exchange(stream: &mut TcpStream, request: impl AsRef<[u8]>) -> String {
    let request = request.as_ref();
    within_deadline(stream.write_all(request)).await.unwrap();
    let head = read_head(stream).await;
    let value = |name: &str| {
        let mut lines = head.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        value.map(str::to_owned)
    };
    assert!(value("date").unwrap().ends_with(" GMT"), "{head}");
    let mut body = vec![0; value("content-length").unwrap().parse().unwrap()];
    if !request.starts_with(b"HEAD ") {
        within_deadline(stream.read_exact(&mut body)).await.unwrap();
    }
    let varies = |line: &&str| line.starts_with("date: ") || line.starts_with("x-request-id: ");
    let head: String = head
        .split_inclusive("\r\n")
        .filter(|line| !varies(line))
        .collect();
    head + std::str::from_utf8(&body).unwrap()
}

#[track_caller]
fn assert_status(response: &str, status: u16) {
    let start = format!("HTTP/1.1 {status} ");
    assert!(response.starts_with(&start), "not {status}: {response}");
}

/// A connection that hyper has.
async fn by_hyper(server: &TestServer) -> TcpStream {
    let mut stream = connect(server.address).await;
    exchange(&mut stream, HEALTH).await;
    stream
}

#[tokio::test]
async fn a_check_has_the_response_that_hyper_would_send() {
    let server = TestServer::with_service_key_and_flags(&["--login-url=/login"]).await;
    let user = server.create_user(MOBILE).await;
    let token = format!("authorization: Bearer {}\r\n", user.token);
    let cookie = format!("cookie: a=b; __Host-sessiond={}\r\n", user.token);
    let mut direct = connect(server.address).await;
    let mut by_hyper = by_hyper(&server).await;
    for (fields, status) in [
        (&*token, 200),
        (
            &format!("{token}x-request-id: given\r\nx-user-id: forged\r\n"),
            200,
        ),
        (&format!("connection: keep-alive\r\n{token}{cookie}"), 200),
        (&cookie, 200),
        (&format!("authorization: Basic eA==\r\n{cookie}"), 200),
        ("", 401),
        ("authorization: Bearer sd1_x\r\n", 401),
        (&format!("authorization: Bearer sd1_x\r\n{cookie}"), 401),
        ("authorization: Bearer \u{fc}\r\n", 401),
        ("accept: text/html\r\n", 303),
        (&cookie.repeat(2), 400),
        (&token, 200),
    ] {
        for target in ["/verify", "/verify/a?b=%63"] {
            let request = check_of(target, fields);
            let response = exchange(&mut direct, &request).await;
            let expected = exchange(&mut by_hyper, &request).await;
            assert_eq!(response, expected, "{request}");
            let is_page = status == 303 && target != "/verify";
            assert_status(&response, if is_page { 401 } else { status });
        }
    }
}

#[tokio::test]
async fn an_authorization_that_is_not_utf_8_is_not_passed_over_for_the_cookie() {
    let server = TestServer::with_service_key().await;
    let user = server.create_user(MOBILE).await;
    let mut direct = connect(server.address).await;
    let mut by_hyper = by_hyper(&server).await;
    for authorization in [&b"Bearer sd1_\xff"[..], b"Bearer \xff", b"\xff"] {
        let mut request = b"GET /verify HTTP/1.1\r\nhost: localhost\r\nauthorization: ".to_vec();
        request.extend_from_slice(authorization);
        let cookie = format!("\r\ncookie: __Host-sessiond={}\r\n\r\n", user.token);
        request.extend_from_slice(cookie.as_bytes());
        let response = exchange(&mut direct, &request).await;
        assert_eq!(response, exchange(&mut by_hyper, &request).await);
        assert_status(
            &response,
            if authorization.starts_with(b"Bearer sd1_") {
                401
            } else {
                200
            },
        );
    }
}

#[tokio::test]
async fn a_query_has_the_response_that_hyper_would_send() {
    let server =
        TestServer::with_service_key_and_flags(&["--allowed-origin=https://a.example"]).await;
    let user = server.create_user(MOBILE).await;
    let token = format!("authorization: Bearer {}\r\n", user.token);
    let key = format!("authorization: Bearer {SERVICE_KEY}\r\n");
    let session = "{ currentSession { id createdAt } }";
    let of_user = "query($m: String!) { user(mobile: $m) { sessions { nodes { id } } } }";
    let schema = "{ __schema { types { name description fields { name description } } } }";
    let (none, mobile) = (json!({}), json!({ "m": MOBILE }));
    let mut direct = connect(server.address).await;
    for (request, status) in [
        (query(&token, session, &none), 200),
        (query(&token, session, &none), 200),
        (query(&token, of_user, &mobile), 200),
        (query(&key, of_user, &mobile), 200),
        (query(&key, of_user, &none), 200),
        (query(&key, schema, &none), 200),
        (query("", session, &none), 200),
        (
            query(
                "accept: application/graphql-response+json\r\n",
                "{ nope }",
                &none,
            ),
            400,
        ),
        (query("accept: image/png\r\n", session, &none), 406),
        (query("origin: https://a.example\r\n", session, &none), 200),
        (query("origin: https://b.example\r\n", session, &none), 403),
        (query("content-encoding: gzip\r\n", session, &none), 415),
        (post("content-type: text/plain\r\n", "{}"), 415),
        (post("content-type: application/json\r\n", ""), 400),
        (post("content-type: application/json\r\n", "[]"), 400),
        (query(&token, session, &none), 200),
    ] {
        let response = exchange(&mut direct, &request).await;
        let by_hyper = exchange(&mut by_hyper(&server).await, &request).await;
        // hyper ends a connection whose body was not read.
        assert_eq!(response, by_hyper.replace("connection: close\r\n", ""));
        assert_status(&response, status);
    }
}

#[tokio::test]
async fn an_ended_session_is_refused_on_the_connection_that_accepted_it() {
    let server = TestServer::with_service_key().await;
    let user = server.create_user(MOBILE).await;
    let request = check(&format!("authorization: Bearer {}\r\n", user.token));
    let mut stream = connect(server.address).await;
    for _ in 0..2 {
        let response = exchange(&mut stream, &request).await;
        assert_status(&response, 200);
    }
    server
        .invalidate_session_as(Some(&user.token), &user.session)
        .await
        .data_str("/invalidateSession/message");
    let ended = exchange(&mut stream, &request).await;
    assert_status(&ended, 401);
}

#[tokio::test]
async fn a_session_in_use_is_valid_until_its_lifetime_ends_and_an_idle_one_expires() {
    let server = TestServer::with_service_key_and_flags(&["--session-lifetime=2h"]).await;
    let user = server.create_user(MOBILE).await;
    let request = check(&format!("authorization: Bearer {}\r\n", user.token));
    let mut stream = connect(server.address).await;
    // The idle timeout is 30 minutes.
    for _ in 0..5 {
        server.advance(Duration::from_mins(20));
        for _ in 0..2 {
            let response = exchange(&mut stream, &request).await;
            assert_status(&response, 200);
        }
    }
    server.advance(Duration::from_mins(20));
    let ended = exchange(&mut stream, &request).await;
    assert_status(&ended, 401);

    let login = server.login(MOBILE, json!({})).await;
    let token = login.data_str("/login/token");
    let request = check(&format!("authorization: Bearer {token}\r\n"));
    let response = exchange(&mut stream, &request).await;
    assert_status(&response, 200);
    server.advance(Duration::from_mins(30));
    let expired = exchange(&mut stream, &request).await;
    assert_status(&expired, 401);
}

#[tokio::test]
async fn requests_that_arrive_at_once_are_answered_in_their_order() {
    let server = TestServer::with_service_key().await;
    let user = server.create_user(MOBILE).await;
    let valid = check(&format!("authorization: Bearer {}\r\n", user.token));
    let missing = check("");
    let body = json!({ "query": "{ __typename }" }).to_string();
    // The body looks like a check.
    let query = format!(
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}{valid}",
        body.len() + valid.len()
    );
    let last = check("connection: close\r\n");
    let requests = [
        &*valid, &missing, &valid, &query, &missing, HEALTH, &valid, &last,
    ]
    .concat();
    for parts in [1, 2, 7, requests.len()] {
        let mut stream = connect(server.address).await;
        stream.set_nodelay(true).unwrap();
        for part in requests.as_bytes().chunks(requests.len().div_ceil(parts)) {
            within_deadline(stream.write_all(part)).await.unwrap();
            tokio::task::yield_now().await;
        }
        let responses = read_to_end(&mut stream).await;
        let statuses: Vec<_> = responses
            .split("HTTP/1.1 ")
            .skip(1)
            .map(|response| &response[..3])
            .collect();
        let expected = ["200", "401", "200", "400", "401", "200", "200", "401"];
        assert_eq!(statuses, expected, "{parts} {responses}");
    }
}

#[tokio::test]
async fn a_connection_of_checks_ends_with_the_server_and_with_the_client() {
    let mut server = TestServer::with_service_key().await;
    let user = server.create_user(MOBILE).await;
    let request = check(&format!("authorization: Bearer {}\r\n", user.token));
    let mut half_closed = connect_and_send(server.address, request.as_bytes()).await;
    half_closed.shutdown().await.unwrap();
    let response = read_to_end(&mut half_closed).await;
    assert_status(&response, 200);

    let mut idle = connect(server.address).await;
    exchange(&mut idle, &request).await;
    server.stop().await;
    assert_eq!(read_to_end(&mut idle).await, "");
}
