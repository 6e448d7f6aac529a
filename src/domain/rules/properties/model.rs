//! The content of a store for one user, built by applying each transition.

use std::{num::NonZeroU32, time::Duration};

use proptest::test_runner::TestCaseResult;
use uuid::Uuid;

use super::{
    ActorChoice, Event, STEP_BACK, SessionChoice, Wait, checks,
    clock::Stopwatch,
    devices::{DeviceName, TestDevice},
    events,
};
use crate::domain::{
    Alert, AlertKind, AttemptId, Mobile, PasswordHash, Session, SessionKey, Stage, Status,
    Timestamp, TokenHash, UserId, UserState, Username,
    rules::{
        Actor, Context, DecideLogin, Login, LoginOutcome, NewIds, NewUser, OnConflict, Policy,
        SessionWrite, Transition, change_password, decide_login, expire, invalidate_session,
        log_in, register,
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
    attempts: Vec<Option<AttemptId>>,
    /// The sessions whose logins succeeded, at once or by approval. Only their tokens may ever be
    /// valid.
    pub admitted: Vec<SessionKey>,
    conflict_alerts: Vec<ConflictAlert>,
    /// Measures the limits independently of the clock.
    pub stopwatch: Stopwatch,
}

/// An alert that a conflicting login raised.
#[derive(Debug, Clone)]
struct ConflictAlert {
    device: Option<DeviceName>,
    on_conflict: OnConflict,
    at: Timestamp,
    /// The session that was alerted.
    session: SessionKey,
}

impl History {
    pub(super) fn start() -> Self {
        let now = Timestamp::from_millis(1_750_000_000_000);
        let user = NewUser {
            id: UserId::new(Uuid::from_u128(1)),
            mobile: Mobile::parse("+4915112345678").unwrap(),
            username: Username::parse("Ada").unwrap(),
            password: None,
        };
        let context = Context {
            now,
            policy: &POLICY,
        };
        let (transition, session) = register(user, TestDevice::Phone.device(), new_ids(1), context);
        assert_eq!((transition.next.version, transition.alerts.len()), (1, 0));
        let mut history = Self {
            now,
            state: transition.next.clone(),
            sessions: Vec::new(),
            alerts: Vec::new(),
            attempts: Vec::new(),
            admitted: vec![session.key],
            conflict_alerts: Vec::new(),
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

    /// Applies an event and checks its rules.
    pub(super) fn apply(&mut self, event: &Event) -> TestCaseResult {
        match event {
            Event::Login {
                device,
                on_conflict,
            } => self.log_in(*device, *on_conflict),
            Event::Decide {
                by,
                attempt,
                decision,
            } => self.decide_login(DecideLogin {
                actor: self.actor(by),
                attempt: self.attempt(attempt),
                decision: *decision,
            }),
            Event::Invalidate { by, session } => self.invalidate(self.actor(by), self.key(session)),
            Event::ChangePassword { by } => self.change_password(self.actor(by)),
            Event::Expire => self.expire(),
            Event::Request => {
                self.request();
                Ok(())
            }
            Event::SetBack => {
                self.now = self.now.minus(STEP_BACK);
                self.stopwatch.set_back();
                Ok(())
            }
        }
    }

    fn log_in(&mut self, device: TestDevice, on_conflict: OnConflict) -> TestCaseResult {
        let before = self.clone();
        let login = Login {
            device: device.device(),
            on_conflict,
        };
        let (transition, outcome) =
            log_in(&self.state, login, self.next_ids(), self.context()).expect("no bound");
        self.commit(&transition)?;
        self.record_conflict_alerts(device, on_conflict, &transition);
        if let LoginOutcome::LoggedIn(session) = &outcome {
            self.admitted.push(session.key);
        }
        events::logged_in(&before, (device, on_conflict), &outcome, self)
    }

    fn decide_login(&mut self, command: DecideLogin) -> TestCaseResult {
        let before = self.clone();
        let result = decide_login(&self.state, command, self.context());
        if let Ok((transition, session)) = &result {
            self.commit(transition)?;
            if session.status == Status::Active {
                self.admitted.push(session.key);
            }
        }
        events::decided(&before, command, result.map(drop), self)
    }

    fn invalidate(&mut self, actor: Actor, session: SessionKey) -> TestCaseResult {
        let before = self.clone();
        let result = invalidate_session(&self.state, actor, session, self.context());
        if let Ok(transition) = &result {
            self.commit(transition)?;
        }
        events::invalidated(&before, (actor, session), result.map(drop), self)
    }

    fn change_password(&mut self, actor: Actor) -> TestCaseResult {
        let before = self.clone();
        let hash = PasswordHash::new(format!("hash {}", self.state.version));
        let result = change_password(&self.state, actor, hash, self.context());
        if let Ok(transition) = &result {
            self.commit(transition)?;
        }
        events::password_changed(&before, actor, result.map(drop), self)
    }

    fn expire(&mut self) -> TestCaseResult {
        let before = self.clone();
        let transition = expire(&self.state, self.context());
        self.commit(&transition)?;
        events::only_these_changed(&before, self, &[])
    }

    fn actor(&self, by: &ActorChoice) -> Actor {
        Actor::Session(match by {
            ActorChoice::Service => return Actor::Service,
            ActorChoice::Active => self.key(&SessionChoice::Active),
            ActorChoice::Pending => self.key(&SessionChoice::Pending),
            ActorChoice::Any(index) => self.key(&SessionChoice::Any(*index)),
            ActorChoice::Unknown => self.key(&SessionChoice::Unknown),
        })
    }

    /// The key of the chosen session as recorded, even if its limit has passed. An unknown key if
    /// there is no such session.
    fn key(&self, choice: &SessionChoice) -> SessionKey {
        let found = match choice {
            SessionChoice::Active => self.state.active.as_ref(),
            SessionChoice::Pending => self.state.pending.as_ref(),
            SessionChoice::Any(index) => Some(index.get(&self.sessions)),
            SessionChoice::Unknown => None,
        };
        found.map_or(SessionKey::new(Uuid::nil()), |session| session.key)
    }

    fn attempt(&self, choice: &SessionChoice) -> AttemptId {
        let key = self.key(choice);
        let index = self.sessions.iter().position(|session| session.key == key);
        index
            .and_then(|index| self.attempts[index])
            .unwrap_or(AttemptId {
                user: self.state.owner.id,
                id: Uuid::nil(),
            })
    }

    /// A request with the active session's token. It updates the last-seen time and nothing else.
    fn request(&mut self) {
        let now = self.now;
        if let Some(active) = self
            .state
            .active
            .as_mut()
            .filter(|session| session.is_valid(now))
        {
            active.touch(now);
            let stored = self
                .sessions
                .iter_mut()
                .find(|session| session.key == active.key);
            let stored = stored.expect("an active session is stored");
            stored.touch(now);
            self.stopwatch.used(stored.key);
        }
    }

    fn commit(&mut self, transition: &Transition) -> TestCaseResult {
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
        self.state = transition.next.clone();
        self.stopwatch.committed(transition);
        // A command that finds a conflict in the future forgets it for good.
        self.conflict_alerts
            .retain(|alert| !alert.at.is_ahead_of(self.now));
    }

    fn record_conflict_alerts(
        &mut self,
        device: TestDevice,
        on_conflict: OnConflict,
        transition: &Transition,
    ) {
        for alert in &transition.alerts {
            if matches!(
                alert.kind,
                AlertKind::LoginRefused | AlertKind::LoginPending
            ) {
                self.conflict_alerts.push(ConflictAlert {
                    device: device.name(),
                    on_conflict,
                    at: self.now,
                    session: alert.session,
                });
            }
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
            device.name().is_some()
                && alert.device == device.name()
                && alert.on_conflict == on_conflict
                && alert.at <= self.now
                && self.now < alert.at.plus(POLICY.alert_cooldown)
                && alert.session == active.key
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
    }
}
