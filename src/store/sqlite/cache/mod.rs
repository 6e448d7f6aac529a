//! The cache of users and their current sessions. A check of a known token and a look-up of a known
//! user read no file.
//!
//! The cache is coherent: it never returns a state that is older than the file. Nothing is decided
//! on it alone: a commit still compares the version in the file.
//!
//! - Only the writer changes the file. Before it makes a change visible, it takes the user out of
//!   the cache. Once the change is durable, and before it replies, it puts the new state in (see
//!   [`Batch`]). In between, readers read the file.
//! - A reader that did not find a user adds what it has read from the file. The writer may have
//!   changed the user since. Therefore users are divided into stripes, each with a generation that
//!   rises whenever a user of the stripe is taken out. A reader notes the generation before it
//!   reads, and adds the user only if the generation is still the same (see [`Load`]).
//! - A number finds the id of its user only, and counts only if that user is cached and owns it.
//!
//! - The ended sessions on the first page of a user's list go with the user, and every commit of the
//!   user removes them. A reader adds them as it adds a user, so they belong to the cached state of
//!   the user. A purge takes the users whose sessions it deletes out of the cache first.
//!
//! Users, sessions and numbers that do not exist are never cached. No token opens an ended session,
//! so only a page of sessions returns one.

mod batch;
mod ended;
mod entry;
mod session;
mod user_agents;

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    num::NonZeroU64,
    sync::Arc,
};

use parking_lot::Mutex;
use quick_cache::{DefaultHashBuilder, Lifecycle, Weighter, sync::Cache};

pub(super) use self::batch::Batch;
use self::{entry::CachedUser, user_agents::UserAgents};
use crate::{
    domain::{Mobile, Session, SessionKey, TokenHash, UserId, UserState},
    store::{KnownSession, Page, Slice},
};

/// The number of stripes. While the writer syncs a batch, readers add no user of the stripes that
/// the batch changes. There are many more stripes than commands in a batch.
const STRIPES: usize = 4096;

/// The number of locks over the numbers.
const NUMBER_SHARDS: usize = 64;

/// The typical size of a cached user, in bytes. It only sizes the tables.
const TYPICAL_WEIGHT: u64 = 600;

/// The users and their numbers, bounded by their size.
#[derive(Debug)]
pub(super) struct UserCache {
    users: Cache<UserId, Arc<CachedUser>, UserWeighter, DefaultHashBuilder, EvictedUsers>,
    numbers: Box<[Mutex<HashMap<Mobile, UserId>>]>,
    stripes: Box<[Mutex<Stripe>]>,
    hasher: RandomState,
    user_agents: Arc<UserAgents>,
}

/// What decides whether a user of a stripe may be added.
#[derive(Debug, Default)]
struct Stripe {
    /// Rises whenever a user is taken out.
    generation: u64,
    /// The number of users who are taken out now.
    taken_out: usize,
}

/// The permission to add a user who is read from the file after this was created.
#[derive(Debug)]
pub(super) struct Load {
    user: UserId,
    generation: u64,
}

#[derive(Debug, Clone)]
struct UserWeighter(Arc<UserAgents>);

impl Weighter<UserId, Arc<CachedUser>> for UserWeighter {
    fn weight(&self, _: &UserId, user: &Arc<CachedUser>) -> u64 {
        user.weight(&self.0)
    }
}

/// Collects the users that an insertion displaces.
#[derive(Debug, Clone)]
struct EvictedUsers;

impl Lifecycle<UserId, Arc<CachedUser>> for EvictedUsers {
    type RequestState = Vec<(UserId, Arc<CachedUser>)>;

    fn on_evict(&self, evicted: &mut Self::RequestState, id: UserId, user: Arc<CachedUser>) {
        evicted.push((id, user));
    }
}

impl UserCache {
    /// Creates a cache of this many bytes.
    pub(super) fn new(capacity: NonZeroU64) -> Self {
        let capacity = capacity.get();
        let user_agents = Arc::<UserAgents>::default();
        let expected_users = usize::try_from(capacity / TYPICAL_WEIGHT).unwrap_or(usize::MAX);
        Self {
            users: Cache::with(
                expected_users.max(1),
                capacity,
                UserWeighter(Arc::clone(&user_agents)),
                DefaultHashBuilder::default(),
                EvictedUsers,
            ),
            numbers: (0..NUMBER_SHARDS).map(|_| Mutex::default()).collect(),
            stripes: (0..STRIPES).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            user_agents,
        }
    }

    /// Returns the user with this id, if it is cached.
    pub(super) fn user(&self, id: UserId) -> Option<UserState> {
        Some(self.users.get(&id)?.to_state(id))
    }

    /// Returns the user who owns this number, if it is cached.
    pub(super) fn user_by_mobile(&self, mobile: &Mobile) -> Option<UserState> {
        let id = self.number_shard(mobile).lock().get(mobile).copied()?;
        let user = self.users.get(&id)?;
        (user.mobile() == mobile).then(|| user.to_state(id))
    }

    /// Returns the current session that the token with this hash opens, if its user is cached.
    pub(super) fn session_by_token(&self, user: UserId, hash: &TokenHash) -> Option<Session> {
        self.users.get(&user)?.session_by_token(user, hash)
    }

    /// Calls `read` with the active session that the token with this hash opens, if its user is
    /// cached.
    pub(super) fn known_session(
        &self,
        user: UserId,
        hash: &TokenHash,
        read: &mut dyn FnMut(&KnownSession<'_>),
    ) {
        let user = self.users.get(&user);
        if let Some(session) = user.as_ref().and_then(|user| user.known_session(hash)) {
            read(&session);
        }
    }

    /// Returns the current session with this key, if its user is cached.
    pub(super) fn session(&self, user: UserId, key: SessionKey) -> Option<Session> {
        self.users.get(&user)?.session(user, key)
    }

    /// Returns a page of the user's sessions, if it is cached.
    pub(super) fn sessions(&self, user: UserId, page: Page) -> Option<Slice<Session>> {
        self.users.get(&user)?.sessions(user, page)
    }

    /// Returns the sequence of the user's last alert, if the user is cached.
    pub(super) fn last_alert(&self, user: UserId) -> Option<u64> {
        Some(self.users.get(&user)?.last_alert())
    }

    /// Returns whether the user is cached.
    pub(super) fn contains(&self, user: UserId) -> bool {
        self.users.contains_key(&user)
    }

    /// Call this before reading a user from the file, in order to add it. `None` if the writer is
    /// changing a user of the same stripe.
    pub(super) fn begin_load(&self, user: UserId) -> Option<Load> {
        let stripe = self.stripe(user).lock();
        (stripe.taken_out == 0).then_some(Load {
            user,
            generation: stripe.generation,
        })
    }

    /// Adds a user who was read from the file, unless the writer may have changed it since
    /// [`Self::begin_load`].
    pub(super) fn finish_load(&self, load: &Load, user: &UserState) {
        let Some(user) = CachedUser::new(user) else {
            return;
        };
        let stripe = self.stripe(load.user).lock();
        if stripe.generation == load.generation {
            self.insert(load.user, user.into());
        }
    }

    /// Adds the first page of the sessions of a cached user, unless the writer may have changed the
    /// user since [`Self::begin_load`].
    pub(super) fn finish_load_of_sessions(&self, load: &Load, sessions: &Slice<Session>) {
        let stripe = self.stripe(load.user).lock();
        if stripe.generation != load.generation {
            return;
        }
        let Some(user) = self.users.get(&load.user) else {
            return;
        };
        let mut user = CachedUser::clone(&user);
        if user.add_ended(load.user, sessions) {
            self.insert(load.user, user.into());
        }
    }

    /// Takes a user out, and lets no reader add it until [`Self::put_back`].
    fn take_out(&self, user: UserId) -> Option<Arc<CachedUser>> {
        let mut stripe = self.stripe(user).lock();
        stripe.generation += 1;
        stripe.taken_out += 1;
        let (_, taken) = self.users.remove(&user)?;
        self.remove_number(user, &taken);
        Some(taken)
    }

    /// Ends [`Self::take_out`]. The user is cached if its present state is known.
    fn put_back(&self, id: UserId, user: Option<Arc<CachedUser>>) {
        let mut stripe = self.stripe(id).lock();
        stripe.taken_out -= 1;
        if let Some(user) = user {
            self.insert(id, user);
        }
    }

    /// Removes everything, because another program has changed the file. Readers that have read the
    /// file before do not add what they have read.
    pub(super) fn clear(&self) {
        for stripe in &self.stripes {
            stripe.lock().generation += 1;
        }
        self.remove_all();
    }

    /// Removes everything, and lets no reader add anything any more.
    pub(super) fn close(&self) {
        for stripe in &self.stripes {
            let mut stripe = stripe.lock();
            stripe.generation += 1;
            stripe.taken_out += 1;
        }
        self.remove_all();
    }

    /// A user always goes before its number, so that no number remains without its user.
    fn remove_all(&self) {
        self.users.clear();
        for shard in &self.numbers {
            shard.lock().clear();
        }
    }

    /// Adds a user. The user's stripe must be locked. The number comes before the user, so that
    /// whoever evicts the user finds the number.
    fn insert(&self, id: UserId, mut user: Arc<CachedUser>) {
        if let Some(user) = Arc::get_mut(&mut user) {
            user.share_user_agent(&self.user_agents);
        }
        let mobile = user.mobile().clone();
        self.number_shard(&mobile).lock().insert(mobile, id);
        let mut evicted = Vec::new();
        self.users.insert_with_lifecycle(id, user, &mut evicted);
        for (id, user) in evicted {
            // A replaced user, and one that another reader has added again, keep the number.
            if !self.users.contains_key(&id) {
                self.remove_number(id, &user);
            }
        }
    }

    fn remove_number(&self, id: UserId, user: &CachedUser) {
        let mut shard = self.number_shard(user.mobile()).lock();
        if shard.get(user.mobile()) == Some(&id) {
            shard.remove(user.mobile());
        }
    }

    fn stripe(&self, user: UserId) -> &Mutex<Stripe> {
        &self.stripes[self.index(user, STRIPES)]
    }

    fn number_shard(&self, mobile: &Mobile) -> &Mutex<HashMap<Mobile, UserId>> {
        &self.numbers[self.index(mobile, NUMBER_SHARDS)]
    }

    fn index(&self, key: impl std::hash::Hash, count: usize) -> usize {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "any part of the hash selects a lock"
        )]
        let hash = self.hasher.hash_one(key) as usize;
        hash % count
    }
}

#[cfg(test)]
mod tests;
