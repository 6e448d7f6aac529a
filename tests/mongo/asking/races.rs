//! Races between approve, deny, timeout, take-over, logout, freeze and password change at two nodes.

use std::time::Duration;

use sessiond_test_support::{
    DECISION_RACES, DecisionRace, MOBILE, assert_each_end_is_alerted_once,
};

use super::two_nodes;

#[tokio::test(flavor = "multi_thread")]
async fn whatever_comes_first_at_two_nodes_one_session_at_most_is_valid_and_each_end_is_alerted() {
    let flags = ["--approval-timeout=1m", "--max-alerts-per-minute=1000000"];
    let (_database, first, second) = two_nodes(&flags).await;
    first.create_user(MOBILE).await;
    let advance = |by| {
        first.advance(by);
        second.advance(by);
    };
    for round in 0..DECISION_RACES {
        let race = DecisionRace::prepare(&first, round).await;
        if race.has_timeout() {
            advance(Duration::from_mins(1));
        }
        race.run(&first, &second).await;
        // The numbers of ten minutes must not run out.
        advance(Duration::from_secs(30));
    }
    assert_each_end_is_alerted_once(&second).await;
}
