//! A clock that is set back, on the SQLite store.

use std::time::Duration;

use sessiond_test_support::{OTHER_MOBILE, TestServer, clock_steps, within_deadline};

#[tokio::test]
async fn limits_hold_after_the_clock_is_set_back() {
    let server = TestServer::start().await;
    clock_steps::limits_hold_after_the_clock_is_set_back(&server).await;
}

#[tokio::test]
async fn limits_hold_after_the_clock_is_set_back_between_runs() {
    let server = TestServer::start().await;
    clock_steps::limits_hold_after_the_clock_is_set_back_between_runs(server).await;
}

/// The time in the file, in seconds. `None` before the first start has read all users.
fn clock_mark(server: &TestServer) -> Option<i64> {
    let file = rusqlite::Connection::open(server.database_file()).unwrap();
    let mark = file.query_row("SELECT mark FROM clock", [], |row| row.get::<_, i64>(0));
    mark.ok().map(|mark| mark / 1000)
}

#[tokio::test]
async fn the_clock_mark_follows_a_clock_that_jumps() {
    let server = TestServer::start().await;
    for _ in 0..2 {
        let now = server.now_seconds();
        within_deadline(async {
            while clock_mark(&server) != Some(now) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
        server.advance(Duration::from_hours(1));
    }
}

#[tokio::test]
async fn limits_hold_for_all_other_users_if_the_records_of_one_are_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let server = TestServer::with_flags(&[&format!("--database=sqlite:{}", path.display())]).await;
    server.create_user(OTHER_MOBILE).await;
    // The maintenance task finds this session overdue each second, and cannot read it.
    let other_program = rusqlite::Connection::open(&path).unwrap();
    other_program
        .execute_batch(
            "UPDATE records SET expiry_check_at = 0 WHERE part = 0;
             UPDATE records SET address = 'nowhere', expires_at = 0 WHERE part = 1",
        )
        .unwrap();
    clock_steps::limits_hold_after_the_clock_is_set_back(&server).await;
}

#[tokio::test]
async fn an_expired_session_stays_ended_when_the_clock_is_set_back_and_forward_again() {
    let server = TestServer::start().await;
    let user = server.create_user(OTHER_MOBILE).await;
    server.advance(Duration::from_mins(30));
    assert_eq!(server.verify_status(&user.token).await, 401);
    within_deadline(async { while server.alert_log(OTHER_MOBILE).await.is_empty() {} }).await;
    for step in [Duration::from_mins(30), Duration::from_hours(24 * 365)] {
        server.set_back(step);
        assert_eq!(server.verify_status(&user.token).await, 401);
        assert_eq!(server.session_status(&user.token).await, "ENDED");
    }
    server.advance(Duration::from_hours(24 * 365));
    assert_eq!(server.verify_status(&user.token).await, 401);
    let log = server.alert_log(OTHER_MOBILE).await;
    assert_eq!(log, [(1, "SESSION_EXPIRED".to_owned())]);
}
