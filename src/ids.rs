//! New ids and secrets, made from a [`Clock`] and a [`Random`] source.

use std::sync::Arc;

use uuid::{Builder, Uuid};

use crate::{
    clock::Clock,
    domain::{CommitId, SessionKey, Timestamp, UserId},
    random::Random,
};

/// Generates ids and secrets. Clones share the same sources.
#[derive(Debug, Clone)]
pub struct IdGenerator {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl IdGenerator {
    /// Creates a generator that uses these sources of time and randomness.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { clock, random }
    }

    /// Returns the current time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Returns 256 random bits.
    #[must_use]
    pub fn secret(&self) -> [u8; 32] {
        let mut secret = [0; 32];
        self.random.fill(&mut secret);
        secret
    }

    /// Returns the id of a new login attempt: a random UUID (version 4).
    #[must_use]
    pub fn attempt_id(&self) -> Uuid {
        self.random_id()
    }

    /// Returns random bits, from which the numbers of a waiting login are drawn.
    #[must_use]
    pub fn match_seed(&self) -> u128 {
        let mut seed = [0; 16];
        self.random.fill(&mut seed);
        u128::from_be_bytes(seed)
    }

    /// Returns an id for this node, which is new at each start.
    #[must_use]
    pub fn node_id(&self) -> Uuid {
        self.random_id()
    }

    /// Returns the id of a new commit.
    #[must_use]
    pub fn commit_id(&self) -> CommitId {
        CommitId::new(self.random_id())
    }

    /// Returns the key of a new session of `user`.
    #[must_use]
    pub fn session_key(&self, user: UserId) -> SessionKey {
        let mut random = [0; 8];
        self.random.fill(&mut random);
        SessionKey::of_user(user, u64::from_be_bytes(random))
    }

    /// Returns the id of a new user.
    #[must_use]
    pub fn user_id(&self) -> UserId {
        UserId::new(self.time_ordered_id())
    }

    /// Returns a random number, for the length of a pause.
    #[must_use]
    pub fn jitter(&self) -> u8 {
        let mut random = [0];
        self.random.fill(&mut random);
        random[0]
    }

    fn random_id(&self) -> Uuid {
        let mut bytes = [0; 16];
        self.random.fill(&mut bytes);
        Builder::from_random_bytes(bytes).into_uuid()
    }

    /// Returns a version 7 UUID (RFC 9562, section 5.7). Ids that are generated one after another
    /// are neighbors in an index.
    fn time_ordered_id(&self) -> Uuid {
        let mut random = [0; 10];
        self.random.fill(&mut random);
        let millis = u64::try_from(self.clock.now().as_millis()).unwrap_or(0);
        Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }
}
