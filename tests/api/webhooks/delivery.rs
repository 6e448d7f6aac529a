//! Messages that are delivered.

use axum::{
    body::{Body, Bytes},
    http::Response,
};
use futures_util::stream;
use serde_json::json;
use sessiond_test_support::{MOBILE, OTHER_MOBILE, WEBHOOK_SECRET, WebhookReceiver};

use super::{server_to, server_with_receiver};

#[tokio::test]
async fn each_alert_is_delivered_once_in_order_with_its_id_and_a_signature() {
    let (server, mut receiver, _flags) = server_with_receiver().await;
    let user = server.create_user(MOBILE).await;
    server
        .raise_alert(MOBILE, "a device with a telltale name")
        .await;
    let login = json!({ "onConflict": "TAKE_OVER", "userAgent": "another device" });
    server.login(MOBILE, login).await;
    let alerts = server
        .all_nodes(MOBILE, "alerts", "id sequence kind createdAt")
        .await;
    assert_eq!(alerts.len(), 2);
    for (index, kind) in ["LOGIN_REFUSED", "SESSION_REPLACED"]
        .into_iter()
        .enumerate()
    {
        let message = receiver.next().await;
        // The list has the newest alert first.
        let alert = &alerts[1 - index];
        assert_eq!(message.header("content-type"), "application/json");
        assert!(message.is_signed_with(WEBHOOK_SECRET));
        assert_eq!(*message.id(), alert["id"]);
        let json = message.json();
        let data = &json["data"];
        assert_eq!(json["type"], format!("alert.{}", kind.to_lowercase()));
        assert_eq!(json["timestamp"], alert["createdAt"]);
        assert_eq!(data["kind"], kind);
        assert_eq!(data["alertId"], alert["id"]);
        assert_eq!(data["sequence"], index + 1);
        assert_eq!(data["createdAt"], alert["createdAt"]);
        assert_eq!(data["sessionKey"], *user.session);
        assert_eq!(data.as_object().unwrap().len(), 6);
        let body = String::from_utf8(message.body.to_vec()).unwrap();
        for personal in [MOBILE, "SavingsBank", "telltale", "127.0.0.1", &user.token] {
            assert!(!body.contains(personal), "{body}");
        }
    }
    assert!(receiver.arrived().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_alerts_of_each_user_arrive_in_order() {
    const USERS: u64 = 5;
    const ALERTS: u64 = 8;
    let (server, mut receiver, _flags) = server_with_receiver().await;
    let mobiles: Vec<_> = (0..USERS).map(|user| format!("901234560{user}")).collect();
    for mobile in &mobiles {
        server.create_user(mobile).await;
    }
    for alert in 0..ALERTS {
        for mobile in &mobiles {
            server.raise_alert(mobile, &format!("device {alert}")).await;
        }
    }
    let mut last = std::collections::HashMap::new();
    for _ in 0..USERS * ALERTS {
        let message = receiver.next().await;
        let last: &mut u64 = last.entry(message.user()).or_default();
        *last += 1;
        assert_eq!(message.sequence(), *last);
    }
    assert!(last.values().all(|last| *last == ALERTS) && last.len() == 5);
}

#[tokio::test]
async fn each_receiver_gets_every_alert_and_one_that_is_down_delays_no_other() {
    let closed = WebhookReceiver::start();
    let (address, url) = (closed.address(), closed.url());
    closed.stop().await;
    let mut open = WebhookReceiver::start();
    let (server, _flags) = server_to(&[url, open.url()]).await;
    server.create_user(MOBILE).await;
    server.raise_alerts(MOBILE, 3).await;
    for sequence in 1..=3 {
        assert_eq!(open.next().await.sequence(), sequence);
    }
    let mut late = WebhookReceiver::start_at(address);
    server.advance(std::time::Duration::from_mins(1));
    for sequence in 1..=3 {
        assert_eq!(late.next().await.sequence(), sequence);
    }
}

#[tokio::test]
async fn a_response_without_an_end_is_not_read() {
    let (server, mut receiver, _flags) = server_with_receiver().await;
    receiver.respond(|_| {
        let chunks =
            stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b'a'; 1024])));
        Box::pin(std::future::ready(Response::new(Body::from_stream(chunks))))
    });
    server.create_user(MOBILE).await;
    server.raise_alerts(MOBILE, 2).await;
    for sequence in 1..=2 {
        assert_eq!(receiver.next().await.sequence(), sequence);
    }
}

#[tokio::test]
async fn a_user_who_was_deleted_is_no_longer_reported() {
    let (server, mut receiver, _flags) = server_with_receiver().await;
    receiver.answer(|_| 500);
    server.create_user(MOBILE).await;
    server.raise_alerts(MOBILE, 2).await;
    let deleted = receiver.next().await.user();
    super::wait_for_parked(&server, 1).await;
    server.delete_user(MOBILE).await;
    super::wait_for_parked(&server, 0).await;
    receiver.answer(|_| 204);
    receiver.arrived();
    server.advance(std::time::Duration::from_mins(20));
    server.create_user(OTHER_MOBILE).await;
    server.raise_alert(OTHER_MOBILE, "a device").await;
    assert_ne!(receiver.next().await.user(), deleted);
}

#[tokio::test]
async fn during_a_rotation_a_message_has_a_signature_of_each_secret() {
    const NEW: &str = "whsec_bmV3IHNlY3JldCBvZiB0aGlydHktdHdvIGJ5dGVz";
    let (server, mut receiver, mut flags) = server_with_receiver().await;
    server.create_user(MOBILE).await;
    let steps = [
        (WEBHOOK_SECRET.to_owned(), true, false),
        (format!("{NEW}\n{WEBHOOK_SECRET}\n"), true, true),
        (NEW.to_owned(), false, true),
        // The previous secrets stay in use.
        ("nonsense".to_owned(), false, true),
    ];
    for (step, (secrets, by_old, by_new)) in steps.into_iter().enumerate() {
        flags.replace_secrets(&secrets);
        server.reload();
        server.raise_alert(MOBILE, &format!("device {step}")).await;
        server.advance(std::time::Duration::from_mins(1));
        let message = receiver.next().await;
        assert_eq!(message.is_signed_with(WEBHOOK_SECRET), by_old, "{secrets}");
        assert_eq!(message.is_signed_with(NEW), by_new, "{secrets}");
    }
}
