//! Checked sessions in memory.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
    time::{Duration, SystemTime},
};

use parking_lot::RwLock;
use uuid::Uuid;

use crate::{CheckedSession, Clock};

/// An answer of `/verify` is never kept for longer, because asking restarts the session's idle
/// timeout.
pub const MAX_AGE: Duration = Duration::from_mins(1);

/// The number of removals that are kept, for checks that run at the same time. A check during which
/// more sessions ended is not kept.
const REMOVALS_CAPACITY: usize = 1_000;

/// The SHA-256 hash of a token. The memory holds no token, so that a dump of it opens no session.
pub type TokenHash = [u8; 32];

/// Checked sessions by the hash of their token. The oldest check is evicted if the cache is full.
#[derive(Debug)]
pub struct Cache {
    state: RwLock<State>,
    capacity: usize,
    max_staleness: Duration,
    clock: Arc<dyn Clock>,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<TokenHash, Entry>,
    by_session: HashMap<Uuid, TokenHash>,
    /// The hash of each entry by the number of its insertion.
    by_age: BTreeMap<u64, TokenHash>,
    insertions: u64,
    /// The last removals, each a session's key or a user's id.
    removed: VecDeque<Uuid>,
    removals: u64,
    coverage: Coverage,
}

#[derive(Debug)]
struct Entry {
    session: Arc<CheckedSession>,
    checked_at: SystemTime,
    number: u64,
}

/// What the feed knows.
#[derive(Debug, Default)]
struct Coverage {
    /// Every check that began at or after this time is covered by the feed.
    since: Option<SystemTime>,
    /// The feed knows every end of a session up to this time.
    until: Option<SystemTime>,
}

/// A check that runs: when it began, and the number of removals before it.
#[derive(Debug, Clone, Copy)]
pub struct CheckStart {
    at: SystemTime,
    removals: u64,
}

impl Cache {
    pub fn new(capacity: usize, max_staleness: Duration, clock: Arc<dyn Clock>) -> Self {
        Self {
            state: RwLock::default(),
            capacity,
            max_staleness,
            clock,
        }
    }

    pub fn now(&self) -> SystemTime {
        self.clock.now()
    }

    /// The session of a token, if the answer is fresh.
    pub fn get(&self, hash: &TokenHash) -> Option<Arc<CheckedSession>> {
        let state = self.state.read();
        let entry = state.entries.get(hash)?;
        // Read inside the lock, so that it is not before the last event of the feed.
        let now = self.clock.now();
        let known_at = state.coverage.known_at(entry.checked_at);
        // A clock that was set back makes an age negative. Such an entry is too old as well.
        let age = now.duration_since(entry.checked_at).ok()?;
        let silence = now.duration_since(known_at).ok()?;
        let is_fresh =
            age < MAX_AGE && silence < self.max_staleness && now < entry.session.expires_at;
        is_fresh.then(|| Arc::clone(&entry.session))
    }

    /// Call before a token is sent to the server.
    pub fn check_starts(&self) -> CheckStart {
        let state = self.state.read();
        CheckStart {
            at: self.clock.now(),
            removals: state.removals,
        }
    }

    /// Inserts a session. Returns false if the session was removed while it was checked, or if that
    /// is no longer known.
    pub fn insert(&self, hash: TokenHash, session: Arc<CheckedSession>, start: CheckStart) -> bool {
        let mut state = self.state.write();
        if state.may_have_removed(&session, start.removals) {
            return false;
        }
        state.remove(&hash);
        let number = state.insertions;
        state.insertions += 1;
        state.by_age.insert(number, hash);
        state.by_session.insert(session.session_key, hash);
        let entry = Entry {
            session,
            checked_at: start.at,
            number,
        };
        state.entries.insert(hash, entry);
        if state.entries.len() > self.capacity
            && let Some((_, oldest)) = state.by_age.first_key_value()
        {
            let oldest = *oldest;
            state.remove(&oldest);
        }
        true
    }

    /// Removes the session of a token that the server has refused.
    pub fn remove(&self, hash: &TokenHash) {
        self.state.write().remove(hash);
    }

    /// Removes a session that has ended.
    pub fn remove_session(&self, key: Uuid) {
        let mut state = self.state.write();
        state.record_removal(key);
        if let Some(hash) = state.by_session.get(&key).copied() {
            state.remove(&hash);
        }
    }

    /// Removes the sessions of a deleted user. Reads every entry, because deletions are rare.
    pub fn remove_user(&self, id: Uuid) {
        let mut state = self.state.write();
        state.record_removal(id);
        let of_user =
            |(hash, entry): (&TokenHash, &Entry)| (entry.session.user_id == id).then_some(*hash);
        let hashes: Vec<_> = state.entries.iter().filter_map(of_user).collect();
        for hash in hashes {
            state.remove(&hash);
        }
    }

    /// The feed knows every end of a session that was checked at or after `since`.
    pub fn covered_since(&self, since: SystemTime) {
        self.state.write().coverage.since = Some(since);
    }

    /// The feed has caught up with the server.
    pub fn caught_up(&self) {
        let mut state = self.state.write();
        state.coverage.until = Some(self.clock.now());
    }

    /// Removes everything. What happened since the last event is unknown, so no check from before
    /// counts.
    pub fn clear(&self) {
        let mut state = self.state.write();
        state.entries.clear();
        state.by_session.clear();
        state.by_age.clear();
        state.coverage = Coverage::default();
    }
}

impl Coverage {
    /// Until when it is known that a session which was checked at this time is valid.
    fn known_at(&self, checked_at: SystemTime) -> SystemTime {
        match (self.since, self.until) {
            (Some(since), Some(until)) if checked_at >= since => checked_at.max(until),
            _ => checked_at,
        }
    }
}

impl State {
    fn remove(&mut self, hash: &TokenHash) {
        let Some(entry) = self.entries.remove(hash) else {
            return;
        };
        self.by_age.remove(&entry.number);
        let key = entry.session.session_key;
        // A session with a new token has another entry.
        if self.by_session.get(&key) == Some(hash) {
            self.by_session.remove(&key);
        }
    }

    fn record_removal(&mut self, id: Uuid) {
        if self.removed.len() == REMOVALS_CAPACITY {
            self.removed.pop_front();
        }
        self.removed.push_back(id);
        self.removals += 1;
    }

    /// Whether the session or its user was removed after the first `since` removals.
    fn may_have_removed(&self, session: &CheckedSession, since: u64) -> bool {
        let Ok(count) = usize::try_from(self.removals - since) else {
            return true;
        };
        let is_of_session = |id: &Uuid| [session.session_key, session.user_id].contains(id);
        count > self.removed.len() || self.removed.iter().rev().take(count).any(is_of_session)
    }
}

#[cfg(test)]
mod tests;
