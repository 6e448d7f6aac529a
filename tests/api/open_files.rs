//! A server that has no file descriptor left.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use sessiond_test_support::{Socket, connect, connect_and_send, read_head, within_deadline};
use tokio::io::AsyncWriteExt;

use crate::SESSIOND;

const HEALTH: &[u8] = b"HEAD /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// The pause of the server between two attempts.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// Waits until the server has failed this often.
async fn wait_for_failures(log: &Path, count: usize) {
    within_deadline(async {
        while failures(log) < count {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

fn failures(log: &Path) -> usize {
    let log = std::fs::read_to_string(log).unwrap();
    log.matches("could not accept a connection").count()
}

#[tokio::test]
async fn without_file_descriptors_the_server_pauses_and_its_connections_live_on() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let server = SESSIOND
        .server()
        .flags(&["--request-timeout=10min"])
        .trace()
        .log_to(&log)
        .start()
        .await;
    let mut socket = Socket::open(server.address, None).await;
    let mut kept_alive = connect_and_send(server.address, HEALTH).await;
    read_head(&mut kept_alive).await;

    server.limit_open_files(2);
    let (began, cpu_time) = (Instant::now(), server.cpu_time());
    let mut beyond = Vec::new();
    for _ in 0..10 {
        // The kernel accepts them. The server cannot.
        beyond.push(connect(server.address).await);
    }
    wait_for_failures(&log, 5).await;

    let created = socket.run("{ eventCursor }", serde_json::json!({})).await;
    assert!(!created.has_errors());
    kept_alive.write_all(HEALTH).await.unwrap();
    assert!(
        read_head(&mut kept_alive)
            .await
            .starts_with("HTTP/1.1 200 ")
    );
    let attempts = failures(&log);
    let (waited, used) = (began.elapsed(), server.cpu_time().saturating_sub(cpu_time));
    println!("{attempts} attempts in {waited:?}, {used:?} of CPU time");
    let most = waited.as_millis() / RETRY_INTERVAL.as_millis() + 1;
    assert!(
        attempts as u128 <= most,
        "{attempts} attempts in {waited:?}"
    );

    drop(beyond);
    let mut next = connect_and_send(server.address, HEALTH).await;
    assert!(read_head(&mut next).await.starts_with("HTTP/1.1 200 "));
    drop(server);
    let log = std::fs::read_to_string(&log).unwrap();
    assert_eq!(
        log.matches("could not accept connections; if files")
            .count(),
        1,
        "{log}"
    );
}
