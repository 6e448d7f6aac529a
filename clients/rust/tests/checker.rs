//! The checker against a real server.

#![expect(clippy::unwrap_used, reason = "a failure is the failure of a test")]

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, http::StatusCode, routing::get};
use futures_util::future::join_all;
use serde_json::json;
use sessiond::access::Scope;
use sessiond_client::{Checker, FeedState};
use sessiond_test_support::{
    MOBILE, OTHER_MOBILE, SERVICE_KEY, TcpProxy, TestKey, TestServer, UNKNOWN_MOBILE, free_port,
    within_deadline,
};

use crate::support::{ServerClock, builder, caught_up, passes};

/// Waits until the token is refused. The clock of the server stands still, so that only the feed
/// can remove an answer from the memory.
async fn refused(checker: &Checker, token: &str) {
    within_deadline(async {
        while passes(checker, token).await {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_token_passes_until_its_session_ends() {
    let server = TestServer::with_service_key().await;
    let user = server.create_user(MOBILE).await;
    let checker = builder(&server).service_key(SERVICE_KEY).start().unwrap();
    caught_up(&checker).await;

    let session = checker.check(&user.token).await.unwrap().unwrap();
    assert_eq!(session.session_key.to_string(), user.session);
    assert_eq!(
        (session.mobile.as_str(), session.username.as_str()),
        (MOBILE, "SavingsBank")
    );
    server.invalidate_session(&user.session).await;
    refused(&checker, &user.token).await;
}

#[tokio::test]
async fn a_session_that_is_replaced_and_one_of_a_deleted_user_are_refused() {
    let server = TestServer::with_service_key().await;
    let replaced = server.create_user(MOBILE).await;
    let deleted = server.create_user(OTHER_MOBILE).await;
    let checker = builder(&server).service_key(SERVICE_KEY).start().unwrap();
    caught_up(&checker).await;
    assert!(passes(&checker, &replaced.token).await && passes(&checker, &deleted.token).await);

    server
        .login(MOBILE, json!({ "onConflict": "TAKE_OVER" }))
        .await;
    server.delete_user(OTHER_MOBILE).await;
    refused(&checker, &replaced.token).await;
    refused(&checker, &deleted.token).await;
}

#[tokio::test]
async fn a_session_that_ends_while_the_server_restarts_is_refused() {
    let listen = format!("--listen=127.0.0.1:{}", free_port());
    let mut server = TestServer::with_service_key_and_flags(&[&listen]).await;
    let (first, second) = (
        server.create_user(MOBILE).await,
        server.create_user(OTHER_MOBILE).await,
    );
    let third = server.create_user(UNKNOWN_MOBILE).await;
    // The checker connects over a proxy, which is cut before the second session ends.
    let proxy = TcpProxy::start(&server.address.to_string()).await;
    let clock = ServerClock(server.clock());
    let checker = Checker::builder(&format!("http://{}", proxy.address))
        .service_key(SERVICE_KEY)
        .retry(Duration::from_millis(10), Duration::from_millis(100))
        .max_staleness(Duration::from_mins(1))
        .clock(clock)
        .start()
        .unwrap();
    caught_up(&checker).await;
    for user in [&first, &second, &third] {
        assert!(passes(&checker, &user.token).await);
    }

    server.invalidate_session(&first.session).await;
    proxy.cut();
    refused(&checker, &first.token).await;
    server.stop().await;
    server = server.start_again().await;
    server.invalidate_session(&second.session).await;
    refused(&checker, &second.token).await;
    assert!(passes(&checker, &third.token).await);
}

#[tokio::test]
async fn an_old_answer_is_not_used_while_the_server_is_down() {
    let mut server = TestServer::with_service_key().await;
    let user = server.create_user(MOBILE).await;
    let checker = builder(&server).start().unwrap();
    assert!(passes(&checker, &user.token).await);
    server.stop().await;
    server.advance(Duration::from_secs(59));
    assert!(passes(&checker, &user.token).await);
    server.advance(Duration::from_secs(1));
    let error = checker.check(&user.token).await.unwrap_err();
    assert!(error.is_temporary(), "{error}");
    assert_eq!(error.code(), "UNREACHABLE");
}

#[tokio::test]
async fn without_a_feed_an_answer_is_asked_again_after_the_staleness() {
    let server = TestServer::with_service_key().await;
    let user = server.create_user(MOBILE).await;
    let checker = builder(&server)
        .max_staleness(Duration::from_secs(10))
        .start()
        .unwrap();
    assert!(passes(&checker, &user.token).await);
    server.invalidate_session(&user.session).await;
    assert!(passes(&checker, &user.token).await, "still fresh");
    server.advance(Duration::from_secs(10));
    assert!(!passes(&checker, &user.token).await);
}

#[tokio::test]
async fn without_any_staleness_each_check_asks() {
    let server = TestServer::with_service_key().await;
    let user = server.create_user(MOBILE).await;
    let checker = builder(&server)
        .max_staleness(Duration::ZERO)
        .start()
        .unwrap();
    assert!(passes(&checker, &user.token).await);
    server.invalidate_session(&user.session).await;
    assert!(!passes(&checker, &user.token).await);
}

#[tokio::test]
async fn a_session_that_waits_for_approval_does_not_pass() {
    let server = TestServer::with_service_key().await;
    server.create_user(MOBILE).await;
    let login = server.login(MOBILE, json!({ "onConflict": "ASK" })).await;
    let checker = builder(&server).start().unwrap();
    assert!(!passes(&checker, &login.data_str("/login/token")).await);
}

#[tokio::test]
async fn a_key_that_may_not_read_the_feed_leaves_the_checker_without_it() {
    let key = TestKey::new("orders", &[Scope::Login]);
    let server = TestServer::with_service_keys(&[key]).await;
    let user = server.create_user(MOBILE).await;
    let checker = builder(&server).service_key(&key.secret()).start().unwrap();
    let mut state = checker.feed_state();
    let refused = state.wait_for(|state| matches!(state, FeedState::Refused(_)));
    let state = within_deadline(refused).await.unwrap().clone();
    assert!(matches!(state, FeedState::Refused(error) if error.code() == "FORBIDDEN"));
    assert!(passes(&checker, &user.token).await);
}

#[tokio::test]
async fn a_feed_that_was_refused_is_opened_once_the_key_is_valid() {
    let key = TestKey::new("orders", &[Scope::Check]);
    let server = TestServer::with_service_keys(&[]).await;
    let user = server.create_user(MOBILE).await;
    let checker = builder(&server).service_key(&key.secret()).start().unwrap();
    let mut state = checker.feed_state();
    for _ in 0..3 {
        let refused = state.wait_for(|state| matches!(state, FeedState::Refused(_)));
        within_deadline(refused).await.unwrap();
        within_deadline(state.changed()).await.unwrap();
    }
    server.replace_service_keys(&TestKey::file_of(&[key]));
    caught_up(&checker).await;
    assert!(passes(&checker, &user.token).await);
    server.invalidate_session(&user.session).await;
    refused(&checker, &user.token).await;
}

#[tokio::test]
async fn a_text_that_cannot_be_a_token_is_refused_without_a_request() {
    let checker = Checker::builder("http://127.0.0.1:1").start().unwrap();
    for token in ["", "with space", "line\nbreak", "ümlaut", &"x".repeat(513)] {
        assert!(!passes(&checker, token).await);
    }
}

#[tokio::test]
async fn checks_of_one_token_at_the_same_time_ask_once() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let verify = get(async move || {
        counter.fetch_add(1, Ordering::SeqCst);
        StatusCode::UNAUTHORIZED
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = axum::serve(listener, Router::new().route("/verify", verify));
    let checker = Checker::builder(&format!("http://{address}"))
        .start()
        .unwrap();
    let checks = join_all((0..10).map(|_| checker.check("token")));
    let answers = tokio::select! {
        answers = within_deadline(checks) => answers,
        _ = server => unreachable!("the server runs"),
    };
    assert!(answers.iter().all(|answer| matches!(answer, Ok(None))));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_wrong_setting_is_rejected() {
    let checker = || Checker::builder("http://127.0.0.1:3000");
    let too_long = checker().max_staleness(Duration::from_secs(61)).start();
    for wrong in [
        too_long,
        checker().max_sessions(0).start(),
        Checker::builder("a").start(),
    ] {
        assert_eq!(wrong.unwrap_err().code(), "INVALID_SETTING");
    }
}
