use std::fmt;

use sha2::{Digest, Sha256};

use super::{Device, Mobile, Session, SessionKey, Timestamp, UserId, Username, rules::OnConflict};

/// Whose a session is. Kept with each session, so that checking a token reads that session alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    pub id: UserId,
    pub mobile: Mobile,
    pub username: Username,
}

/// A password's hash as a PHC string. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    #[must_use]
    pub const fn new(phc: String) -> Self {
        Self(phc)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[password hash]")
    }
}

/// All of a user that the rules need: small, and of one size however long the user's history is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserState {
    pub owner: Owner,
    pub password: Option<PasswordHash>,
    pub created_at: Timestamp,
    /// Rises by one with each commit.
    pub version: u64,
    /// The session recorded as active; its limits may have passed.
    pub active: Option<Session>,
    /// The session recorded as waiting; its time may have passed.
    pub pending: Option<Session>,
    /// The sequence of the last alert, 0 where there is none.
    pub last_alert: u64,
    /// How many sessions have been opened: the number of the last one.
    pub sessions_opened: u64,
    /// The conflicts with the active session that raised an alert lately, oldest first, 16 at most.
    pub recent_conflicts: Vec<RecentConflict>,
}

/// Tells one device's repeated attempts of one kind from others, for as long as they raise one alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 16]);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecentConflict {
    pub device: Fingerprint,
    pub at: Timestamp,
}

impl UserState {
    /// The recorded session with this key, where it is the active or the pending one.
    #[must_use]
    pub fn current(&self, key: SessionKey) -> Option<&Session> {
        self.active
            .iter()
            .chain(&self.pending)
            .find(|session| session.key == key)
    }
}

impl Fingerprint {
    /// By the device's own name; without one, by its user agent and address.
    #[must_use]
    pub fn of(device: &Device, on_conflict: OnConflict) -> Self {
        let kind = on_conflict as u8;
        let hash = match &device.id {
            Some(id) => Sha256::new_with_prefix([kind, 0]).chain_update(id.as_str()),
            None => Sha256::new_with_prefix([kind, 1])
                .chain_update(device.address.to_string())
                .chain_update([0])
                .chain_update(device.user_agent.as_str()),
        };
        let mut short = [0; 16];
        short.copy_from_slice(&hash.finalize()[..16]);
        Self(short)
    }

    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}
