//! The two things that cannot be computed: what time it is, and what nobody can guess.
//! Nothing else in the crate asks the system for either, so a test can hold both still.

use std::fmt;

use chrono::Utc;
use uuid::{Builder, Uuid};

use crate::domain::{CommitId, SessionKey, Timestamp, UserId};

/// Where time and randomness come from.
pub trait Ambient: fmt::Debug + Send + Sync + 'static {
    fn now(&self) -> Timestamp;

    /// Fills `bytes` from a source fit for secrets.
    fn fill(&self, bytes: &mut [u8]);
}

/// The system's clock and its random source.
#[derive(Debug, Clone, Copy, Default)]
pub struct System;

impl Ambient for System {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    fn now(&self) -> Timestamp {
        Utc::now().into()
    }

    #[expect(
        clippy::expect_used,
        reason = "without a random source no secret can be made, and nothing may go on"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the system has a random source");
    }
}

/// Ids made of an [`Ambient`].
impl dyn Ambient {
    pub fn secret(&self) -> [u8; 32] {
        let mut secret = [0; 32];
        self.fill(&mut secret);
        secret
    }

    pub fn random_id(&self) -> Uuid {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        Builder::from_random_bytes(bytes).into_uuid()
    }

    pub fn commit_id(&self) -> CommitId {
        CommitId::new(self.random_id())
    }

    pub fn session_key(&self) -> SessionKey {
        SessionKey::new(self.ordered_id())
    }

    pub fn user_id(&self) -> UserId {
        UserId::new(self.ordered_id())
    }

    /// A version 7 UUID (RFC 9562): ids made one after the other lie side by side in an index.
    fn ordered_id(&self) -> Uuid {
        let mut random = [0; 10];
        self.fill(&mut random);
        let millis = u64::try_from(self.now().as_millis()).unwrap_or(0);
        Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }
}
