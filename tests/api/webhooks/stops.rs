//! A server that is stopped or killed continues where it was.

use std::time::Duration;

use sessiond_test_support::{
    MOBILE, TestServer, WEBHOOK_PATH, WEBHOOK_SECRET, WebhookFlags, WebhookReceiver, WebhookRequest,
};

use super::{server_with_receiver, wait_for_parked};
use crate::SESSIOND;

#[tokio::test]
async fn a_server_that_is_stopped_sends_nothing_twice_and_continues_after_a_restart() {
    let (mut server, mut receiver, _flags): (TestServer, _, _) = server_with_receiver().await;
    server.create_user(MOBILE).await;
    let mut sequences = Vec::new();
    for restart in 0..3 {
        for device in 0..3 {
            server
                .raise_alert(MOBILE, &format!("device {restart} {device}"))
                .await;
        }
        server = server.restart().await;
        server.advance(Duration::from_mins(1));
        while sequences.len() < 3 * (restart + 1) {
            sequences.push(receiver.next().await.sequence());
        }
    }
    server.stop().await;
    sequences.extend(receiver.arrived().iter().map(WebhookRequest::sequence));
    assert!(sequences.iter().copied().eq(1..=9), "{sequences:?}");
}

#[tokio::test]
async fn parked_users_wait_over_a_restart() {
    let (server, mut receiver, _flags) = server_with_receiver().await;
    receiver.answer(|_| 500);
    server.create_user(MOBILE).await;
    server.raise_alerts(MOBILE, 2).await;
    receiver.next().await;
    wait_for_parked(&server, 1).await;
    receiver.answer(|_| 204);
    let server = server.restart().await;
    receiver.arrived();
    server.advance(Duration::from_mins(1));
    for sequence in 1..=2 {
        assert_eq!(receiver.next().await.sequence(), sequence);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_misses_no_alert_keeps_their_order_and_logs_no_secret() {
    const KILLS: u64 = 3;
    const ALERTS: u64 = 5;
    let mut receiver = WebhookReceiver::start();
    let flags = WebhookFlags::to(&[receiver.url()]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("test.db");
    let mut logs = String::new();
    let mut sequences = Vec::new();
    for kill in 0..=KILLS {
        let log = folder.path().join(format!("log {kill}"));
        let server = SESSIOND
            .server()
            .flags(&flags.as_flags())
            .database_file(&file);
        let server = server.trace().log_to(&log).start().await;
        if kill == 0 {
            server.create_user(MOBILE).await;
        }
        if kill == KILLS {
            while sequences.last() != Some(&(KILLS * ALERTS)) {
                sequences.push(receiver.next().await.sequence());
            }
        } else {
            for device in 0..ALERTS {
                server
                    .raise_alert(MOBILE, &format!("device {kill} {device}"))
                    .await;
            }
            // Others are on their way.
            sequences.push(receiver.next().await.sequence());
            server.kill();
        }
        drop(server);
        logs += &std::fs::read_to_string(&log).unwrap();
    }
    // A message may arrive twice, and never before an earlier one.
    let mut expected = 1;
    for sequence in sequences {
        assert!(
            sequence <= expected,
            "{expected} is missing before {sequence}"
        );
        expected = expected.max(sequence + 1);
    }
    assert!(logs.contains("receiver=http://127.0.0.1:"), "{logs}");
    for secret in [WEBHOOK_PATH, WEBHOOK_SECRET, &WEBHOOK_SECRET[6..]] {
        assert!(!logs.contains(secret), "the log contains {secret}");
    }
}
