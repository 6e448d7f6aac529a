//! One session in the cache, in a form that takes less memory than a [`Session`].

use std::time::Duration;

use super::user_agents::UserAgents;
use crate::{
    domain::{
        Device, Mobile, Owner, Session, SessionKey, Status, Timestamp, TokenHash, Username,
        rules::SessionWrite,
    },
    store::KnownSession,
};

/// The size of the two counters before the value of an `Arc`, in bytes.
pub(super) const ARC_HEADER: usize = 16;

/// A session without its owner, which is that of the user, and without its status, which follows
/// from its place.
#[derive(Debug, Clone)]
pub(super) struct CachedSession {
    pub key: SessionKey,
    number: u64,
    pub token_hash: TokenHash,
    device: Device,
    created_at: Timestamp,
    pub last_seen_at: Timestamp,
    /// In milliseconds, as in the file.
    idle_timeout: u64,
    lifetime_ends_at: Timestamp,
}

impl CachedSession {
    /// `None` if the session belongs to another owner.
    pub(super) fn new(session: &Session, owner: &Owner) -> Option<Self> {
        let mut device = session.device.clone();
        device.address = device.address.to_canonical();
        (session.owner == *owner).then_some(Self {
            key: session.key,
            number: session.number,
            token_hash: session.token_hash,
            device,
            created_at: session.created_at,
            last_seen_at: session.last_seen_at,
            idle_timeout: millis(session.idle_timeout),
            lifetime_ends_at: session.lifetime_ends_at,
        })
    }

    pub(super) fn active(&self, owner: &Owner) -> Session {
        self.with(owner, Status::Active)
    }

    pub(super) fn with(&self, owner: &Owner, status: Status) -> Session {
        Session {
            key: self.key,
            number: self.number,
            owner: owner.clone(),
            token_hash: self.token_hash,
            device: self.device.clone(),
            created_at: self.created_at,
            last_seen_at: self.last_seen_at,
            idle_timeout: Duration::from_millis(self.idle_timeout),
            lifetime_ends_at: self.lifetime_ends_at,
            status,
        }
    }

    /// The session as an active one of the user with these texts.
    pub(super) fn known<'a>(&self, mobile: &'a Mobile, username: &'a Username) -> KnownSession<'a> {
        KnownSession {
            key: self.key,
            mobile,
            username,
            last_seen_at: self.last_seen_at,
            idle_timeout: Duration::from_millis(self.idle_timeout),
            lifetime_ends_at: self.lifetime_ends_at,
        }
    }

    /// Lets this session share its user agent with other users.
    pub(super) fn share_user_agent(&mut self, user_agents: &UserAgents) {
        user_agents.share(&mut self.device.user_agent);
    }

    /// Lets this session share the texts of `other` that are the same.
    pub(super) fn share_texts(&mut self, other: &Self) {
        if self.device.id == other.device.id {
            self.device.id.clone_from(&other.device.id);
        }
        if self.device.user_agent == other.device.user_agent {
            self.device.user_agent = other.device.user_agent.clone();
        }
    }

    /// The memory of the texts that this session shares with no other user, and not with `other`
    /// after [`Self::share_texts`], in bytes.
    pub(super) fn texts_weight(&self, user_agents: &UserAgents, other: Option<&Self>) -> usize {
        let Device { id, user_agent, .. } = &self.device;
        let own_id = id
            .as_ref()
            .filter(|id| other.is_none_or(|other| other.device.id.as_ref() != Some(id)));
        let is_shared = other.is_some_and(|other| other.device.user_agent == *user_agent)
            || user_agents.has(user_agent);
        let user_agent = if is_shared {
            0
        } else {
            text_weight(user_agent.as_str())
        };
        user_agent + own_id.map_or(0, |id| ARC_HEADER + id.as_bytes().len())
    }
}

/// Returns a session as the file has it after these writes, which the statements in `write.rs`
/// make. `stored` is the session before them, if it was cached. `None` if they do not say what the
/// session was before.
pub(super) fn stored_session(
    stored: Option<Session>,
    key: SessionKey,
    writes: &[SessionWrite],
) -> Option<Session> {
    let mut session = stored;
    for write in writes.iter().filter(|write| write.session().key == key) {
        let new = write.session();
        let mut updated = match write {
            SessionWrite::Open(opened) => opened.clone(),
            _ => session?,
        };
        updated.status = new.status.clone();
        match write {
            SessionWrite::Open(_) => {}
            SessionWrite::Change(_) | SessionWrite::ExpireIdle(_) => {
                updated.touch(new.last_seen_at);
            }
            SessionWrite::Renew(_) | SessionWrite::SetBack(_) => {
                updated.created_at = new.created_at;
                updated.last_seen_at = new.last_seen_at;
                updated.lifetime_ends_at = new.lifetime_ends_at;
            }
        }
        if let SessionWrite::Renew(_) = write {
            updated.token_hash = new.token_hash;
            updated.device.user_agent = new.device.user_agent.clone();
            updated.device.address = new.device.address;
        }
        session = Some(updated);
    }
    session
}

/// The file has durations in milliseconds.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The memory of a text, in bytes. The allocator rounds it up to 16 bytes.
pub(super) fn text_weight(text: &str) -> usize {
    (ARC_HEADER + text.len()).next_multiple_of(16)
}
