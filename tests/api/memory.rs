//! The memory of a server process stays bounded, even if clients do not read.

use std::{collections::HashSet, time::Duration};

use serde_json::{Value, json};
use sessiond_test_support::{
    DEADLINE, EVENT_STREAM, MOBILE, ServerProcess, Socket, UNBOUNDED_ALERTS, merge, read_to_end,
    within, within_deadline,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use crate::start_process;

const ALERTS: &str = "subscription($mobile: String, $after: ID) {
    sessionAlerts(mobile: $mobile, after: $after) { attempt { userAgent } } }";

/// Raises this many alerts with user agents of 512 characters. Each request raises 20 of them.
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
    // Each event repeats the user agent of 512 characters. All events together have 16 MiB, several
    // times the capacity of the buffers of the operating system at both ends.
    const REPETITIONS: usize = 32;
    const EVENT: usize = REPETITIONS * 512;
    let server = start_process(&["--stall-timeout=1s", "--max-sockets=1", UNBOUNDED_ALERTS]).await;
    server.create_user(MOBILE).await;
    let cursor = server.alert_cursor(MOBILE).await;
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
    // The server may hold only the alerts that it has read ahead.
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
    let server = start_process(&["--max-subscriptions=2000"]).await;
    server.create_user(MOBILE).await;
    let cursor = server.alert_cursor(MOBILE).await;
    server.raise_alert(MOBILE, "before the subscriptions").await;

    let mut socket = Socket::open(server.address, None).await;
    let before = server.resident_memory();
    let variables = json!({ "mobile": MOBILE, "after": cursor });
    for id in 0..SUBSCRIPTIONS {
        socket
            .start_with(&id.to_string(), ALERTS, variables.clone())
            .await;
    }
    assert_each_receives_alert(&mut socket, SUBSCRIPTIONS, "before the subscriptions").await;
    server.raise_alert(MOBILE, "after the subscriptions").await;
    assert_each_receives_alert(&mut socket, SUBSCRIPTIONS, "after the subscriptions").await;

    let grown = server.resident_memory().saturating_sub(before);
    let each = grown / u64::try_from(SUBSCRIPTIONS).unwrap();
    assert!(each < 8 * 1024, "a subscription holds {each} bytes");
}

#[tokio::test]
async fn variables_that_the_operation_does_not_declare_are_not_held() {
    const SUBSCRIPTIONS: usize = 64;
    let server = start_process(&[]).await;
    server.create_user(MOBILE).await;
    let cursor = server.alert_cursor(MOBILE).await;
    server.raise_alert(MOBILE, "before the subscriptions").await;

    let mut socket = Socket::open(server.address, None).await;
    let before = server.resident_memory();
    // Each item of the list takes 72 bytes in memory: 2 MB.
    let undeclared = vec![1; 30_000];
    let variables = json!({ "mobile": MOBILE, "after": cursor, "undeclared": undeclared });
    for id in 0..SUBSCRIPTIONS {
        let id = id.to_string();
        socket.start_with(&id, ALERTS, variables.clone()).await;
    }
    assert_each_receives_alert(&mut socket, SUBSCRIPTIONS, "before the subscriptions").await;

    let grown = server.resident_memory().saturating_sub(before);
    assert!(grown < 32 * 1024 * 1024, "the server grew by {grown} bytes");
}

/// A ping of 60 kB. The server sends a pong of the same length.
fn long_ping() -> Value {
    json!({ "type": "ping", "payload": { "x": "x".repeat(60_000) } })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_floods_and_does_not_read_is_cut_off_and_memory_stays_bounded() {
    // The process also allocates memory that does not depend on the clients, such as the heap of
    // each thread (3 MiB on 2 cores). With this many clients it is small beside the limit.
    const CLIENTS: u32 = 16;
    // The server closes the socket after a stall of 16 seconds, and tries to send the close frame
    // for another 16 seconds. The client starts to read in the middle of that time, so that it
    // receives the frame even if the machine is 8 seconds late.
    const PAUSE: Duration = Duration::from_secs(24);
    let server = start_process(&["--stall-timeout=16s"]).await;

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
        () = watch => unreachable!("the loop never ends"),
    };

    assert!(codes.iter().all(|code| *code == 4441), "{codes:?}");
    // For each client the server holds one message, its parsed value, its pong, and the buffers of
    // both directions. Further messages are not read.
    let each = peak.saturating_sub(before) / u64::from(CLIENTS);
    assert!(each < 1024 * 1024, "a client held {each} bytes");
}
