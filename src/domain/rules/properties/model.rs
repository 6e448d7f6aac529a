//! The content of a store for one user, built by applying each transition.

use std::{num::NonZeroU32, time::Duration};

use proptest::test_runner::TestCaseResult;
use uuid::Uuid;

use super::{
    Wait, checks,
    clock::Stopwatch,
    devices::{DeviceName, TestDevice},
};
use crate::domain::{
    Alert, AlertKind, AttemptId, DeviceId, Mobile, Session, SessionKey, Stage, Timestamp,
    TokenHash, UserId, UserState, Username,
    rules::{
        Actor, Context, NewIds, NewUser, OnConflict, Policy, SessionWrite, TakeOverLimit,
        Transition, register,
    },
};

/// Short durations, so that a history of a few steps crosses every limit.
pub(super) const POLICY: Policy = Policy {
    idle_timeout: Duration::from_mins(10),
    session_lifetime: Duration::from_mins(25),
    approval_timeout: Duration::from_mins(2),
    alert_cooldown: Duration::from_mins(1),
    // The bound has tests of its own.
    max_alerts_per_minute: NonZeroU32::MAX,
    match_numbers: true,
    take_over_limit: TakeOverLimit {
        count: NonZeroU32::new(3).unwrap(),
        window: Duration::from_mins(10),
    },
    max_self_freeze: Duration::from_hours(24),
};

/// The stored records of one user, and the current time.
#[derive(Debug, Clone)]
pub(super) struct History {
    pub now: Timestamp,
    pub state: UserState,
    /// Every session that was ever opened, in the order of their numbers.
    pub sessions: Vec<Session>,
    pub alerts: Vec<Alert>,
    /// The attempt id of each session in `sessions`, if the session was ever pending.
    pub attempts: Vec<Option<AttemptId>>,
    /// The sessions whose logins succeeded, at once or by approval. Only their tokens may ever be
    /// valid.
    pub admitted: Vec<SessionKey>,
    conflict_alerts: Vec<ConflictAlert>,
    /// The devices that had an active session.
    pub active_devices: Vec<DeviceId>,
    /// The device that had the active session before the fight began.
    pub incumbent: Option<DeviceId>,
    /// The session that the last counted take-over opened, or one that continues it. `None` after
    /// the end of the fight.
    pub taken: Option<SessionKey>,
    /// The time of that take-over.
    pub taken_at: Timestamp,
    /// Measures the limits independently of the clock.
    pub stopwatch: Stopwatch,
}

/// An alert that a conflicting login raised.
#[derive(Debug, Clone)]
struct ConflictAlert {
    device: DeviceName,
    on_conflict: OnConflict,
    at: Timestamp,
    /// The session that was alerted.
    session: Option<SessionKey>,
}

impl History {
    pub(super) fn start() -> Self {
        let now = Timestamp::from_millis(1_750_000_000_000);
        let context = Context {
            now,
            policy: &POLICY,
        };
        let (transition, session) =
            register(new_user(), TestDevice::Phone.device(), new_ids(1), context);
        assert_eq!((transition.next.version, transition.alerts.len()), (1, 0));
        let mut history = Self {
            now,
            state: transition.next.clone(),
            sessions: Vec::new(),
            alerts: Vec::new(),
            attempts: Vec::new(),
            admitted: vec![session.key],
            conflict_alerts: Vec::new(),
            active_devices: Vec::new(),
            incumbent: None,
            taken: None,
            taken_at: now,
            stopwatch: Stopwatch::default(),
        };
        history.write(&transition);
        history
    }

    pub(super) const fn context(&self) -> Context<'static> {
        Context {
            now: self.now,
            policy: &POLICY,
        }
    }

    pub(super) fn wait(&mut self, wait: Wait) {
        self.now = self.now.plus(wait.duration());
        self.stopwatch.wait(wait.duration());
    }

    pub(super) fn set_clock_back(&mut self, by: Duration) {
        self.now = self.now.minus(by);
        self.stopwatch.set_back();
    }

    pub(super) fn commit(&mut self, transition: &Transition) -> TestCaseResult {
        checks::transition(self, transition)?;
        self.write(transition);
        Ok(())
    }

    fn write(&mut self, transition: &Transition) {
        for session in transition.sessions.iter().map(SessionWrite::session) {
            if let Some(stored) = self
                .sessions
                .iter_mut()
                .find(|stored| stored.key == session.key)
            {
                *stored = session.clone();
            } else {
                self.attempts.push(session.attempt());
                self.sessions.push(session.clone());
            }
        }
        self.alerts.extend(transition.alerts.iter().cloned());
        let active = transition.next.active.as_ref();
        let device = active.and_then(|active| active.device.id.clone());
        self.active_devices.extend(device);
        self.state = transition.next.clone();
        self.stopwatch.committed(transition);
        if self.taken_at.is_ahead_of(self.now) {
            self.taken_at = self.now;
        }
        // A command that finds a conflict in the future removes it for good.
        self.conflict_alerts
            .retain(|alert| !alert.at.is_ahead_of(self.now));
    }

    /// Records the alerts about a conflicting login. Like the rules, it remembers the last alert of a
    /// conflict only, and forgets every alert whose cooldown has passed by now. If the clock is later
    /// set back into such a cooldown, the conflict raises an alert again. That is right: more time
    /// than the cooldown has passed since the forgotten alert.
    pub(super) fn record_conflict_alerts(&mut self, device: TestDevice, transition: &Transition) {
        let Some(device) = device.name() else { return };
        for alert in &transition.alerts {
            // A login that asks beyond a limit is refused as one that does not ask.
            let on_conflict = match alert.kind {
                AlertKind::LoginRefused => OnConflict::Reject,
                AlertKind::LoginPending => OnConflict::Ask,
                _ => continue,
            };
            let now = self.now;
            self.conflict_alerts.retain(|earlier| {
                (earlier.device, earlier.on_conflict) != (device, on_conflict)
                    && now < earlier.at.plus(POLICY.alert_cooldown)
            });
            self.conflict_alerts.push(ConflictAlert {
                device,
                on_conflict,
                at: now,
                session: alert.session,
            });
        }
    }

    /// The one session whose token is valid now.
    pub(super) fn active(&self) -> Option<&Session> {
        self.sessions
            .iter()
            .find(|session| session.stage(self.now) == Stage::Active)
    }

    /// The one session that is pending now.
    pub(super) fn pending(&self) -> Option<&Session> {
        self.sessions
            .iter()
            .find(|session| session.stage(self.now) == Stage::Pending)
            .filter(|_| self.active().is_some())
    }

    /// Whether this session waited although the active one, whose device could decide, had expired.
    /// The next command ends it.
    pub(super) fn loses_its_question(&self, now: Timestamp, key: SessionKey) -> bool {
        let (active, pending) = (self.state.active.as_ref(), self.state.pending.as_ref());
        let has_expired = active.is_some_and(|active| !active.is_valid(now));
        let waits = |session: &Session| session.key == key && session.stage(now) == Stage::Pending;
        has_expired && pending.is_some_and(waits)
    }

    pub(super) fn session(&self, key: SessionKey) -> Option<&Session> {
        self.sessions.iter().find(|session| session.key == key)
    }

    /// Whether the actor may act for the whole user now.
    pub(super) fn is_authorized(&self, actor: Actor) -> bool {
        match actor {
            Actor::Service => true,
            Actor::Session(key) => self.active().is_some_and(|session| session.key == key),
        }
    }

    /// Whether this device's attempts raised an alert about the active session within the cooldown.
    pub(super) fn was_alerted(&self, device: TestDevice, on_conflict: OnConflict) -> bool {
        let Some(active) = self.active() else {
            return false;
        };
        self.conflict_alerts.iter().any(|alert| {
            Some(alert.device) == device.name()
                && alert.on_conflict == on_conflict
                && alert.at <= self.now
                && self.now < alert.at.plus(POLICY.alert_cooldown)
                && alert.session == Some(active.key)
        })
    }

    /// The ids that the next login gets.
    pub(super) fn next_ids(&self) -> NewIds {
        new_ids(u128::from(self.state.version) + 1)
    }
}

pub(super) fn new_ids(number: u128) -> NewIds {
    let mut hash = [0; 32];
    hash[..16].copy_from_slice(&number.to_be_bytes());
    NewIds {
        session: SessionKey::new(Uuid::from_u128(1000 + number)),
        attempt: Uuid::from_u128(2000 + number),
        token_hash: TokenHash::from_bytes(hash),
        match_seed: number.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835),
    }
}

pub(super) fn new_user() -> NewUser {
    NewUser {
        id: UserId::new(Uuid::from_u128(1)),
        mobile: Mobile::parse("+4915112345678").unwrap(),
        username: Username::parse("Ada").unwrap(),
        password: None,
    }
}
