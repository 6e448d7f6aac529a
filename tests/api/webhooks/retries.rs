//! Messages that a receiver does not accept at first.

use std::time::Duration;

use axum::{body::Body, http::Response};
use sessiond_test_support::{MOBILE, OTHER_MOBILE, WebhookReceiver, WebhookRequest};

use super::{server_with_receiver, wait_for_parked};

/// Longer than the pause after the first failed tries.
const PAUSE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn a_failed_message_is_sent_again_with_the_same_id_and_a_new_signature() {
    let (server, mut receiver, _flags) = server_with_receiver().await;
    receiver.answer(|_| 500);
    server.create_user(MOBILE).await;
    server.raise_alert(MOBILE, "a device").await;
    let first = receiver.next().await;
    wait_for_parked(&server, 1).await;
    receiver.answer(|_| 204);
    server.advance(PAUSE);
    let second = receiver.next().await;
    wait_for_parked(&server, 0).await;
    assert_eq!((first.id(), &first.body), (second.id(), &second.body));
    assert_eq!(second.timestamp() - first.timestamp(), 60);
    let signature = |message: &WebhookRequest| message.header("webhook-signature").to_owned();
    assert_ne!(signature(&first), signature(&second));
}

#[tokio::test]
async fn the_alerts_of_a_failing_user_wait_in_order_while_those_of_others_arrive() {
    let (server, mut receiver, _flags) = server_with_receiver().await;
    server.create_user(MOBILE).await;
    server.create_user(OTHER_MOBILE).await;
    server.raise_alert(MOBILE, "device 1").await;
    let failing = receiver.next().await.user();
    let id = failing.clone();
    receiver.answer(move |message| if message.user() == id { 500 } else { 204 });
    for device in 2..=4 {
        server
            .raise_alert(MOBILE, &format!("device {device}"))
            .await;
        server
            .raise_alert(OTHER_MOBILE, &format!("device {device}"))
            .await;
    }
    let mut others = Vec::new();
    while others.len() < 3 {
        let message = receiver.next().await;
        if message.user() == failing {
            assert_eq!(message.sequence(), 2);
        } else {
            others.push(message.sequence());
        }
    }
    assert_eq!(others, [1, 2, 3]);
    wait_for_parked(&server, 1).await;
    receiver.answer(|_| 204);
    receiver.arrived();
    server.advance(PAUSE);
    for sequence in 2..=4 {
        assert_eq!(receiver.next().await.sequence(), sequence);
    }
    wait_for_parked(&server, 0).await;
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let (server, mut receiver, _flags) = server_with_receiver().await;
    let mut other = WebhookReceiver::start();
    let location = other.url();
    receiver.respond(move |_| {
        let response = Response::builder()
            .status(307)
            .header("location", &location);
        let response = response.body(Body::empty()).unwrap();
        Box::pin(std::future::ready(response))
    });
    server.create_user(MOBILE).await;
    server.raise_alert(MOBILE, "a device").await;
    receiver.next().await;
    wait_for_parked(&server, 1).await;
    receiver.answer(|_| 204);
    server.advance(PAUSE);
    receiver.next().await;
    assert!(other.arrived().is_empty());
}

#[tokio::test]
async fn an_overloaded_receiver_gets_nothing_before_the_time_that_it_names() {
    let (server, mut receiver, _flags) = server_with_receiver().await;
    receiver.respond(|_| {
        let response = Response::builder()
            .status(503)
            .header("retry-after", "1800");
        let response = response.body(Body::empty()).unwrap();
        Box::pin(std::future::ready(response))
    });
    server.create_user(MOBILE).await;
    server.raise_alert(MOBILE, "a device").await;
    let first = receiver.next().await;
    wait_for_parked(&server, 1).await;
    receiver.answer(|_| 204);
    // Nor does a message of another user, long after the usual pause.
    server.create_user(OTHER_MOBILE).await;
    server.advance(Duration::from_mins(15));
    server.raise_alert(OTHER_MOBILE, "a device").await;
    server.advance(Duration::from_mins(15));
    for _ in 0..2 {
        let message = receiver.next().await;
        assert_eq!(message.timestamp() - first.timestamp(), 1800);
    }
}

#[tokio::test]
async fn an_alert_is_dropped_after_three_days_and_the_next_one_follows() {
    let (server, mut receiver, _flags) = server_with_receiver().await;
    receiver.answer(|message| if message.sequence() == 1 { 500 } else { 204 });
    server.create_user(MOBILE).await;
    server.raise_alert(MOBILE, "device 1").await;
    assert_eq!(receiver.next().await.sequence(), 1);
    wait_for_parked(&server, 1).await;
    server.advance(Duration::from_hours(71));
    // The session has expired meanwhile, which is the next alert.
    let tried_again = receiver.next().await;
    assert_eq!(tried_again.sequence(), 1);
    server.advance(Duration::from_hours(1));
    let next = receiver.next_with(|message| message.sequence() > 1).await;
    assert_eq!(next.sequence(), 2);
    assert_eq!(next.json()["data"]["kind"], "SESSION_EXPIRED");
    wait_for_parked(&server, 0).await;
}

#[tokio::test]
async fn a_receiver_that_is_gone_gets_no_more_until_a_restart() {
    let (mut server, mut receiver, _flags) = server_with_receiver().await;
    receiver.answer(|_| 410);
    server.create_user(MOBILE).await;
    server.raise_alert(MOBILE, "device 1").await;
    assert_eq!(receiver.next().await.sequence(), 1);
    wait_for_parked(&server, 1).await;
    receiver.answer(|_| 204);
    server.advance(PAUSE);
    server.raise_alert(MOBILE, "device 2").await;
    server.stop().await;
    server.advance(PAUSE);
    let restarted_at = server.now_seconds();
    let _server = server.start_again().await;
    for sequence in 1..=2 {
        let message = receiver.next().await;
        assert_eq!(message.sequence(), sequence);
        assert_eq!(message.timestamp(), restarted_at);
    }
}
