//! Last-seen times of sessions, collected in memory and written in batches. Therefore most requests
//! with a token cause no write.

use std::{collections::HashMap, time::Duration};

use parking_lot::Mutex;

use crate::{
    domain::{Session, SessionKey, Status, Timestamp},
    store::{Store, StoreError, Touch},
};

/// The longest time between two recorded last-seen times of a session that is in use. It is shorter
/// for a session with a short idle timeout, and if a device counts as away after a short time: see
/// [`ActivityTracker::record_interval`].
const RECORD_INTERVAL: Duration = Duration::from_mins(1);

/// The maximum number of sessions whose last-seen time is in memory. Times of further
/// sessions are dropped, which is safe: the idle timeout of a session counts from its last recorded
/// time.
const CAPACITY: usize = 1 << 20;

/// The number of locks over the times in memory.
const SHARDS: usize = 64;

/// The maximum number of last-seen times in one write.
const MAX_BATCH_SIZE: usize = 1000;

/// The last-seen times that are not written yet, and those that the last flush has written.
#[derive(Debug)]
pub(super) struct ActivityTracker {
    recorded: Box<[Shard]>,
    /// The interval of a session with a long idle timeout.
    longest_interval: Duration,
}

type Shard = Mutex<HashMap<SessionKey, Recorded>>;

/// A last-seen time in memory.
#[derive(Debug)]
struct Recorded {
    touch: Touch,
    /// Whether the store has the time. It stays in memory until the next flush, for those who read
    /// the session from the store just before.
    is_written: bool,
}

impl ActivityTracker {
    /// Creates a tracker for a server with this [`AwaySettings::away_after`].
    ///
    /// [`AwaySettings::away_after`]: super::AwaySettings::away_after
    pub(super) fn new(away_after: Duration) -> Self {
        Self {
            recorded: (0..SHARDS).map(|_| Shard::default()).collect(),
            longest_interval: RECORD_INTERVAL.min(away_after / 2),
        }
    }

    /// The time after a recorded request in which further requests of the session are not recorded.
    /// The last request may be later than the last-seen time by less than this.
    pub(super) fn record_interval(&self, idle_timeout: Duration) -> Duration {
        // A session does not expire between two records.
        self.longest_interval.min(idle_timeout / 4)
    }

    /// Whether a last-seen time is so recent that another request is not recorded.
    pub(super) fn is_recent(
        &self,
        last_seen_at: Timestamp,
        idle_timeout: Duration,
        now: Timestamp,
    ) -> bool {
        now.since(last_seen_at) < self.record_interval(idle_timeout)
    }

    fn was_seen_recently(&self, session: &Session, now: Timestamp) -> bool {
        self.is_recent(session.last_seen_at, session.idle_timeout, now)
    }

    /// Updates a session that was read from the store with the last-seen time in memory.
    pub(super) fn apply_to(&self, session: &mut Session, now: Timestamp) {
        // No time was recorded since the stored one, or after the end of the session. Most token
        // checks end here, without a lock.
        if self.was_seen_recently(session, now) || matches!(session.status, Status::Ended(_)) {
            return;
        }
        if let Some(recorded) = self.shard(session.key).lock().get(&session.key) {
            session.touch(recorded.touch.at);
        }
    }

    /// Records a request with the session's token.
    pub(super) fn record(&self, session: &mut Session, now: Timestamp) {
        if self.was_seen_recently(session, now) {
            return;
        }
        session.touch(now);
        let mut recorded = self.shard(session.key).lock();
        if recorded.len() < CAPACITY / SHARDS || recorded.contains_key(&session.key) {
            let touch = Touch {
                user: session.owner.id,
                session: session.key,
                at: now,
            };
            let is_written = false;
            recorded.insert(session.key, Recorded { touch, is_written });
        }
    }

    /// Writes the collected times. Times that cannot be written are kept for the next flush. A time
    /// in the future, recorded before the clock was set back, becomes `now`: the store takes the
    /// maximum, so it would extend the idle timeout.
    pub(super) async fn flush(&self, store: &dyn Store, now: Timestamp) -> Result<(), StoreError> {
        let mut touches = Vec::new();
        for shard in &self.recorded {
            let mut recorded = shard.lock();
            recorded.retain(|_, recorded| !recorded.is_written);
            touches.extend(recorded.values_mut().map(|Recorded { touch, .. }| {
                if touch.at.is_ahead_of(now) {
                    touch.at = now;
                }
                *touch
            }));
        }
        for batch in touches.chunks(MAX_BATCH_SIZE) {
            store.touch(batch).await?;
            for touch in batch {
                // A later time, recorded during the write, is not written yet.
                if let Some(recorded) = self.shard(touch.session).lock().get_mut(&touch.session)
                    && recorded.touch == *touch
                {
                    recorded.is_written = true;
                }
            }
        }
        Ok(())
    }

    /// The last byte of a key is random.
    fn shard(&self, session: SessionKey) -> &Shard {
        let [.., last] = *session.as_uuid().as_bytes();
        &self.recorded[usize::from(last) % SHARDS]
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use uuid::Uuid;

    use super::*;
    use crate::{
        domain::{Device, EndReason, Ended, Mobile, Owner, TokenHash, UserAgent, UserId, Username},
        store::sqlite::SqliteStore,
    };

    const START: Timestamp = Timestamp::from_millis(1_750_000_000_000);
    const SECOND: Duration = Duration::from_secs(1);

    fn session(key: u128) -> Session {
        Session {
            key: SessionKey::new(Uuid::from_u128(key)),
            number: 1,
            owner: Owner {
                id: UserId::new(Uuid::nil()),
                mobile: Mobile::parse("9012345678").unwrap(),
                username: Username::parse("Ada").unwrap(),
            },
            token_hash: TokenHash::from_bytes([0; 32]),
            device: Device {
                id: None,
                user_agent: UserAgent::from_header(None),
                address: Ipv4Addr::LOCALHOST.into(),
            },
            created_at: START,
            last_seen_at: START,
            idle_timeout: Duration::from_mins(30),
            lifetime_ends_at: START.plus(Duration::from_hours(24)),
            status: Status::Active,
        }
    }

    /// The last-seen time of a session that is read from the store and used at `now`.
    fn seen(tracker: &ActivityTracker, key: u128, now: Timestamp) -> Timestamp {
        let mut session = session(key);
        tracker.apply_to(&mut session, now);
        tracker.record(&mut session, now);
        session.last_seen_at
    }

    #[test]
    fn a_request_is_recorded_once_a_minute_and_applied_until_it_is_written() {
        let tracker = ActivityTracker::new(Duration::from_mins(2));
        let first = START.plus(60 * SECOND);
        assert_eq!(seen(&tracker, 1, START.plus(59 * SECOND)), START);
        assert_eq!(seen(&tracker, 1, first), first);
        assert_eq!(seen(&tracker, 1, first.plus(59 * SECOND)), first);
        let second = first.plus(60 * SECOND);
        assert_eq!(seen(&tracker, 1, second), second);
        assert_eq!(seen(&tracker, 2, START.plus(SECOND)), START);
    }

    #[test]
    fn a_session_with_a_short_idle_timeout_is_recorded_more_often() {
        let tracker = ActivityTracker::new(Duration::from_mins(2));
        let mut short = session(1);
        short.idle_timeout = 4 * SECOND;
        tracker.record(&mut short, START.plus(SECOND));
        assert_eq!(short.last_seen_at, START.plus(SECOND));
    }

    #[test]
    fn a_session_is_recorded_twice_in_the_time_after_which_a_device_is_away() {
        let tracker = ActivityTracker::new(20 * SECOND);
        assert_eq!(seen(&tracker, 1, START.plus(9 * SECOND)), START);
        let later = START.plus(10 * SECOND);
        assert_eq!(seen(&tracker, 1, later), later);
        // The time in memory is later than the stored one.
        assert_eq!(seen(&tracker, 1, later.plus(9 * SECOND)), later);
    }

    #[tokio::test]
    async fn a_session_that_was_read_before_a_flush_gets_the_time_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("sessiond.db")).unwrap();
        let tracker = ActivityTracker::new(20 * SECOND);
        let later = START.plus(30 * SECOND);
        seen(&tracker, 1, later);
        let mut read_before = session(1);
        tracker.flush(&store, later).await.unwrap();
        tracker.apply_to(&mut read_before, later);
        assert_eq!(read_before.last_seen_at, later);

        tracker.flush(&store, later).await.unwrap();
        assert!(tracker.recorded.iter().all(|shard| shard.lock().is_empty()));
    }

    #[test]
    fn an_ended_session_keeps_its_last_seen_time() {
        let tracker = ActivityTracker::new(Duration::from_mins(2));
        let now = START.plus(90 * SECOND);
        seen(&tracker, 1, now);
        let mut ended = session(1);
        ended.status = Status::Ended(Ended {
            at: now,
            reason: EndReason::Invalidated(None),
            replaced_by: None,
        });
        tracker.apply_to(&mut ended, now);
        assert_eq!(ended.last_seen_at, START);
    }
}
