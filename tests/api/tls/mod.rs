//! TLS in the server: its certificate, HTTP/2 and WebSockets over it.

mod client;

use axum::body::Body;
use futures_util::{StreamExt, future::join_all};
use serde_json::json;
use sessiond_test_support::{EVENT_STREAM, MOBILE, run_to_exit, within_deadline};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::{
    client_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use self::client::{Files, Secure, connect};
use crate::SESSIOND;

const CREATE: &str = "mutation { createUser(input: { mobile: \"9012345678\", username: \"Abc\" }) \
                      { token session { sessionKey } } }";

const REFUSED: &str = "mutation { login(input: { mobile: \"9012345678\", username: \"Abc\", \
                       userAgent: \"another device\" }) { outcome } }";

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_offers_http_2_gets_it_for_the_api_and_for_token_checks() {
    let secure = Secure::start(&[]).await;
    let mut client = secure.http2().await;
    let created = client.run(CREATE).await;
    let token = created["data"]["createUser"]["token"].as_str().unwrap();
    for (token, status) in [(token, 200), ("sd1_nothing", 401)] {
        let request = client
            .request("/verify/orders")
            .header("authorization", format!("Bearer {token}"))
            .body(Body::empty())
            .unwrap();
        assert_eq!(client.send(request).await.status(), status);
    }
    // A body that is not read ends only its own request.
    let request = client.request("/verify").method("POST");
    let request = request.body(Body::from("x".repeat(100_000))).unwrap();
    assert_eq!(client.send(request).await.status(), 401);
    assert_eq!(client.get_status("/healthz").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_offer_http_2_gets_http_1_1() {
    let secure = Secure::start(&[]).await;
    for protocols in [&[][..], &[&b"http/1.1"[..]]] {
        let mut stream = secure.connect(protocols).await;
        let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut response = String::new();
        within_deadline(stream.read_to_string(&mut response))
            .await
            .unwrap();
        assert!(response.starts_with("HTTP/1.1 200 OK"), "{response}");
    }
    // Plain HTTP is not accepted on the same port.
    assert!(secure.server.get("/healthz").send().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_arrives_over_a_websocket_and_over_an_event_stream() {
    let secure = Secure::start(&[]).await;
    let mut client = secure.http2().await;
    client.run(CREATE).await;
    let user = format!("{{ user(mobile: \"{MOBILE}\") {{ alertCursor }} }}");
    let cursor = &client.run(&user).await["data"]["user"]["alertCursor"];
    // With the cursor, an alert that is raised before the subscription starts arrives too.
    let arguments = format!("mobile: \"{MOBILE}\", after: {cursor}");
    let subscription = format!("subscription {{ sessionAlerts({arguments}) {{ kind }} }}");

    let stream = secure.connect(&[b"http/1.1"]).await;
    let url = format!("wss://{}/graphql", secure.server.address);
    let mut request = url.into_client_request().unwrap();
    let protocol = "graphql-transport-ws".parse().unwrap();
    request
        .headers_mut()
        .insert("sec-websocket-protocol", protocol);
    let (mut socket, _) = within_deadline(Box::pin(client_async(request, stream)))
        .await
        .unwrap();
    let mut exchange = async |message| {
        let message = Message::text(serde_json::Value::to_string(&message));
        futures_util::SinkExt::send(&mut socket, message)
            .await
            .unwrap();
    };
    exchange(json!({ "type": "connection_init" })).await;
    let payload = json!({ "query": subscription });
    exchange(json!({ "type": "subscribe", "id": "1", "payload": payload })).await;
    let mut next = async |text: &str| {
        within_deadline(async {
            while !socket
                .next()
                .await
                .unwrap()
                .unwrap()
                .to_string()
                .contains(text)
            {}
        })
        .await;
    };
    let events = client.post(&subscription, EVENT_STREAM).await;
    assert_eq!(events.status(), 200);
    let mut events = Body::new(events.into_body()).into_data_stream();
    let refused = client.run(REFUSED).await;
    assert_eq!(refused["data"]["login"]["outcome"], "REFUSED");
    next("LOGIN_REFUSED").await;
    let event = within_deadline(events.next()).await.unwrap().unwrap();
    let event = String::from_utf8(event.to_vec()).unwrap();
    assert!(event.contains("LOGIN_REFUSED"), "{event}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_reads_the_certificate_again_and_a_broken_one_is_not_used() {
    let secure = Secure::start(&[]).await;
    let (address, old) = (secure.server.address, secure.files.certificate());
    let mut open = secure.http2().await;

    secure.files.renew();
    secure.server.signal("HUP");
    secure.wait_for_log("SIGHUP was handled").await;
    assert!(connect(address, &old, &[]).await.is_err());
    connect(address, &secure.files.certificate(), &[])
        .await
        .unwrap();
    assert_eq!(open.get_status("/healthz").await, 200);

    let new = secure.files.certificate();
    let other = Files::new();
    std::fs::copy(other.path("key.pem"), secure.files.path("key.pem")).unwrap();
    secure.server.signal("HUP");
    secure.wait_for_log("not read again").await;
    secure.wait_for_log("does not fit the certificate").await;
    connect(address, &new, &[]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_without_a_certificate_does_not_end_the_server() {
    let server = SESSIOND.server().start().await;
    server.signal("HUP");
    assert_eq!(server.get_status("/healthz").await, 200);
}

#[test]
fn a_certificate_that_cannot_be_used_is_a_clear_error() {
    let (files, other) = (Files::new(), Files::new());
    let run = |command: &str, flags: &[String]| {
        let database = format!("--database=sqlite:{}", files.path("a.db").display());
        let arguments = [command, "--listen=127.0.0.1:0", &database];
        run_to_exit(SESSIOND.command(&arguments).args(flags))
    };
    let key = |path: std::path::PathBuf| format!("--tls-key={}", path.display());
    let [certificate, own_key] = files.flags();
    let cases = [
        (
            vec![certificate.clone(), key(other.path("key.pem"))],
            "does not fit the certificate",
        ),
        (
            vec![certificate.clone(), key(other.path("cert.pem"))],
            "private key in",
        ),
        (
            vec![certificate.clone(), key(other.path("none.pem"))],
            "private key in",
        ),
        (
            vec![
                format!("--tls-cert={}", other.path("key.pem").display()),
                own_key,
            ],
            "certificate in",
        ),
        (vec![certificate.clone()], "--tls-key"),
    ];
    for (flags, problem) in cases {
        for command in ["serve", "check"] {
            let (succeeded, output) = run(command, &flags);
            assert!(
                !succeeded && output.contains(problem),
                "{command} {flags:?} {output}"
            );
        }
    }
    let (succeeded, output) = run("check", &files.flags());
    assert!(
        succeeded && output.contains("certificate and its key"),
        "{output}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_by_http_2_whose_host_differs_from_its_authority_is_rejected() {
    let secure = Secure::start(&[]).await;
    let mut client = secure.http2().await;
    for (host, status) in [
        ("other.example", 400),
        (&*secure.server.address.to_string(), 200),
    ] {
        let request = client.request("/healthz").header("host", host);
        let request = request.body(Body::empty()).unwrap();
        assert_eq!(client.send(request).await.status(), status, "{host}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_has_at_most_64_requests_at_once() {
    let secure = Secure::start(&[]).await;
    let mut client = secure.http2().await;
    client.run(CREATE).await;
    let subscription = format!("subscription {{ sessionAlerts(mobile: \"{MOBILE}\") {{ kind }} }}");
    let mut streams = Vec::new();
    for _ in 0..64 {
        streams.push(client.post(&subscription, EVENT_STREAM).await);
    }
    let request = client.request("/healthz").body(Body::empty()).unwrap();
    let mut sender = client.sender.clone();
    let mut waiting = Box::pin(sender.send_request(request));
    // Another connection has its own limit, and its requests pass meanwhile.
    let mut other = secure.http2().await;
    for _ in 0..50 {
        assert_eq!(other.get_status("/healthz").await, 200);
        assert!(futures_util::poll!(&mut waiting).is_pending());
    }
    streams.pop();
    let response = within_deadline(waiting).await.unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_requests_of_one_address_are_limited_over_all_connections() {
    let limits = [
        "--max-connections-per-address=3",
        "--max-sockets-per-address=100",
    ];
    let secure = Secure::start(&limits).await;
    let mut client = secure.http2().await;
    client.run(CREATE).await;
    let subscription = format!("subscription {{ sessionAlerts(mobile: \"{MOBILE}\") {{ kind }} }}");
    let mut streams = Vec::new();
    for _ in 0..3 {
        streams.push(client.post(&subscription, EVENT_STREAM).await);
    }
    assert_eq!(client.get_status("/healthz").await, 429);
    streams.pop();
    within_deadline(async { while client.get_status("/healthz").await != 200 {} }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_above_16_kib_is_rejected() {
    let secure = Secure::start(&[]).await;
    let mut client = secure.http2().await;
    for (length, status) in [(8 * 1024, 200), (17 * 1024, 431)] {
        let request = client
            .request("/healthz")
            .header("x-long", "a".repeat(length));
        let request = request.body(Body::empty()).unwrap();
        assert_eq!(client.send(request).await.status(), status, "{length}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_without_requests_and_a_handshake_that_does_not_end_are_closed() {
    let secure = Secure::start(&["--request-timeout=1s"]).await;
    let mut served = secure.http2().await;
    assert_eq!(served.get_status("/healthz").await, 200);
    secure.http2().await.closed().await;
    let mut silent = tokio::net::TcpStream::connect(secure.server.address)
        .await
        .unwrap();
    let read = within_deadline(silent.read(&mut [0; 16])).await;
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    // This connection has waited for longer than the others.
    assert_eq!(served.get_status("/healthz").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_of_http_2_is_closed_after_the_idle_timeout() {
    let flags = ["--connection-idle-timeout=1s", "--request-timeout=10min"];
    let secure = Secure::start(&flags).await;
    let mut new = secure.http2().await;
    let mut served = secure.http2().await;
    assert_eq!(served.get_status("/healthz").await, 200);
    served.closed().await;
    assert_eq!(new.get_status("/healthz").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_no_response_is_disconnected() {
    let secure = Secure::start(&["--stall-timeout=1s"]).await;
    let mut client = Box::pin(secure.http2_with_window(Some(0))).await;
    let request = client
        .request("/schema.graphql")
        .body(Body::empty())
        .unwrap();
    let response = client.send(request).await;
    assert_eq!(response.status(), 200);
    client.closed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_over_http_2_end_before_the_shutdown_and_streams_are_closed() {
    let secure = Secure::start(&[]).await;
    let mut client = secure.http2().await;
    client.run(CREATE).await;
    let subscription = format!("subscription {{ sessionAlerts(mobile: \"{MOBILE}\") {{ kind }} }}");
    let stream = client.post(&subscription, EVENT_STREAM).await;
    let checks = (0..8).map(|_| {
        let request = client.request("/healthz").body(Body::empty()).unwrap();
        let mut sender = client.sender.clone();
        async move { sender.send_request(request).await }
    });
    for response in within_deadline(join_all(checks)).await {
        assert_eq!(response.unwrap().status(), 200);
    }
    secure.server.signal("TERM");
    assert!(secure.server.exit().await.success());
    drop(stream);
    client.closed().await;
}

/// A suspended client neither closes its connection nor acknowledges that the server ends it.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_of_http_2_whose_client_is_suspended_does_not_hold_the_shutdown() {
    let flags = ["--shutdown-grace=10min", "--request-timeout=1s"];
    let secure = Secure::start(&flags).await;
    let mut stream = Box::pin(secure.connect(&[b"h2"])).await;
    // The preface, empty settings, and GET /healthz on stream 1 (RFC 9113; RFC 7541, appendix A, has
    // the numbers of the headers).
    let mut frames = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    frames.extend([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    let headers = b"\x82\x87\x01\x09localhost\x04\x08/healthz";
    frames.extend([0, 0, u8::try_from(headers.len()).unwrap(), 1, 5, 0, 0, 0, 1]);
    frames.extend(headers);
    stream.write_all(&frames).await.unwrap();
    let mut head = [0; 9];
    // Until the headers of the response.
    while head[3] != 1 {
        within_deadline(stream.read_exact(&mut head)).await.unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        within_deadline(stream.read_exact(&mut payload))
            .await
            .unwrap();
    }
    secure.server.signal("TERM");
    assert!(secure.server.exit().await.success());
    drop(stream);
}
