//! Sessions, their states and their limits.

use std::time::Duration;

use super::{AlertKind, AttemptId, Device, NumberMatch, Owner, SessionKey, Timestamp, TokenHash};

/// A user's session on one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The session's public id.
    pub key: SessionKey,
    /// The session's number among its user's sessions: 1, 2, 3 and so on in the order of their
    /// creation.
    pub number: u64,
    /// The user who owns the session.
    pub owner: Owner,
    /// The hash of the token that opens the session.
    pub token_hash: TokenHash,
    /// The device that logged in.
    pub device: Device,
    /// The time of the login.
    pub created_at: Timestamp,
    /// The time of the last recorded request with the token.
    pub last_seen_at: Timestamp,
    /// How long the session stays valid without a request.
    pub idle_timeout: Duration,
    /// The time when the session ends even if it is in use.
    pub lifetime_ends_at: Timestamp,
    /// The recorded state.
    pub status: Status,
}

/// The recorded state of a session. A limit may have passed since it was recorded: see
/// [`Session::stage`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// The session waits for a decision by the active session's device or by the service.
    Pending {
        /// The id of the login attempt to decide on.
        attempt: AttemptId,
        /// The time when the session ends if it has not been approved before.
        until: Timestamp,
        /// The number that the waiting device shows. `None` if number matching was off at the login.
        matching: Option<NumberMatch>,
    },
    /// The token opens the session.
    Active,
    /// The session has ended. It never changes again.
    Ended(Ended),
}

/// The end of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// The time of the end.
    pub at: Timestamp,
    /// The reason for the end.
    pub reason: EndReason,
    /// The session that replaced this one, if `reason` is [`EndReason::Replaced`].
    pub replaced_by: Option<SessionKey>,
}

/// The reason why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// It was logged out. `None` if an earlier version recorded the end, without who ended it.
    Invalidated(Option<EndedBy>),
    /// A new login replaced it.
    Replaced,
    /// Its idle timeout or its lifetime passed.
    Expired,
    /// It was pending, and was denied, not approved in time, or superseded by another login, or the
    /// session that could have approved it ended.
    NotApproved,
    /// The user's password changed.
    PasswordChanged,
    /// The user was frozen.
    Frozen,
}

impl EndReason {
    /// The name of the reason in the API and in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invalidated(_) => "INVALIDATED",
            Self::Replaced => "REPLACED",
            Self::Expired => "EXPIRED",
            Self::NotApproved => "NOT_APPROVED",
            Self::PasswordChanged => "PASSWORD_CHANGED",
            Self::Frozen => "FROZEN",
        }
    }

    /// Who logged the session out; `None` for other reasons, and if it is not known.
    #[must_use]
    pub const fn ended_by(self) -> Option<EndedBy> {
        match self {
            Self::Invalidated(by) => by,
            _ => None,
        }
    }
}

/// Who logged a session out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndedBy {
    /// The session's own device.
    Itself,
    /// The device of the user's active session, which is another one.
    OtherDevice,
    /// The service.
    Service,
}

impl EndedBy {
    /// The name in the API and in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Itself => "ITSELF",
            Self::OtherDevice => "OTHER_DEVICE",
            Self::Service => "SERVICE",
        }
    }
}

/// The state of a session at one instant, with its limits applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The session waits for approval.
    Pending,
    /// The token opens the session.
    Active,
    /// The session has ended.
    Ended(Ended),
}

impl Ended {
    /// Creates an end without a session that replaces this one.
    pub(super) const fn new(at: Timestamp, reason: EndReason) -> Self {
        Self {
            at,
            reason,
            replaced_by: None,
        }
    }
}

impl EndReason {
    /// The kind of the alert that reports this end. The inverse of [`AlertKind::end_reason`].
    #[must_use]
    pub const fn alert_kind(self) -> AlertKind {
        match self {
            Self::Invalidated(by) => AlertKind::SessionInvalidated(by),
            Self::Replaced => AlertKind::SessionReplaced,
            Self::Expired => AlertKind::SessionExpired,
            Self::NotApproved => AlertKind::LoginNotApproved,
            Self::PasswordChanged => AlertKind::PasswordChanged,
            Self::Frozen => AlertKind::AccountFrozen,
        }
    }
}

/// The time when the limit of an active session passes: see [`Session::expires_at`].
pub(crate) fn active_limit(
    last_seen_at: Timestamp,
    idle_timeout: Duration,
    lifetime_ends_at: Timestamp,
) -> Timestamp {
    last_seen_at.plus(idle_timeout).min(lifetime_ends_at)
}

impl Session {
    /// The time when the session's limit passes. A pending session has its approval timeout as the
    /// limit. An active session has its idle timeout or the end of its lifetime, whichever comes
    /// first. For an ended session the value has no meaning.
    ///
    /// This is the definition of expiry. A store that indexes it must compute the same value.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        match self.status {
            Status::Pending { until, .. } => until,
            Status::Active | Status::Ended(_) => {
                active_limit(self.last_seen_at, self.idle_timeout, self.lifetime_ends_at)
            }
        }
    }

    /// The state of the session at `now`. A session whose limit has passed ended at that limit,
    /// even if no store has recorded the end.
    #[must_use]
    pub fn stage(&self, now: Timestamp) -> Stage {
        let limit = self.expires_at();
        match self.status {
            Status::Ended(ended) => Stage::Ended(ended),
            Status::Pending { .. } if now >= limit => {
                Stage::Ended(Ended::new(limit, EndReason::NotApproved))
            }
            Status::Active if now >= limit => Stage::Ended(Ended::new(limit, EndReason::Expired)),
            Status::Pending { .. } => Stage::Pending,
            Status::Active => Stage::Active,
        }
    }

    /// Whether the token opens the session at `now`.
    #[must_use]
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.stage(now) == Stage::Active
    }

    /// The id of the login attempt, if the session is recorded as pending.
    #[must_use]
    pub const fn attempt(&self) -> Option<AttemptId> {
        match self.status {
            Status::Pending { attempt, .. } => Some(attempt),
            Status::Active | Status::Ended(_) => None,
        }
    }

    /// The number that the waiting device shows, if the session is recorded as pending.
    #[must_use]
    pub const fn matching(&self) -> Option<NumberMatch> {
        match self.status {
            Status::Pending { matching, .. } => matching,
            Status::Active | Status::Ended(_) => None,
        }
    }

    /// Moves `last_seen_at` forward to `at`, and never back.
    pub fn touch(&mut self, at: Timestamp) {
        self.last_seen_at = self.last_seen_at.max(at);
    }

    /// Adapts an open session to a clock that was set back to `now`. If the session was created or
    /// last seen in the future, that instant becomes `now`, and no limit ends later than its whole
    /// duration after `now`. Returns whether the session was changed. Idempotent.
    pub fn set_back(&mut self, now: Timestamp) -> bool {
        // A session is never created after it was last seen.
        if !self.last_seen_at.is_ahead_of(now) {
            return false;
        }
        let created_at = self.created_at;
        let latest_end = |end: Timestamp| end.min(now.plus(end.since(created_at)));
        self.lifetime_ends_at = latest_end(self.lifetime_ends_at);
        if let Status::Pending { until, .. } = &mut self.status {
            *until = latest_end(*until);
        }
        self.created_at = created_at.min(now);
        self.last_seen_at = now;
        true
    }
}
