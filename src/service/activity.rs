//! Last-seen times of sessions, collected in memory and written in batches. Therefore most requests
//! with a token cause no write.

use std::{collections::HashMap, time::Duration};

use parking_lot::Mutex;

use crate::{
    domain::{Session, SessionKey, Status, Timestamp},
    store::{Store, StoreError, Touch},
};

/// The minimum time between two recorded last-seen times of a session. It is shorter for a session
/// with a short idle timeout: see [`is_recent`].
const RECORD_INTERVAL: Duration = Duration::from_mins(1);

/// The maximum number of sessions whose last-seen time waits to be written. Times of further
/// sessions are dropped, which is safe: the idle timeout of a session counts from its last recorded
/// time.
const UNWRITTEN_CAPACITY: usize = 1 << 20;

/// The number of locks over the times in memory.
const SHARDS: usize = 64;

/// The maximum number of last-seen times in one write.
const MAX_BATCH_SIZE: usize = 1000;

/// The last-seen times that are not written yet.
#[derive(Debug)]
pub(super) struct ActivityTracker {
    unwritten: Box<[Shard]>,
}

type Shard = Mutex<HashMap<SessionKey, Touch>>;

impl Default for ActivityTracker {
    fn default() -> Self {
        Self {
            unwritten: (0..SHARDS).map(|_| Shard::default()).collect(),
        }
    }
}

impl ActivityTracker {
    /// Updates a session that was read from the store with the last-seen time in memory.
    pub(super) fn apply_to(&self, session: &mut Session, now: Timestamp) {
        // No time was recorded since the stored one, or after the end of the session. Most token
        // checks end here, without a lock.
        if is_recent(session, now) || matches!(session.status, Status::Ended(_)) {
            return;
        }
        if let Some(touch) = self.shard(session.key).lock().get(&session.key) {
            session.touch(touch.at);
        }
    }

    /// Records a request with the session's token.
    pub(super) fn record(&self, session: &mut Session, now: Timestamp) {
        if is_recent(session, now) {
            return;
        }
        session.touch(now);
        let mut unwritten = self.shard(session.key).lock();
        if unwritten.len() < UNWRITTEN_CAPACITY / SHARDS || unwritten.contains_key(&session.key) {
            unwritten.insert(
                session.key,
                Touch {
                    user: session.owner.id,
                    session: session.key,
                    at: now,
                },
            );
        }
    }

    /// Writes the collected times. Times that cannot be written are kept for the next flush. A time
    /// in the future, recorded before the clock was set back, becomes `now`: the store takes the
    /// maximum, so it would extend the idle timeout.
    pub(super) async fn flush(&self, store: &dyn Store, now: Timestamp) -> Result<(), StoreError> {
        let collect = |touch: &mut Touch| {
            if touch.at.is_ahead_of(now) {
                touch.at = now;
            }
            *touch
        };
        let mut touches = Vec::new();
        for shard in &self.unwritten {
            touches.extend(shard.lock().values_mut().map(collect));
        }
        for batch in touches.chunks(MAX_BATCH_SIZE) {
            store.touch(batch).await?;
            for touch in batch {
                let mut unwritten = self.shard(touch.session).lock();
                // A later time, recorded during the write, is kept.
                if unwritten.get(&touch.session) == Some(touch) {
                    unwritten.remove(&touch.session);
                }
            }
        }
        Ok(())
    }

    /// The last byte of a key is random.
    fn shard(&self, session: SessionKey) -> &Shard {
        let [.., last] = *session.as_uuid().as_bytes();
        &self.unwritten[usize::from(last) % SHARDS]
    }
}

/// Whether the last-seen time is so recent that another request is not recorded. The interval is
/// shorter for a session with a short idle timeout, so that it does not expire between two records.
fn is_recent(session: &Session, now: Timestamp) -> bool {
    let interval = RECORD_INTERVAL.min(session.idle_timeout / 4);
    now.since(session.last_seen_at) < interval
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use uuid::Uuid;

    use super::*;
    use crate::domain::{
        Device, EndReason, Ended, Mobile, Owner, TokenHash, UserAgent, UserId, Username,
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
        let tracker = ActivityTracker::default();
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
        let tracker = ActivityTracker::default();
        let mut short = session(1);
        short.idle_timeout = 4 * SECOND;
        tracker.record(&mut short, START.plus(SECOND));
        assert_eq!(short.last_seen_at, START.plus(SECOND));
    }

    #[test]
    fn an_ended_session_keeps_its_last_seen_time() {
        let tracker = ActivityTracker::default();
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
