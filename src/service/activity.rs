//! Last requests, gathered in memory and written in batches: a request with a token costs no write of its own.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    domain::{Session, SessionKey, Timestamp},
    store::{Store, StoreError, Touch},
};

/// A session's last request is recorded at most this often.
const INTERVAL: Duration = Duration::from_mins(1);

/// ActivityTracker that wait to be written. Past that further ones are left out, which is to the safe side:
/// the session's idle time counts from its last recorded request.
const CAPACITY: usize = 1 << 20;

/// ActivityTracker in one write.
const BATCH: usize = 1000;

#[derive(Debug, Default)]
pub(super) struct ActivityTracker {
    waiting: Mutex<HashMap<SessionKey, Touch>>,
}

impl ActivityTracker {
    /// Adds what memory knows of the session's last request to what the store knows.
    pub(super) fn apply_to(&self, session: &mut Session) {
        if let Some(touch) = self.waiting().get(&session.key) {
            session.touch(touch.at);
        }
    }

    /// Notes a request with the session's token. A session that is idle for a short while only is noted more often,
    /// so that no request falls between two notes.
    pub(super) fn record(&self, session: &mut Session, now: Timestamp) {
        let interval = INTERVAL.min(session.idle_timeout / 4);
        if now.since(session.last_seen_at) < interval {
            return;
        }
        session.touch(now);
        let mut waiting = self.waiting();
        if waiting.len() < CAPACITY || waiting.contains_key(&session.key) {
            waiting.insert(
                session.key,
                Touch {
                    user: session.owner.id,
                    session: session.key,
                    at: now,
                },
            );
        }
    }

    /// Writes what waits. What cannot be written waits on.
    pub(super) async fn flush(&self, store: &dyn Store) -> Result<(), StoreError> {
        let touches: Vec<Touch> = self.waiting().values().copied().collect();
        for batch in touches.chunks(BATCH) {
            store.touch(batch).await?;
            let mut waiting = self.waiting();
            for touch in batch {
                // A later one that came meanwhile stays.
                if waiting.get(&touch.session) == Some(touch) {
                    waiting.remove(&touch.session);
                }
            }
        }
        Ok(())
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<SessionKey, Touch>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
