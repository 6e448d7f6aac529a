//! Tests of the memory with a clock that the test controls.

use parking_lot::Mutex;

use super::*;

#[derive(Debug)]
struct TestClock(Mutex<SystemTime>);

impl Clock for TestClock {
    fn now(&self) -> SystemTime {
        *self.0.lock()
    }
}

const HASH: TokenHash = [1; 32];

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A cache of two sessions, with a staleness of 10 s.
struct Run {
    clock: Arc<TestClock>,
    cache: Cache,
}

impl Run {
    fn start() -> Self {
        let clock = Arc::new(TestClock(Mutex::new(
            SystemTime::UNIX_EPOCH + seconds(1_000),
        )));
        let cache = Cache::new(2, seconds(10), Arc::clone(&clock) as Arc<dyn Clock>);
        Self { clock, cache }
    }

    fn advance(&self, by: Duration) {
        *self.clock.0.lock() += by;
    }

    /// A session that expires in half an hour.
    fn session(&self, number: u128) -> Arc<CheckedSession> {
        Arc::new(CheckedSession {
            session_key: Uuid::from_u128(number),
            user_id: Uuid::from_u128(100 + number),
            mobile: String::new(),
            username: String::new(),
            expires_at: self.clock.now() + seconds(1_800),
        })
    }

    fn insert(&self, hash: TokenHash, session: &Arc<CheckedSession>) {
        let start = self.cache.check_starts();
        assert!(self.cache.insert(hash, Arc::clone(session), start));
    }

    fn is_known(&self) -> bool {
        self.cache.get(&HASH).is_some()
    }
}

#[test]
fn an_answer_is_kept_for_the_staleness() {
    let run = Run::start();
    run.insert(HASH, &run.session(1));
    run.advance(Duration::from_millis(9999));
    assert!(run.is_known());
    run.advance(Duration::from_millis(1));
    assert!(!run.is_known());
}

#[test]
fn a_session_is_refused_when_it_expires_although_its_answer_is_fresh() {
    let run = Run::start();
    let mut session = CheckedSession::clone(&run.session(1));
    session.expires_at = run.clock.now() + seconds(3);
    run.insert(HASH, &Arc::new(session));
    run.advance(Duration::from_millis(2999));
    assert!(run.is_known());
    run.advance(Duration::from_millis(1));
    assert!(!run.is_known());
}

#[test]
fn a_clock_that_is_set_back_makes_no_answer_fresh() {
    let run = Run::start();
    run.cache.covered_since(run.clock.now());
    run.insert(HASH, &run.session(1));
    run.advance(seconds(9));
    run.cache.caught_up();
    assert!(run.is_known());
    *run.clock.0.lock() -= seconds(5);
    assert!(!run.is_known());
    *run.clock.0.lock() -= seconds(500);
    assert!(!run.is_known());
}

#[test]
fn a_feed_that_has_caught_up_keeps_an_answer_fresh_for_a_minute() {
    let run = Run::start();
    run.cache.covered_since(run.clock.now());
    run.insert(HASH, &run.session(1));
    for _ in 0..11 {
        run.advance(seconds(5));
        run.cache.caught_up();
        assert!(run.is_known());
    }
    run.advance(seconds(5));
    run.cache.caught_up();
    assert!(!run.is_known());
}

#[test]
fn a_feed_covers_no_check_that_began_before_it() {
    let run = Run::start();
    run.insert(HASH, &run.session(1));
    run.advance(seconds(5));
    run.cache.covered_since(run.clock.now());
    run.cache.caught_up();
    assert!(run.is_known());
    run.advance(seconds(5));
    run.cache.caught_up();
    assert!(!run.is_known());
}

#[test]
fn a_silent_feed_makes_the_answers_old() {
    let run = Run::start();
    run.cache.covered_since(run.clock.now());
    run.cache.caught_up();
    run.insert(HASH, &run.session(1));
    run.advance(seconds(10));
    assert!(!run.is_known());
}

#[test]
fn a_session_that_ends_or_whose_user_is_deleted_is_removed() {
    let run = Run::start();
    let session = run.session(1);
    run.insert(HASH, &session);
    run.cache.remove_session(Uuid::from_u128(2));
    assert!(run.is_known());
    run.cache.remove_session(session.session_key);
    assert!(!run.is_known());
    run.insert(HASH, &session);
    run.cache.remove_user(session.user_id);
    assert!(!run.is_known());
}

#[test]
fn a_session_that_ends_while_it_is_checked_is_not_kept() {
    let run = Run::start();
    let session = run.session(1);
    let start = run.cache.check_starts();
    run.cache.remove_session(session.session_key);
    assert!(!run.cache.insert(HASH, Arc::clone(&session), start));

    let start = run.cache.check_starts();
    for number in 0..=REMOVALS_CAPACITY {
        run.cache
            .remove_session(Uuid::from_u128(1_000 + number as u128));
    }
    assert!(!run.cache.insert(HASH, session, start), "no longer known");
}

#[test]
fn the_oldest_check_is_evicted_if_the_memory_is_full() {
    let run = Run::start();
    for number in 1..=3 {
        run.insert([number; 32], &run.session(number.into()));
    }
    assert!(run.cache.get(&[1; 32]).is_none());
    assert!(run.cache.get(&[2; 32]).is_some() && run.cache.get(&[3; 32]).is_some());
    let state = run.cache.state.read();
    assert_eq!((state.by_age.len(), state.by_session.len()), (2, 2));
}

#[test]
fn an_emptied_memory_covers_nothing() {
    let run = Run::start();
    run.cache.covered_since(run.clock.now());
    run.insert(HASH, &run.session(1));
    run.cache.clear();
    assert!(!run.is_known());
    run.insert(HASH, &run.session(1));
    run.advance(seconds(9));
    run.cache.caught_up();
    run.advance(seconds(1));
    assert!(!run.is_known());
}
