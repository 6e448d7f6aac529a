use std::time::Duration;

use super::{AttemptId, Device, Owner, SessionKey, Timestamp, TokenHash};

/// One device's stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub key: SessionKey,
    /// Its place among its user's sessions: 1, 2, 3 and so on in the order they were opened.
    pub number: u64,
    pub owner: Owner,
    pub token_hash: TokenHash,
    pub device: Device,
    pub created_at: Timestamp,
    /// The last request made with the token, as far as it has been recorded.
    pub last_seen_at: Timestamp,
    /// How long the session lives without a request.
    pub idle_timeout: Duration,
    /// When the session ends however busy it is.
    pub lifetime_ends_at: Timestamp,
    pub status: Status,
}

/// Where a session stands, as recorded. Time may have overtaken it: see [`Session::stage`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Waits for the active session's device to answer `attempt`, until `until` at the latest.
    Pending {
        attempt: AttemptId,
        until: Timestamp,
    },
    Active,
    Ended(Ended),
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    pub at: Timestamp,
    pub reason: EndReason,
    /// The session that took this one's place, where `reason` is [`EndReason::Replaced`].
    pub replaced_by: Option<SessionKey>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndReason {
    Invalidated,
    Replaced,
    Expired,
    NotApproved,
    PasswordChanged,
}

/// Where a session stands at one instant, its limits applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Pending,
    Active,
    Ended(Ended),
}

impl Session {
    /// When the session ends by itself.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        match self.status {
            Status::Pending { until, .. } => until,
            Status::Active | Status::Ended(_) => self
                .last_seen_at
                .plus(self.idle_timeout)
                .min(self.lifetime_ends_at),
        }
    }

    /// Where the session stands at `now`. One whose limit has passed has ended at that limit,
    /// whether or not anything has recorded it.
    #[must_use]
    pub fn stage(&self, now: Timestamp) -> Stage {
        let limit = self.expires_at();
        let passed = |reason| {
            Stage::Ended(Ended {
                at: limit,
                reason,
                replaced_by: None,
            })
        };
        match self.status {
            Status::Ended(ended) => Stage::Ended(ended),
            Status::Pending { .. } if now >= limit => passed(EndReason::NotApproved),
            Status::Active if now >= limit => passed(EndReason::Expired),
            Status::Pending { .. } => Stage::Pending,
            Status::Active => Stage::Active,
        }
    }

    /// Whether the token opens the session at `now`.
    #[must_use]
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.stage(now) == Stage::Active
    }

    /// The attempt that the session waits under.
    #[must_use]
    pub const fn attempt(&self) -> Option<AttemptId> {
        match self.status {
            Status::Pending { attempt, .. } => Some(attempt),
            Status::Active | Status::Ended(_) => None,
        }
    }

    /// Moves the last request forward to `at`; never back.
    pub fn touch(&mut self, at: Timestamp) {
        self.last_seen_at = self.last_seen_at.max(at);
    }

    pub(super) fn ended(
        mut self,
        at: Timestamp,
        reason: EndReason,
        replaced_by: Option<SessionKey>,
    ) -> Self {
        self.status = Status::Ended(Ended {
            at,
            reason,
            replaced_by,
        });
        self
    }
}
