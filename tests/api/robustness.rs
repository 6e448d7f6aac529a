//! Peers that mean ill, or have gone: over bare sockets, against the binary.

use std::time::Duration;

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
};

use crate::support::{DEADLINE, Socket, connect, node, rest, soon};

const HANDSHAKE: &str = "GET /graphql HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
     sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
     sec-websocket-protocol: graphql-transport-ws\r\n\r\n";

#[tokio::test]
async fn half_a_handshake_does_not_keep_its_connection() {
    let (node, _folder) = node(&["--request-timeout=1s"]);
    for part in ["", "GET", &HANDSHAKE[..HANDSHAKE.len() - 2]] {
        let mut stream = connect(node.address).await;
        stream.write_all(part.as_bytes()).await.unwrap();
        assert_eq!(rest(&mut stream).await, "");
    }
}

#[tokio::test]
async fn a_request_that_comes_a_byte_at_a_time_does_not_keep_its_connection() {
    let (node, _folder) = node(&["--request-timeout=1s"]);
    let head = "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n";
    for (whole, answer) in [("", ""), (head, "HTTP/1.1 408 Request Timeout")] {
        let stream = connect(node.address).await;
        let (mut reader, mut writer) = stream.into_split();
        writer.write_all(whole.as_bytes()).await.unwrap();
        let trickle = async {
            for byte in head.bytes().cycle() {
                if writer.write_all(&[byte]).await.is_err() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            std::future::pending::<()>().await;
        };
        let mut read = Vec::new();
        tokio::select! {
            () = trickle => {}
            _ = soon(reader.read_to_end(&mut read)) => {}
        }
        let read = String::from_utf8(read).unwrap();
        assert!(
            read.starts_with(answer) && (read.is_empty() == answer.is_empty()),
            "{read}"
        );
    }
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused_before_it_is_sent_and_two_hosts_are_too() {
    let (node, _folder) = node(&[]);
    for (head, answer) in [
        (
            "host: localhost\r\ncontent-type: application/json\r\ncontent-length: 9999999\r\nexpect: 100-continue",
            "413",
        ),
        (
            "host: localhost\r\nhost: localhost\r\nconnection: close",
            "400",
        ),
    ] {
        let mut stream = connect(node.address).await;
        stream
            .write_all(format!("POST /graphql HTTP/1.1\r\n{head}\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let mut status = [0; 12];
        soon(stream.read_exact(&mut status)).await.unwrap();
        assert_eq!(
            std::str::from_utf8(&status).unwrap(),
            format!("HTTP/1.1 {answer}")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mutation_on_a_socket_or_an_event_stream_is_finished_before_the_end() {
    let (node, _folder) = node(&[]);
    let create = |mobile: &str| {
        format!(
            "mutation {{ createUser(input: {{ mobile: \"{mobile}\", username: \"N\", password: \"correct horse\" }}) \
             {{ token }} }}"
        )
    };
    let mut socket = Socket::open(node.address, None).await;
    // Passwords are hashed one a core, so most of them have to wait.
    for n in 10..40 {
        socket
            .operate(&n.to_string(), &create(&format!("90123456{n}")))
            .await;
    }
    let request = reqwest::Client::new()
        .post(format!("http://{}/graphql", node.address))
        .header("accept", "text/event-stream")
        .json(&json!({ "query": create("9012345678") }));
    // Its head comes once it has been taken up.
    let stream = soon(request.send()).await.unwrap();
    let mut answered = 0;
    let mut count = |message: &serde_json::Value| {
        answered += usize::from(message["payload"]["data"]["createUser"]["token"].is_string());
        answered
    };
    // What was sent on the socket before this has been taken up, too.
    socket.send(json!({ "type": "ping" })).await;
    loop {
        match socket.receive().await {
            message if message["type"] == "pong" => break,
            message => count(&message),
        };
    }
    node.signal("-TERM");
    while count(&socket.receive().await) < 30 {}
    let events = soon(stream.text()).await.unwrap();
    assert!(
        events.contains("\"token\"") && events.contains("event: complete"),
        "{events}"
    );
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let (node, _folder) = node(&[]);
    let mut stream = connect(node.address).await;
    let long = format!(
        "GET / HTTP/1.1\r\nhost: localhost\r\nx-long: {}\r\n\r\n",
        "x".repeat(100_000)
    );
    let _ = stream.write_all(long.as_bytes()).await;
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 431"));
}

#[tokio::test]
async fn a_half_sent_request_does_not_hold_up_the_end_of_the_server() {
    let (mut node, _folder) = node(&["--request-timeout=1s", "--shutdown-grace=10min"]);
    let mut stream = connect(node.address).await;
    stream.write_all(b"GET / HT").await.unwrap();
    // Taken up: what comes after it on another connection is answered.
    node.run("{ __typename }".into()).await.unwrap();
    node.signal("-TERM");
    let ended = soon(async {
        loop {
            match node.process.try_wait().unwrap() {
                Some(status) => break status,
                None => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    });
    assert!(ended.await.success());
}

#[tokio::test]
async fn a_peer_that_vanishes_is_dropped_once_it_answers_no_ping() {
    let (node, _folder) = node(&["--keep-alive=1s", "--max-sockets=1"]);
    let mut stream = connect(node.address).await;
    stream.write_all(HANDSHAKE.as_bytes()).await.unwrap();
    // The one place is taken before others ask for it.
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(soon(stream.read_u8()).await.unwrap());
    }
    assert!(
        answer.starts_with(b"HTTP/1.1 101"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    // A text frame of 26 bytes, masked with zeros (RFC 6455, section 5.2).
    let init = br#"{"type":"connection_init"}"#;
    stream
        .write_all(&[&[0x81, 0x80 | 0x1A, 0, 0, 0, 0][..], init].concat())
        .await
        .unwrap();
    // It reads and says nothing more, as one whose network is gone; its place is free again all the same.
    soon(Box::pin(async {
        while Socket::try_connect(node.address).await.is_err() {}
    }))
    .await;
    let said = rest(&mut stream).await;
    assert!(said.contains("connection_ack"), "{said}");
}

#[tokio::test]
async fn a_peer_that_answers_pings_is_kept() {
    let (node, _folder) = node(&["--keep-alive=1s"]);
    let mut socket = Socket::open(node.address, None).await;
    for _ in 0..3 {
        socket.pinged().await;
    }
    socket.operate("1", "{ __typename }").await;
    assert_eq!(
        socket.receive().await["payload"]["data"]["__typename"],
        "Query"
    );
}

#[tokio::test]
async fn an_event_stream_that_is_not_read_is_cut_off_and_memory_stays_bounded() {
    const ALERTS: usize = 1000;
    let (node, _folder) = node(&["--stall-timeout=1s", "--max-sockets=1"]);
    let create = "mutation { createUser(input: { mobile: \"9012345678\", username: \"N\" }) { user { id } } }";
    node.run(create.into()).await.unwrap();
    let login = |n: usize| {
        let agent = format!("{n:0>512}");
        format!(
            "a{n}: login(input: {{ mobile: \"9012345678\", username: \"N\", userAgent: \"{agent}\" }}) {{ outcome }}"
        )
    };
    let last = "{ user(mobile: \"9012345678\") { alerts(first: 1) { nodes { id } } } }";
    node.run(format!("mutation {{ {} }}", login(0)))
        .await
        .unwrap();
    let oldest =
        node.run(last.into()).await.unwrap()["data"]["user"]["alerts"]["nodes"][0]["id"].clone();
    for first in (1..=ALERTS).step_by(20) {
        let logins: String = (first..first + 20).map(login).collect();
        node.run(format!("mutation {{ {logins} }}")).await.unwrap();
    }
    // 16 KiB an alert, and so 16 MiB: several times what the system's buffers of both ends hold.
    let agents = (0..32)
        .map(|n| format!("a{n}: userAgent"))
        .collect::<Vec<_>>()
        .join(" ");
    let listen = json!({ "query": format!(
        "subscription {{ sessionAlerts(mobile: \"9012345678\", after: {oldest}) {{ attempt {{ {agents} }} }} }}"
    ) });
    let before = node.memory();
    let (listen, socket) = (listen.to_string(), TcpSocket::new_v4().unwrap());
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = soon(socket.connect(node.address)).await.unwrap();
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        listen.len()
    );
    stream
        .write_all(format!("{head}{listen}").as_bytes())
        .await
        .unwrap();
    let mut begun = [0; 15];
    soon(stream.read_exact(&mut begun)).await.unwrap();
    assert_eq!(&begun, b"HTTP/1.1 200 OK");
    // Its place is free again, though it was never told the end.
    let mut peak = 0;
    soon(Box::pin(async {
        while Socket::try_connect(node.address).await.is_err() {
            peak = node.memory().max(peak);
        }
    }))
    .await;
    let said = rest(&mut stream).await;
    let is_cut_off = said.contains("event: next") && !said.contains("event: complete");
    assert!(
        is_cut_off && said.len() < ALERTS * 16 * 1024,
        "{}",
        said.len()
    );
    // What was not sent was not held either, but for the alerts that were read ahead.
    let grown = peak.saturating_sub(before);
    assert!(grown < 8 * 1024 * 1024, "the node grew by {grown} bytes");
}

#[tokio::test]
async fn two_thousand_subscriptions_on_one_socket_all_hear() {
    const MANY: usize = 2000;
    let (node, _folder) = node(&["--max-subscriptions=2000"]);
    let create =
        "mutation { createUser(input: { mobile: \"9012345678\", username: \"N\" }) { message } }";
    node.run(create.into()).await.unwrap();
    let raise = async |device: &str| {
        let login = format!(
            "mutation {{ login(input: {{ mobile: \"9012345678\", username: \"N\", userAgent: \"{device}\" }}) \
             {{ outcome }} }}"
        );
        node.run(login).await.unwrap();
    };
    raise("first").await;
    let last = "{ user(mobile: \"9012345678\") { alerts(first: 1) { nodes { id } } } }";
    let last =
        node.run(last.into()).await.unwrap()["data"]["user"]["alerts"]["nodes"][0]["id"].clone();
    raise("second").await;
    let listen = format!(
        "subscription {{ sessionAlerts(mobile: \"9012345678\", after: {last}) {{ attempt {{ userAgent }} }} }}"
    );
    let mut socket = Socket::open(node.address, None).await;
    let before = node.memory();
    for id in 0..MANY {
        socket.operate(&id.to_string(), &listen).await;
    }
    // What came before they were there, and what comes once all of them are.
    for device in ["second", "third"] {
        let mut heard = std::collections::HashSet::new();
        while heard.len() < MANY {
            let message = socket.receive().await;
            assert_eq!(
                message["payload"]["data"]["sessionAlerts"]["attempt"]["userAgent"], device,
                "{message}"
            );
            assert!(
                heard.insert(message["id"].as_str().unwrap().to_owned()),
                "once each"
            );
        }
        if device == "second" {
            raise("third").await;
        }
    }
    let each = node.memory().saturating_sub(before) / u64::try_from(MANY).unwrap();
    assert!(each < 64 * 1024, "a subscription holds {each} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_stops_under_a_flood_is_cut_off_and_memory_stays_bounded() {
    const FLOODERS: u32 = 4;
    // The server gives up after 16 seconds without a reader, and tries to say so for as long again. Read amid those,
    // it is heard on a machine that is 8 seconds late.
    const PAUSE: Duration = Duration::from_secs(24);
    let (node, _folder) = node(&["--stall-timeout=16s"]);
    let before = node.memory();
    let flood = (0..FLOODERS).map(async |_| {
        let mut socket = Socket::open(node.address, None).await;
        // Each is answered with as much. Nothing is read until the server has given up, and told why.
        let ping = json!({ "type": "ping", "payload": { "x": "x".repeat(60_000) } });
        socket.flood(ping, PAUSE).await;
        socket.closed().await.code.into()
    });
    let flood = futures_util::future::join_all(flood);
    let mut peak = 0;
    let watch = async {
        loop {
            peak = node.memory().max(peak);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let codes: Vec<u16> = tokio::select! {
        codes = tokio::time::timeout(PAUSE + DEADLINE * 2, flood) => codes.expect("the server gives up"),
        () = watch => unreachable!("it watches for ever"),
    };
    assert!(codes.iter().all(|code| *code == 4441), "{codes:?}");
    // The message that is read, its value, its answer, and both ends of the buffers: not one message after another.
    let each = peak.saturating_sub(before) / u64::from(FLOODERS);
    assert!(each < 1024 * 1024, "a flooder held {each} bytes");
}
