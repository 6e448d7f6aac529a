//! Devices that log in at the same instant.

use futures_util::future::join_all;
use serde_json::json;
use sessiond_test_support::{MOBILE, TestServer};

const DEVICES: usize = 64;
const ROUNDS: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn of_64_concurrent_logins_exactly_one_succeeds_under_reject() {
    let server = TestServer::start().await;
    let user = server.create_user(MOBILE).await;
    let mut active = user.session.clone();
    for _ in 0..ROUNDS {
        server.invalidate_session(&active).await;
        let logins = join_all((0..DEVICES).map(|device| {
            let input = json!({ "userAgent": format!("device {device}") });
            server.login(&user.mobile, input)
        }))
        .await;
        let (succeeded, others): (Vec<_>, Vec<_>) = logins
            .iter()
            .partition(|login| login.data("/login/outcome") == "LOGGED_IN");
        assert_eq!(succeeded.len(), 1);
        active = succeeded[0].data_str("/login/session/sessionKey");
        let token = succeeded[0].data_str("/login/token");
        assert_eq!(server.session_status(&token).await, "ACTIVE");
        for login in others {
            assert!(login.data("/login/token").is_null());
        }
    }
    server.assert_gapless_log(&user.mobile).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_concurrent_logins_exactly_one_is_valid_in_the_end_under_take_over() {
    let server = TestServer::start().await;
    let user = server.create_user(MOBILE).await;
    let mut active = user.session.clone();
    for _ in 0..ROUNDS {
        server.invalidate_session(&active).await;
        let logins = join_all(
            (0..DEVICES).map(|_| server.login(&user.mobile, json!({ "onConflict": "TAKE_OVER" }))),
        )
        .await;
        let keys: Vec<_> = logins
            .iter()
            .map(|login| login.data_str("/login/session/sessionKey"))
            .collect();
        let mut valid = server.valid_sessions(&keys).await;
        assert_eq!(valid.len(), 1);
        active = valid.remove(0);
    }
    server.assert_gapless_log(&user.mobile).await;
}
