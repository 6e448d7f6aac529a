//! Clients that are slow, broken or hostile, over bare connections to a server process.

use std::{collections::HashSet, time::Duration};

use serde_json::{Value, json};
use sessiond_test_support::{
    DEADLINE, EVENT_STREAM, MOBILE, ServerProcess, Socket, connect, connect_and_send, merge,
    read_head, read_to_end, within, within_deadline,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use crate::SESSIOND;

const HANDSHAKE: &str = "GET /graphql HTTP/1.1\r\nhost: localhost\r\n\
     connection: upgrade\r\nupgrade: websocket\r\n\
     sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
     sec-websocket-protocol: graphql-transport-ws\r\n\r\n";

const ALERTS: &str = "subscription($mobile: String, $after: ID) {
    sessionAlerts(mobile: $mobile, after: $after) { attempt { userAgent } } }";

async fn server_with(flags: &[&str]) -> ServerProcess {
    SESSIOND.server().flags(flags).start().await
}

/// Waits until the server accepts another socket.
async fn wait_for_free_socket(server: &ServerProcess) {
    within_deadline(Box::pin(async {
        while Socket::try_connect(server.address).await.is_err() {}
    }))
    .await;
}

#[tokio::test]
async fn an_incomplete_handshake_does_not_keep_its_connection() {
    let server = server_with(&["--request-timeout=1s"]).await;
    for part in ["", "GET", &HANDSHAKE[..HANDSHAKE.len() - 2]] {
        let mut stream = connect_and_send(server.address, part.as_bytes()).await;
        assert_eq!(read_to_end(&mut stream).await, "");
    }
}

/// Sends one byte every 100 ms. Returns what the server sends until it closes the connection.
async fn trickle(stream: TcpStream, bytes: impl Iterator<Item = u8>) -> String {
    let (mut reader, mut writer) = stream.into_split();
    let trickle = async {
        for byte in bytes {
            if writer.write_all(&[byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        std::future::pending::<()>().await;
    };
    let mut read = Vec::new();
    tokio::select! {
        () = trickle => unreachable!("it never ends"),
        _ = within_deadline(reader.read_to_end(&mut read)) => {}
    }
    String::from_utf8(read).unwrap()
}

#[tokio::test]
async fn a_request_that_arrives_one_byte_at_a_time_does_not_keep_its_connection() {
    let server = server_with(&["--request-timeout=1s"]).await;
    let head = "POST /graphql HTTP/1.1\r\nhost: localhost\r\n\
         content-type: application/json\r\ncontent-length: 1000\r\n\r\n";
    let slow_head = connect(server.address).await;
    assert_eq!(trickle(slow_head, head.bytes().cycle()).await, "");
    let slow_body = connect_and_send(server.address, head.as_bytes()).await;
    let response = trickle(slow_body, head.bytes().cycle()).await;
    assert!(
        response.starts_with("HTTP/1.1 408 Request Timeout"),
        "{response}"
    );
}

#[tokio::test]
async fn a_body_that_is_too_long_is_rejected_before_it_is_sent() {
    let server = server_with(&[]).await;
    let head = "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: 9999999\r\nexpect: 100-continue\r\n\r\n";
    let mut stream = connect_and_send(server.address, head.as_bytes()).await;
    let response = read_head(&mut stream).await;
    assert!(response.starts_with("HTTP/1.1 413"), "{response}");
}

#[tokio::test]
async fn a_request_with_two_host_headers_is_rejected() {
    let server = server_with(&[]).await;
    let head = "POST /graphql HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n\
         connection: close\r\n\r\n";
    let mut stream = connect_and_send(server.address, head.as_bytes()).await;
    let response = read_head(&mut stream).await;
    assert!(response.starts_with("HTTP/1.1 400"), "{response}");
}

#[tokio::test]
async fn a_head_that_is_too_long_is_rejected() {
    let server = server_with(&[]).await;
    let head = format!(
        "GET / HTTP/1.1\r\nhost: localhost\r\nx-long: {}\r\n\r\n",
        "x".repeat(100_000)
    );
    let mut stream = connect(server.address).await;
    // The server may close the connection before it has read everything.
    let _ = stream.write_all(head.as_bytes()).await;
    let response = read_to_end(&mut stream).await;
    assert!(response.starts_with("HTTP/1.1 431"), "{response}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_finishes_the_mutations_of_sockets_and_event_streams() {
    const MUTATIONS: usize = 30;
    let server = server_with(&[]).await;
    let query = "mutation($input: CreateUserInput!) { createUser(input: $input) { token } }";
    let variables = |mobile: &str| {
        let input = json!({ "mobile": mobile, "username": "N", "password": "correct horse" });
        json!({ "input": input })
    };
    let has_token = |message: &Value| message["payload"]["data"]["createUser"]["token"].is_string();

    // The server hashes one password per core at a time, so most of the mutations wait.
    let mut socket = Socket::open(server.address, None).await;
    for n in 0..MUTATIONS {
        let mobile = format!("90123456{:02}", n + 10);
        socket
            .start_with(&n.to_string(), query, variables(&mobile))
            .await;
    }
    let request = server
        .post("/graphql")
        .header("accept", EVENT_STREAM)
        .json(&json!({ "query": query, "variables": variables(MOBILE) }));
    // The response's head shows that the server has started the operation.
    let stream = within_deadline(request.send()).await.unwrap();
    // The pong shows that the server has read all earlier messages of the socket.
    socket.send(json!({ "type": "ping" })).await;
    let mut completed = 0;
    loop {
        let message = socket.receive().await;
        if message["type"] == "pong" {
            break;
        }
        completed += usize::from(has_token(&message));
    }

    server.signal("TERM");

    while completed < MUTATIONS {
        completed += usize::from(has_token(&socket.receive().await));
    }
    let events = within_deadline(stream.text()).await.unwrap();
    assert!(events.contains(r#""token""#), "{events}");
    assert!(events.contains("event: complete"), "{events}");
}

#[tokio::test]
async fn an_incomplete_request_does_not_delay_a_shutdown() {
    let server = server_with(&["--request-timeout=1s", "--shutdown-grace=10min"]).await;
    let _stream = connect_and_send(server.address, b"GET / HT").await;
    // A response on a later connection shows that the server has accepted the first one.
    server.run("{ __typename }", json!({})).await;
    server.signal("TERM");
    assert!(server.exit().await.success());
}

/// An unmasked frame of text would be a protocol error. This one is masked with zeros
/// (RFC 6455, section 5.2), for a text of fewer than 126 bytes.
fn masked_text_frame(text: &str) -> Vec<u8> {
    const FINAL_TEXT: u8 = 0x81;
    const MASKED: u8 = 0x80;
    let length = u8::try_from(text.len()).unwrap();
    assert!(length < 126);
    let head = [FINAL_TEXT, MASKED | length, 0, 0, 0, 0];
    [&head, text.as_bytes()].concat()
}

#[tokio::test]
async fn a_client_that_vanishes_is_disconnected_when_it_answers_no_ping() {
    let server = server_with(&["--keep-alive=1s", "--max-sockets=1"]).await;
    let mut stream = connect_and_send(server.address, HANDSHAKE.as_bytes()).await;
    let response = read_head(&mut stream).await;
    assert!(response.starts_with("HTTP/1.1 101"), "{response}");
    let init = masked_text_frame(r#"{"type":"connection_init"}"#);
    stream.write_all(&init).await.unwrap();

    // From here on the client reads and sends nothing, as if its network were gone.
    wait_for_free_socket(&server).await;

    let received = read_to_end(&mut stream).await;
    assert!(received.contains("connection_ack"), "{received}");
}

#[tokio::test]
async fn a_client_that_answers_pings_stays_connected() {
    let server = server_with(&["--keep-alive=1s"]).await;
    let mut socket = Socket::open(server.address, None).await;
    for _ in 0..3 {
        socket.wait_for_ping().await;
    }
    let response = socket.run("{ __typename }", json!({})).await;
    assert_eq!(response.data("/__typename"), "Query");
}

/// Raises this many alerts whose user agents have 512 characters, 20 with one request.
async fn raise_long_alerts(server: &ServerProcess, alerts: usize) {
    let mut variables = json!({});
    let logins: Vec<_> = (0..20)
        .map(|n| {
            format!(
                r#"a{n}: login(input: {{ mobile: "{MOBILE}", username: "SavingsBank",
                userAgent: $a{n} }}) {{ outcome }}"#
            )
        })
        .collect();
    let parameters: Vec<_> = (0..20).map(|n| format!("$a{n}: String")).collect();
    let (logins, parameters) = (logins.join(" "), parameters.join(" "));
    let query = format!("mutation({parameters}) {{ {logins} }}");
    for first in (0..alerts).step_by(20) {
        for n in 0..20 {
            let agent = format!("{:0>512}", first + n);
            merge(&mut variables, json!({ format!("a{n}"): agent }));
        }
        let response = server.run(&query, variables.clone()).await;
        assert_eq!(response.data("/a19/outcome"), "REFUSED");
    }
}

/// Sends a request for an event stream on a connection with a small receive buffer, and reads
/// nothing but the status.
async fn open_unread_event_stream(server: &ServerProcess, body: &Value) -> TcpStream {
    let (body, socket) = (body.to_string(), TcpSocket::new_v4().unwrap());
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = within_deadline(socket.connect(server.address))
        .await
        .unwrap();
    let request = format!(
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\naccept: {EVENT_STREAM}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut status = [0; 15];
    within_deadline(stream.read_exact(&mut status))
        .await
        .unwrap();
    assert_eq!(&status, b"HTTP/1.1 200 OK");
    stream
}

#[tokio::test]
async fn an_event_stream_that_is_not_read_is_cut_off_and_memory_stays_bounded() {
    const ALERTS: usize = 1000;
    // Each event repeats the user agent of 512 characters. All of them are 16 MiB, several times
    // the capacity of the buffers that the system has at both ends.
    const REPETITIONS: usize = 32;
    const EVENT: usize = REPETITIONS * 512;
    let server = server_with(&["--stall-timeout=1s", "--max-sockets=1"]).await;
    server.create_user(MOBILE).await;
    let cursor = server.user(MOBILE, "alertCursor").await["alertCursor"].clone();
    raise_long_alerts(&server, ALERTS).await;
    let agents: Vec<_> = (0..REPETITIONS)
        .map(|n| format!("a{n}: userAgent"))
        .collect();
    let agents = agents.join(" ");
    let query = format!(
        "subscription($mobile: String, $after: ID) {{
        sessionAlerts(mobile: $mobile, after: $after) {{ attempt {{ {agents} }} }} }}"
    );
    let variables = json!({ "mobile": MOBILE, "after": cursor });

    let before = server.resident_memory();
    let body = json!({ "query": query, "variables": variables });
    let mut stream = open_unread_event_stream(&server, &body).await;
    let mut peak = 0;
    within_deadline(Box::pin(async {
        while Socket::try_connect(server.address).await.is_err() {
            peak = server.resident_memory().max(peak);
        }
    }))
    .await;

    let received = read_to_end(&mut stream).await;
    assert!(received.contains("event: next"), "nothing was streamed");
    assert!(
        !received.contains("event: complete"),
        "the stream was not cut off"
    );
    let length = received.len();
    assert!(length < ALERTS * EVENT, "{length} bytes were streamed");
    // The server holds no more than the alerts that it has read ahead.
    let grown = peak.saturating_sub(before);
    assert!(grown < 8 * 1024 * 1024, "the server grew by {grown} bytes");
}

/// Reads until each of `count` operations has received one alert of a login from `device`.
async fn assert_each_receives_alert(socket: &mut Socket, count: usize, device: &str) {
    let mut received = HashSet::new();
    while received.len() < count {
        let message = socket.receive().await;
        let alert = &message["payload"]["data"]["sessionAlerts"];
        assert_eq!(alert["attempt"]["userAgent"], device, "{message}");
        let id = message["id"].as_str().unwrap().to_owned();
        assert!(received.insert(id), "a duplicate: {message}");
    }
}

#[tokio::test]
async fn each_of_2000_subscriptions_on_one_socket_receives_every_alert() {
    const SUBSCRIPTIONS: usize = 2000;
    let server = server_with(&["--max-subscriptions=2000"]).await;
    server.create_user(MOBILE).await;
    let cursor = server.user(MOBILE, "alertCursor").await["alertCursor"].clone();
    let log_in = async |device: &str| {
        let login = server.login(MOBILE, json!({ "userAgent": device })).await;
        assert_eq!(login.data("/login/outcome"), "REFUSED");
    };
    log_in("before the subscriptions").await;

    let mut socket = Socket::open(server.address, None).await;
    let before = server.resident_memory();
    let variables = json!({ "mobile": MOBILE, "after": cursor });
    for id in 0..SUBSCRIPTIONS {
        socket
            .start_with(&id.to_string(), ALERTS, variables.clone())
            .await;
    }
    assert_each_receives_alert(&mut socket, SUBSCRIPTIONS, "before the subscriptions").await;
    log_in("after the subscriptions").await;
    assert_each_receives_alert(&mut socket, SUBSCRIPTIONS, "after the subscriptions").await;

    let grown = server.resident_memory().saturating_sub(before);
    let each = grown / u64::try_from(SUBSCRIPTIONS).unwrap();
    assert!(each < 64 * 1024, "a subscription holds {each} bytes");
}

/// A message that the server answers with a message of the same length.
fn long_ping() -> Value {
    json!({ "type": "ping", "payload": { "x": "x".repeat(60_000) } })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_floods_and_does_not_read_is_cut_off_and_memory_stays_bounded() {
    // Enough clients that the memory that the process needs once, such as the allocator's heap of
    // each thread (3 MiB on 2 cores), is small beside the limit.
    const CLIENTS: u32 = 16;
    // The server closes the socket after a stall of 16 seconds, and tries for 16 seconds more to
    // send the close frame. The client starts to read between the two, and so receives the frame
    // even on a machine that is 8 seconds late.
    const PAUSE: Duration = Duration::from_secs(24);
    let server = server_with(&["--stall-timeout=16s"]).await;

    let before = server.resident_memory();
    let floods = (0..CLIENTS).map(async |_| {
        let mut socket = Socket::open(server.address, None).await;
        socket.flood(long_ping(), PAUSE).await;
        socket.closed().await.0
    });
    let mut peak = 0;
    let watch = async {
        loop {
            peak = server.resident_memory().max(peak);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let codes: Vec<u16> = tokio::select! {
        codes = within(PAUSE + DEADLINE * 2, futures_util::future::join_all(floods)) => codes,
        () = watch => unreachable!("it never ends"),
    };

    assert!(codes.iter().all(|code| *code == 4441), "{codes:?}");
    // A client costs the message that the server reads, its value, its answer, and the buffers of
    // both directions, and not one message after another.
    let each = peak.saturating_sub(before) / u64::from(CLIENTS);
    assert!(each < 1024 * 1024, "a client held {each} bytes");
}
