//! Races between approve, deny, timeout, take-over, logout, freeze and password change.

use std::time::Duration;

use sessiond_test_support::{
    DECISION_RACES, DecisionRace, MOBILE, TestServer, assert_each_end_is_alerted_once,
};

#[tokio::test(flavor = "multi_thread")]
async fn whatever_comes_first_one_session_at_most_is_valid_and_each_end_is_alerted_once() {
    let flags = ["--approval-timeout=1m", "--max-alerts-per-minute=1000000"];
    let server = TestServer::with_flags(&flags).await;
    server.create_user(MOBILE).await;
    for round in 0..DECISION_RACES {
        let race = DecisionRace::prepare(&server, round).await;
        if race.has_timeout() {
            server.advance(Duration::from_mins(1));
        }
        race.run(&server, &server).await;
        // The numbers of ten minutes must not run out.
        server.advance(Duration::from_secs(30));
    }
    assert_each_end_is_alerted_once(&server).await;
}
