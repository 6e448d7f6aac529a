//! What the tests of this crate share.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use sessiond::clock::Clock as _;
use sessiond_client::{Checker, CheckerBuilder, Clock, FeedState};
use sessiond_test_support::{FakeClock, TestServer, within_deadline};

/// The clock of the server, so that both agree about the end of a session.
#[derive(Debug)]
pub struct ServerClock(pub Arc<FakeClock>);

impl Clock for ServerClock {
    fn now(&self) -> SystemTime {
        let millis = self.0.now().as_millis().try_into().unwrap();
        SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
    }
}

/// A checker of this server that keeps its answers for a minute.
pub fn builder(server: &TestServer) -> CheckerBuilder {
    Checker::builder(&server.url("/graphql"))
        .max_staleness(Duration::from_mins(1))
        .retry(Duration::from_millis(10), Duration::from_millis(100))
        .clock(ServerClock(server.clock()))
}

/// Waits until the feed has caught up.
pub async fn caught_up(checker: &Checker) {
    let mut state = checker.feed_state();
    let caught_up = state.wait_for(|state| matches!(state, FeedState::CaughtUp));
    within_deadline(caught_up).await.unwrap();
}

/// Whether a token opens a valid session.
pub async fn passes(checker: &Checker, token: &str) -> bool {
    within_deadline(checker.check(token))
        .await
        .unwrap()
        .is_some()
}
