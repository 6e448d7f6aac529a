//! The reads that the cache can serve: users, their current sessions, and first pages of sessions.

use super::{
    SqliteStore,
    cache::{Load, UserCache},
    read, sessions,
    writer::Command,
};
use crate::{
    domain::{Alert, Mobile, Session, SessionKey, TokenHash, UserId, UserState},
    metrics::{self, CacheResult},
    store::{KnownSession, Page, Slice, StoreError},
};

impl SqliteStore {
    pub(super) fn cached_user(&self, id: UserId) -> Result<Option<UserState>, StoreError> {
        let Some(cache) = self.cache.as_deref() else {
            return self.read_user(id);
        };
        match counted(cache.user(id)) {
            Some(user) => Ok(Some(user)),
            None => self.load_user(cache, id),
        }
    }

    pub(super) fn cached_user_by_mobile(
        &self,
        mobile: &Mobile,
    ) -> Result<Option<UserState>, StoreError> {
        let Some(cache) = self.cache.as_deref() else {
            return self.readers.read("user", |connection| {
                read::user_by_mobile(connection, mobile)
            });
        };
        if let Some(user) = counted(cache.user_by_mobile(mobile)) {
            return Ok(Some(user));
        }
        // The id comes first, because the user must not change between the start of its load and
        // its read. If the user is deleted between the two reads, nobody owned the number for a
        // moment, and the result is that of this moment.
        let id = self.readers.read("user", |connection| {
            read::user_id_by_mobile(connection, mobile)
        })?;
        let Some(id) = id else { return Ok(None) };
        let user = self.cached_user(id)?;
        Ok(user.filter(|user| user.owner.mobile == *mobile))
    }

    pub(super) fn cached_session_by_token(
        &self,
        user: UserId,
        hash: &TokenHash,
    ) -> Result<Option<Session>, StoreError> {
        if let Some(cache) = self.cache.as_deref() {
            if let Some(session) = counted(cache.session_by_token(user, hash)) {
                return Ok(Some(session));
            }
            if !cache.contains(user)
                && let Some(load) = cache.begin_load(user)
            {
                return self.load_session(cache, &load, user, hash);
            }
        }
        self.readers.read("session", |connection| {
            sessions::session_by_token(connection, user, hash)
        })
    }

    /// Calls `read` with an active session of the cache.
    pub(super) fn read_known_session(
        &self,
        user: UserId,
        hash: &TokenHash,
        read: &mut dyn FnMut(&KnownSession<'_>) -> bool,
    ) {
        if let Some(cache) = self.cache.as_deref() {
            cache.known_session(user, hash, &mut |session| {
                // Otherwise, the session is read again, and counted then.
                if read(session) {
                    metrics::record(|metrics| metrics.cache_reads.increment(CacheResult::Hit));
                }
            });
        }
    }

    /// Reads a session from the file, and adds its user to the cache unless the session has ended.
    fn load_session(
        &self,
        cache: &UserCache,
        load: &Load,
        user: UserId,
        hash: &TokenHash,
    ) -> Result<Option<Session>, StoreError> {
        let found = self.readers.read("session", |connection| {
            read::session_and_user(connection, user, hash)
        })?;
        Ok(found.map(|(session, user)| {
            if let Some(user) = user {
                cache.finish_load(load, &user);
            }
            session
        }))
    }

    pub(super) fn cached_session(
        &self,
        user: UserId,
        key: SessionKey,
    ) -> Result<Option<Session>, StoreError> {
        let cache = self.cache.as_deref();
        if let Some(session) = cache.and_then(|cache| counted(cache.session(user, key))) {
            return Ok(Some(session));
        }
        let session = self.readers.read("session", |connection| {
            sessions::session_of(connection, user, key)
        })?;
        Ok(session.filter(|session| session.owner.id == user))
    }

    /// Returns a page of the user's sessions. The first page of a cached user is added to the cache.
    pub(super) async fn cached_sessions(
        &self,
        user: UserId,
        page: Page,
    ) -> Result<Slice<Session>, StoreError> {
        let cache = self.cache.as_deref().filter(|_| page.before.is_none());
        if let Some(sessions) = cache.and_then(|cache| cache.sessions(user, page)) {
            return Ok(sessions);
        }
        let load = cache.and_then(|cache| Some((cache, cache.begin_load(user)?)));
        let sessions = self
            .readers
            .page("session", page, move |connection| {
                sessions::page(connection, user, page)
            })
            .await?;
        if let Some((cache, load)) = load {
            cache.finish_load_of_sessions(&load, &sessions);
        }
        Ok(sessions)
    }

    /// Reads the user's alerts whose sequence is above `after`, unless the cache shows that there are
    /// none.
    pub(super) async fn cached_alerts_after(
        &self,
        user: UserId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Alert>, StoreError> {
        let Some(count) = self.count_alerts_after(user, after) else {
            return Ok(Vec::new());
        };
        self.readers
            .rows("alert", limit.min(count), move |connection| {
                read::alerts_after(connection, user, after, limit)
            })
            .await
    }

    /// The maximum number of the user's alerts whose sequence is above `after`. `None` if there is
    /// no such alert.
    fn count_alerts_after(&self, user: UserId, after: u64) -> Option<usize> {
        let cached = self.cache.as_deref();
        let Some(last) = cached.and_then(|cache| cache.last_alert(user)) else {
            return Some(usize::MAX);
        };
        let count = last.checked_sub(after).filter(|count| *count > 0)?;
        Some(usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// Lets the writer find out whether another program has written the file. If its queue is full,
    /// the next batch does.
    pub(super) fn detect_other_writers(&self) {
        if let Some(writer) = &*self.writer.lock() {
            let _ = writer.commands.try_send(Command::DetectOtherWriters);
        }
    }

    /// Reads a user from the file, and adds it to the cache.
    fn load_user(&self, cache: &UserCache, id: UserId) -> Result<Option<UserState>, StoreError> {
        let load = cache.begin_load(id);
        let user = self.read_user(id)?;
        if let (Some(load), Some(user)) = (load, &user) {
            cache.finish_load(&load, user);
        }
        Ok(user)
    }

    fn read_user(&self, id: UserId) -> Result<Option<UserState>, StoreError> {
        self.readers
            .read("user", |connection| read::user(connection, id))
    }
}

/// Counts whether the cache had a record.
fn counted<T>(found: Option<T>) -> Option<T> {
    let result = if found.is_some() {
        CacheResult::Hit
    } else {
        CacheResult::Miss
    };
    metrics::record(|metrics| metrics.cache_reads.increment(result));
    found
}
