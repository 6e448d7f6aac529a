//! Last-seen times of sessions, collected in memory and written in batches. Therefore most requests
//! with a token cause no write.

use std::{collections::HashMap, time::Duration};

use parking_lot::Mutex;

use crate::{
    domain::{Session, SessionKey, Timestamp},
    store::{Store, StoreError, Touch},
};

/// The minimum time between two recorded last-seen times of a session. It is shorter for a session
/// with a short idle timeout: see [`ActivityTracker::record`].
const RECORD_INTERVAL: Duration = Duration::from_mins(1);

/// The maximum number of sessions whose last-seen time waits to be written. Times of further
/// sessions are dropped, which is safe: the idle timeout of a session counts from its last recorded
/// time.
const UNWRITTEN_CAPACITY: usize = 1 << 20;

/// The maximum number of last-seen times in one write.
const MAX_BATCH_SIZE: usize = 1000;

/// The last-seen times that are not written yet.
#[derive(Debug, Default)]
pub(super) struct ActivityTracker {
    unwritten: Mutex<HashMap<SessionKey, Touch>>,
}

impl ActivityTracker {
    /// Updates a session that was read from the store with the last-seen time in memory.
    pub(super) fn apply_to(&self, session: &mut Session) {
        if let Some(touch) = self.unwritten.lock().get(&session.key) {
            session.touch(touch.at);
        }
    }

    /// Records a request with the session's token. A session with a short idle timeout is recorded
    /// more often, so that it does not expire between two records.
    pub(super) fn record(&self, session: &mut Session, now: Timestamp) {
        let interval = RECORD_INTERVAL.min(session.idle_timeout / 4);
        if now.since(session.last_seen_at) < interval {
            return;
        }
        session.touch(now);
        let mut unwritten = self.unwritten.lock();
        if unwritten.len() < UNWRITTEN_CAPACITY || unwritten.contains_key(&session.key) {
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
        let touches: Vec<Touch> = self.unwritten.lock().values_mut().map(collect).collect();
        for batch in touches.chunks(MAX_BATCH_SIZE) {
            store.touch(batch).await?;
            let mut unwritten = self.unwritten.lock();
            for touch in batch {
                // A later time, recorded during the write, is kept.
                if unwritten.get(&touch.session) == Some(touch) {
                    unwritten.remove(&touch.session);
                }
            }
        }
        Ok(())
    }
}
