//! What every gateway must do.

use futures_util::{SinkExt, StreamExt};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use sessiond_test_support::{
    AlertSubscription, EventStream, MOBILE, OTHER_MOBILE, SERVICE_KEY, connect_and_send,
    read_to_end, within_deadline,
};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest},
};

use crate::gateway::Gateway;

const METHODS: [&str; 8] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND",
];

/// The headers that name the session and the user.
const SESSION_HEADERS: [&str; 5] = [
    "x-session-key",
    "x-session-expires-at",
    "x-user-id",
    "x-user-mobile",
    "x-user-name",
];

async fn send(request: RequestBuilder) -> Response {
    within_deadline(request.send()).await.unwrap()
}

/// The request that the application received.
async fn received(request: RequestBuilder) -> Value {
    let response = send(request).await;
    assert_eq!(response.status(), StatusCode::OK);
    response.json().await.unwrap()
}

pub async fn a_valid_token_passes_with_any_method(gateway: &Gateway) {
    let user = gateway.create_user(MOBILE).await;
    for method in METHODS {
        let response = send(gateway.request(method, "/a").bearer_auth(&user.token)).await;
        assert_eq!(response.status(), StatusCode::OK, "{method}");
        assert_eq!(response.headers()["x-received-method"], method);
    }
}

pub async fn a_valid_cookie_passes_and_another_one_does_not(gateway: &Gateway) {
    let user = gateway.create_user(MOBILE).await;
    let with = |cookie: String| gateway.request("GET", "/a").header("cookie", cookie);
    let token = &user.token;
    let request = received(with(format!("a=b; __Host-sessiond={token}"))).await;
    assert_eq!(request["headers"]["x-session-key"], json!([user.session]));
    for cookie in [
        format!("sessiond={token}"),
        "__Host-sessiond=sd1_wrong".into(),
    ] {
        let response = send(with(cookie)).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    }
    let twice = format!("__Host-sessiond={token}; __Host-sessiond={token}");
    let response = send(with(twice)).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
}

pub async fn the_application_does_not_get_the_cookie_of_the_session(gateway: &Gateway) {
    let user = gateway.create_user(MOBILE).await;
    let session = format!("__Host-sessiond={}", user.token);
    for (cookie, expected) in [
        (format!("a=b; {session}; c=d"), json!(["a=b; c=d"])),
        (format!("{session}; a=b"), json!(["a=b"])),
        (format!("a=b;{session}"), json!(["a=b"])),
        (
            format!("x{session}; {session}"),
            json!([format!("x{session}")]),
        ),
        (session.clone(), json!(null)),
    ] {
        let request = received(gateway.get("/a").header("cookie", &cookie)).await;
        assert_eq!(request["headers"]["cookie"], expected, "{cookie}");
        assert_eq!(request["headers"]["x-session-key"], json!([user.session]));
    }
    // The token in the header counts, and the cookie is another one.
    let request = gateway.get("/a").bearer_auth(&user.token);
    let request = received(request.header("cookie", "__Host-sessiond=sd1_x; a=b")).await;
    assert_eq!(request["headers"]["cookie"], json!(["a=b"]));
}

pub async fn the_application_sees_the_user_and_the_whole_request(gateway: &Gateway) {
    let query = "mutation($input: CreateUserInput!) { createUser(input: $input) {
        token user { id } session { sessionKey } } }";
    let input = json!({ "mobile": "+91 90123 45678", "username": "Zoë" });
    let created = gateway
        .run_as_service(query, json!({ "input": input }))
        .await;
    let token = created.data_str("/createUser/token");

    let request = gateway
        .request("PUT", "/orders/7?x=%2F&y=a%20b")
        .bearer_auth(&token)
        .header("x-other", "kept")
        .body("the body");
    let request = received(request).await;

    assert_eq!(request["method"], "PUT");
    assert_eq!(request["target"], "/orders/7?x=%2F&y=a%20b");
    assert_eq!(request["body"], "the body");
    let headers = &request["headers"];
    let key = created.data_str("/createUser/session/sessionKey");
    let id = created.data_str("/createUser/user/id");
    for (name, value) in [
        ("x-session-key", &*key),
        ("x-user-id", &id),
        ("x-user-mobile", "+919012345678"),
        ("x-user-name", "Zo%C3%AB"),
        ("x-other", "kept"),
    ] {
        assert_eq!(headers[name], json!([value]), "{name}");
    }
    let expires_at = headers["x-session-expires-at"][0].as_str().unwrap();
    assert!(expires_at.ends_with('Z'), "{expires_at}");
}

pub async fn a_client_cannot_forge_the_headers_of_a_session(gateway: &Gateway) {
    let user = gateway.create_user(MOBILE).await;
    let mut request = gateway.request("GET", "/a").bearer_auth(&user.token);
    for name in SESSION_HEADERS {
        request = request.header(name, "forged").header(name, "forged again");
    }
    let headers = received(request).await["headers"].take();
    assert!(!headers.to_string().contains("forged"), "{headers}");
    assert_eq!(headers["x-session-key"], json!([user.session]));

    // Some applications read all spellings from one variable.
    for name in SESSION_HEADERS.iter().flat_map(|name| spellings(name)) {
        for request in [
            gateway.request("GET", "/a").bearer_auth(&user.token),
            preflight(gateway),
        ] {
            let response = send(request.header(&name, "forged")).await;
            let text = response.text().await.unwrap();
            assert!(!text.contains("forged"), "{name}: {text}");
        }
    }
}

/// All spellings of a header name with underscores instead of hyphens.
fn spellings(name: &str) -> Vec<String> {
    let mut parts = name.split('-');
    let first = vec![parts.next().unwrap_or_default().to_owned()];
    let spellings = parts.fold(first, |starts, part| {
        let longer = |start| ["-", "_"].map(|separator| format!("{start}{separator}{part}"));
        starts.into_iter().flat_map(longer).collect()
    });
    spellings
        .into_iter()
        .filter(|name| name.contains('_'))
        .collect()
}

/// A CORS preflight request, which passes without a token.
fn preflight(gateway: &Gateway) -> RequestBuilder {
    gateway
        .request("OPTIONS", "/a")
        .header("origin", "https://bank.example")
        .header("access-control-request-method", "POST")
}

/// In the tunnel of an upgrade to HTTP/2, a client could send requests that nobody checks.
pub async fn nothing_but_a_websocket_is_upgraded(gateway: &Gateway) {
    let user = gateway.create_user(MOBILE).await;
    for protocol in ["h2c", "websocket, h2c", "h2c, websocket", "TLS/1.0"] {
        for request in [
            gateway.request("GET", "/a").bearer_auth(&user.token),
            preflight(gateway),
        ] {
            assert_not_upgraded(request, protocol).await;
        }
    }
    assert_not_upgraded(preflight(gateway), "websocket").await;
}

/// The gateway rejects the request, or sends it without the upgrade.
async fn assert_not_upgraded(request: RequestBuilder, protocol: &str) {
    let request = request
        .header("connection", "upgrade")
        .header("upgrade", protocol);
    let response = send(request).await;
    if response.status() == StatusCode::OK {
        let request: Value = response.json().await.unwrap();
        let upgrade = &request["headers"]["upgrade"];
        assert!(upgrade.is_null(), "{protocol}: {request}");
    } else {
        assert!(response.status().is_client_error(), "{response:?}");
    }
}

pub async fn a_client_cannot_remove_the_headers_of_a_session(gateway: &Gateway) {
    let user = gateway.create_user(MOBILE).await;
    // A proxy removes the headers that `Connection` names (RFC 9110, section 7.6.1).
    for connection in [
        "close, X-User-Id, X-Session-Key, X-User-Mobile",
        "x-user-id,x-session-key,close",
        "close\r\nconnection: x-user-id\r\nconnection: x-session-key",
        "close, authorization",
    ] {
        let request = format!(
            "GET /a HTTP/1.1\r\nhost: localhost\r\nconnection: {connection}\r\n\
             authorization: Bearer {}\r\n\r\n",
            user.token
        );
        let mut stream = connect_and_send(gateway.address, request.as_bytes()).await;
        let response = read_to_end(&mut stream).await;
        let is_rejected = response.starts_with("HTTP/1.1 4");
        // A proxy between the gateway and the application would remove them too.
        let passed_on = response.split(r#""connection":["#).nth(1);
        let passed_on = passed_on.and_then(|rest| rest.split(']').next());
        let is_passed_on = passed_on.is_some_and(|list| list.to_lowercase().contains("x-"));
        let has_headers = !is_passed_on
            && response.contains(r#""x-user-id":[""#)
            && response.contains(&format!(r#""x-session-key":["{}"]"#, user.session));
        assert!(is_rejected || has_headers, "{connection}: {response}");
    }
}

pub async fn a_replaced_token_is_rejected_on_the_next_request(gateway: &Gateway) {
    let user = gateway.create_user(MOBILE).await;
    received(gateway.get("/a").bearer_auth(&user.token)).await;

    let login = gateway.login(MOBILE, json!({ "onConflict": "TAKE_OVER" }));
    let token = login.await.data_str("/login/token");

    let response = send(gateway.get("/a").bearer_auth(&user.token)).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    received(gateway.get("/a").bearer_auth(&token)).await;
    assert_eq!(gateway.application.requests(), 2);
}

pub async fn a_request_without_a_valid_token_gets_401_and_does_not_pass(gateway: &Gateway) {
    const INVALID: &str = "Bearer error=\"invalid_token\"";
    let user = gateway.create_user(MOBILE).await;
    let pending = gateway.login(MOBILE, json!({ "onConflict": "ASK" }));
    let pending = format!("Bearer {}", pending.await.data_str("/login/token"));
    for method in METHODS {
        for (authorization, challenge) in [
            (None, "Bearer"),
            (Some(&*format!("Basic {}", user.token)), "Bearer"),
            (Some(&pending), INVALID),
            (Some("Bearer sd1_x"), INVALID),
        ] {
            let request = gateway.request(method, "/a").header("x-user-id", "forged");
            let request = match authorization {
                Some(authorization) => request.header("authorization", authorization),
                None => request,
            };
            let response = send(request).await;
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{method}");
            assert_eq!(response.headers()["www-authenticate"], challenge);
        }
    }
    assert_eq!(gateway.application.requests(), 0);
}

pub async fn two_authorization_headers_do_not_pass(gateway: &Gateway) {
    let user = gateway.create_user(MOBILE).await;
    let valid = format!("Bearer {}", user.token);
    for (first, second) in [
        (&*valid, &*valid),
        (&valid, "Bearer sd1_x"),
        ("Bearer sd1_x", &valid),
        (&valid, "Basic eA=="),
        ("Basic eA==", &valid),
    ] {
        let request = format!(
            "GET /a HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             authorization: {first}\r\nauthorization: {second}\r\n\r\n"
        );
        let mut stream = connect_and_send(gateway.address, request.as_bytes()).await;
        let response = read_to_end(&mut stream).await;
        assert!(response.starts_with("HTTP/1.1 4"), "{response}");
    }
    assert_eq!(gateway.application.requests(), 0);
}

pub async fn a_post_from_another_origin_passes_with_its_whole_body(gateway: &Gateway) {
    const SIZE: usize = 500_000;
    let user = gateway.create_user(MOBILE).await;
    for origin in ["https://bank.example", "null"] {
        let request = gateway
            .post("/a")
            .bearer_auth(&user.token)
            .header("origin", origin)
            .body("x".repeat(SIZE));
        let request = received(request).await;
        assert_eq!(request["headers"]["origin"], json!([origin]));
        assert_eq!(request["body"].as_str().unwrap().len(), SIZE);
    }
}

pub async fn a_preflight_request_passes_without_a_user_and_any_other_options_request_does_not(
    gateway: &Gateway,
) {
    let origin = ("origin", "https://bank.example");
    let method = ("access-control-request-method", "POST");
    let mut request = preflight(gateway);
    for name in SESSION_HEADERS {
        request = request.header(name, "forged");
    }
    let headers = received(request).await["headers"].take();
    assert!(!headers.to_string().contains("forged"), "{headers}");

    for (method_name, headers) in [
        ("OPTIONS", &[][..]),
        ("OPTIONS", &[origin]),
        ("OPTIONS", &[method]),
        ("OPTIONS", &[("access-control-request-method", "POST x")]),
        ("POST", &[origin, method]),
        ("GET", &[origin, method]),
    ] {
        let mut request = gateway.request(method_name, "/a");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = send(request).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{headers:?}");
    }
    assert_eq!(gateway.application.requests(), 1);
}

pub async fn a_websocket_passes_with_a_token_only(gateway: &Gateway) {
    let user = gateway.create_user(MOBILE).await;
    let handshake = |token: Option<&str>| {
        let url = format!("ws://{}/socket", gateway.address);
        let mut request = url.into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("origin", "https://bank.example".parse().unwrap());
        if let Some(token) = token {
            let value = format!("Bearer {token}").parse().unwrap();
            headers.insert("authorization", value);
        }
        within_deadline(connect_async(request))
    };
    for token in [None, Some("sd1_x")] {
        match handshake(token).await.map(|_| ()) {
            Err(Error::Http(response)) => assert_eq!(response.status(), 401),
            other => panic!("the handshake was not rejected: {other:?}"),
        }
    }
    assert_eq!(gateway.application.requests(), 0);

    let (mut socket, _) = handshake(Some(&user.token)).await.unwrap();
    socket.send(Message::text("hello")).await.unwrap();
    let echo = within_deadline(socket.next()).await.unwrap().unwrap();
    assert_eq!(echo, Message::text("hello"));
}

pub async fn nothing_passes_while_sessiond_is_down(gateway: &Gateway) {
    let user = gateway.create_user(MOBILE).await;
    gateway.sessiond.kill();
    for method in ["GET", "POST", "OPTIONS"] {
        let response = send(gateway.request(method, "/a").bearer_auth(&user.token)).await;
        assert!(response.status().is_server_error(), "{method} {response:?}");
    }
    assert_eq!(gateway.application.requests(), 0);
}

pub async fn the_api_is_reachable_and_sees_the_address_of_the_client(gateway: &Gateway) {
    let query = "mutation($input: CreateUserInput!) { createUser(input: $input) {
        session { ipAddress } } }";
    let input = json!({ "mobile": MOBILE, "username": "N" });
    let mut request = gateway
        .post("/graphql")
        .bearer_auth(SERVICE_KEY)
        .json(&json!({ "query": query, "variables": { "input": input } }));
    for name in ["x-real-ip", "x-forwarded-for", "forwarded"] {
        request = request.header(name, "203.0.113.9");
    }
    let response: Value = send(request).await.json().await.unwrap();
    let session = &response["data"]["createUser"]["session"];
    assert_eq!(session["ipAddress"], "127.0.0.1", "{response}");
    // The token check is not public. This path belongs to the application.
    let response = send(gateway.get("/verify")).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
}

pub async fn websockets_and_event_streams_of_the_api_are_not_buffered(gateway: &Gateway) {
    let user = gateway.create_user(MOBILE).await;
    let socket = gateway.socket(Some(&user.token)).await;
    let mut alerts = AlertSubscription::start_own(socket).await;
    let after = gateway.alert_cursor(MOBILE).await;
    let query = "subscription($after: ID) { sessionAlerts(after: $after) { kind } }";
    let variables = json!({ "after": after });
    let mut events = EventStream::open(gateway, Some(&user.token), query, variables).await;
    for device in ["one", "two"] {
        gateway.raise_alert(MOBILE, device).await;
        assert_eq!(alerts.next_kind().await, "LOGIN_REFUSED");
        let event = events.next().await;
        assert_eq!(event["data"]["sessionAlerts"]["kind"], "LOGIN_REFUSED");
    }
    // A second user is not affected by the open streams.
    gateway.create_user(OTHER_MOBILE).await;
}
