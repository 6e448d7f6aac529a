//! The end of a server process: a kill loses no confirmed change, and SIGTERM loses nothing.

use futures_util::future::{join, join_all};
use serde_json::json;
use sessiond_test_support::{MOBILE, ServerProcess, within_deadline};
use tokio::sync::Semaphore;

use crate::SESSIOND;

/// Takes over repeatedly until the server is killed. Returns the key of the last session that the
/// server confirmed.
async fn take_over_until_killed(
    server: &ServerProcess,
    mobile: &str,
    confirmed: &Semaphore,
) -> String {
    let mut last = None;
    let take_over = json!({ "onConflict": "TAKE_OVER" });
    while let Ok(login) = server.try_login(mobile, take_over.clone()).await {
        let key = login.data_str("/login/session/sessionKey");
        if last.replace(key).is_none() {
            confirmed.add_permits(1);
        }
    }
    last.expect("the server confirmed a login")
}

#[tokio::test(flavor = "multi_thread")]
async fn confirmed_logins_survive_a_kill_of_the_process() {
    const WRITERS: u32 = 8;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let server = SESSIOND.server().database_file(&path).start().await;
    let mobiles: Vec<_> = (0..WRITERS)
        .map(|writer| format!("901234560{writer}"))
        .collect();
    for mobile in &mobiles {
        server.create_user(mobile).await;
    }

    let confirmed = Semaphore::new(0);
    let writers = mobiles
        .iter()
        .map(|mobile| take_over_until_killed(&server, mobile, &confirmed));
    let kill = async {
        // Kill the server when every writer has a confirmed login and still writes.
        confirmed.acquire_many(WRITERS).await.unwrap().forget();
        server.kill();
    };
    let (last_keys, ()) = within_deadline(join(join_all(writers), kill)).await;
    drop(server);

    let server = SESSIOND.server().database_file(&path).start().await;
    for (mobile, last_key) in mobiles.iter().zip(last_keys) {
        assert_eq!(server.valid_sessions_of(mobile).await.len(), 1);
        // A later login may have been committed without its response being sent. Then the last
        // confirmed session has ended, but it exists.
        server.valid_sessions(&[last_key]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_the_process_with_exit_code_0_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let server = SESSIOND.server().database_file(&path).start().await;
    let user = server.create_user(MOBILE).await;
    server.signal("TERM");
    assert!(server.exit().await.success());
    drop(server);
    let server = SESSIOND.server().database_file(&path).start().await;
    assert_eq!(server.valid_sessions_of(MOBILE).await, [user.session]);
}
