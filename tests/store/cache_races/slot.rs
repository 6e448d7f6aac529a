//! What the writer of a number has asked for, and what was answered.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use parking_lot::Mutex;
use sessiond::domain::{Mobile, SessionKey, Timestamp, TokenHash, UserId};
use sessiond_test_support::fixtures::StoredUser;
use uuid::Uuid;

/// A position in the history of one number: how often its owner has changed, and the version of the
/// owner. 0 means that nobody owns the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) owner: u32,
    pub(super) version: u64,
}

impl Position {
    const fn encode(self) -> u64 {
        (self.owner as u64) << 32 | self.version
    }

    fn decode(encoded: u64) -> Self {
        Self {
            owner: u32::try_from(encoded >> 32).unwrap(),
            version: encoded & 0xffff_ffff,
        }
    }
}

/// What was answered last.
#[derive(Debug, Clone)]
pub(super) struct Answered {
    pub(super) position: Position,
    /// The active session: its key, its token, and the time of the last touch.
    pub(super) active: Option<(SessionKey, TokenHash, Timestamp)>,
    /// The token of a session that has ended.
    pub(super) ended: Option<TokenHash>,
    pub(super) last_alert: u64,
    pub(super) sessions_opened: u64,
}

/// One number, its owner, and what is known of it.
pub(super) struct Slot {
    pub(super) number: u32,
    pub(super) mobile: Mobile,
    /// The position that the last command leads to, set before it is sent.
    begun: AtomicU64,
    pub(super) answered: Mutex<Answered>,
}

impl Slot {
    pub(super) fn new(number: u32) -> Self {
        Self {
            number,
            mobile: Mobile::parse(&format!("+49151{number:07}")).unwrap(),
            begun: AtomicU64::new(0),
            answered: Mutex::new(Answered {
                position: Position {
                    owner: 0,
                    version: 0,
                },
                active: None,
                ended: None,
                last_alert: 0,
                sessions_opened: 0,
            }),
        }
    }

    pub(super) fn id(&self, owner: u32) -> UserId {
        UserId::new(Uuid::from_u128(
            u128::from(self.number + 1) << 64 | u128::from(owner),
        ))
    }

    pub(super) fn owner(&self, id: UserId) -> u32 {
        let first = self.id(0).as_uuid().as_u128();
        u32::try_from(id.as_uuid().as_u128() - first).unwrap()
    }

    pub(super) fn begin(&self, position: Position) {
        self.begun.store(position.encode(), SeqCst);
    }

    pub(super) fn begun(&self) -> Position {
        Position::decode(self.begun.load(SeqCst))
    }

    pub(super) fn answer(&self, user: &StoredUser, owner: u32) {
        let mut answered = self.answered.lock();
        let active = user.state.active.as_ref();
        let active = active.map(|session| (session.key, session.token_hash, session.last_seen_at));
        if let Some((key, token, _)) = answered.active
            && active.is_none_or(|(now, ..)| now != key)
        {
            answered.ended = Some(token);
        }
        answered.active = active;
        answered.position = Position {
            owner,
            version: user.state.version,
        };
        answered.last_alert = user.state.last_alert;
        answered.sessions_opened = user.state.sessions_opened;
    }
}
