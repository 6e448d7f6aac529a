//! Last-seen times of sessions, collected in memory and written in batches. So a request with a
//! token needs no write of its own.

use std::{collections::HashMap, time::Duration};

use parking_lot::Mutex;

use crate::{
    domain::{Session, SessionKey, Timestamp},
    store::{Store, StoreError, Touch},
};

/// The last-seen time of a session is recorded at most this often.
const RECORD_INTERVAL: Duration = Duration::from_mins(1);

/// The maximum number of sessions whose last-seen time waits to be written. Times of further
/// sessions are dropped, which is safe: the idle timeout of a session counts from its last recorded
/// time.
const PENDING_CAPACITY: usize = 1 << 20;

/// The maximum number of last-seen times in one write.
const MAX_BATCH_SIZE: usize = 1000;

/// The last-seen times that are not written yet.
#[derive(Debug, Default)]
pub(super) struct ActivityTracker {
    pending: Mutex<HashMap<SessionKey, Touch>>,
}

impl ActivityTracker {
    /// Updates a session that was read from the store with the last-seen time in memory.
    pub(super) fn apply_to(&self, session: &mut Session) {
        if let Some(touch) = self.pending.lock().get(&session.key) {
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
        let mut pending = self.pending.lock();
        if pending.len() < PENDING_CAPACITY || pending.contains_key(&session.key) {
            pending.insert(
                session.key,
                Touch {
                    user: session.owner.id,
                    session: session.key,
                    at: now,
                },
            );
        }
    }

    /// Writes the pending times. Times that cannot be written stay pending.
    pub(super) async fn flush(&self, store: &dyn Store) -> Result<(), StoreError> {
        let touches: Vec<Touch> = self.pending.lock().values().copied().collect();
        for batch in touches.chunks(MAX_BATCH_SIZE) {
            store.touch(batch).await?;
            let mut pending = self.pending.lock();
            for touch in batch {
                // A later time, recorded during the write, stays pending.
                if pending.get(&touch.session) == Some(touch) {
                    pending.remove(&touch.session);
                }
            }
        }
        Ok(())
    }
}
