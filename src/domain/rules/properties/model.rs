//! What a store would hold of one user, kept by applying each transition.

use std::time::Duration;

use proptest::test_runner::TestCaseError;
use uuid::Uuid;

use super::{By, Event, On, Wait, Which, checks, events};
use crate::domain::{
    Alert, AttemptId, Device, DeviceId, Mobile, PasswordHash, Session, SessionKey, Stage, Status,
    Timestamp, TokenHash, UserAgent, UserId, UserState, Username,
    rules::{
        Actor, Command, NewIds, NewUser, OnConflict, Outcome, Policy, SessionWrite, Transition,
        decide, register,
    },
};

/// Short enough for a history of a few steps to cross every limit.
pub(super) const POLICY: Policy = Policy {
    idle_timeout: Duration::from_mins(10),
    session_lifetime: Duration::from_mins(25),
    approval_timeout: Duration::from_mins(2),
    quiet_for: Duration::from_mins(1),
};

#[derive(Debug, Clone)]
pub(super) struct History {
    pub now: Timestamp,
    pub state: UserState,
    /// Every session that was ever opened, in the order of their numbers.
    pub sessions: Vec<Session>,
    pub alerts: Vec<Alert>,
    /// The attempt that each session waited under, where it ever waited.
    attempts: Vec<Option<AttemptId>>,
    /// The sessions whose logins went through, at once or by approval: only their tokens may ever work.
    pub let_in: Vec<SessionKey>,
    /// The conflicts that raised an alert: which device, how, when, and which session was told.
    pub told: Vec<(DeviceName, OnConflict, Timestamp, SessionKey)>,
}

/// What makes two attempts one device's: its own name, or without one, how it looks.
pub(super) type DeviceName = (Option<&'static str>, Option<&'static str>);

impl History {
    pub(super) fn start() -> Self {
        let now = Timestamp::from_millis(1_750_000_000_000);
        let user = NewUser {
            id: UserId::new(Uuid::from_u128(1)),
            mobile: Mobile::parse("+4915112345678").unwrap(),
            username: Username::parse("Ada").unwrap(),
            password: None,
        };
        let transition = register(user, On::Phone.device(), now, new_ids(1), &POLICY);
        assert_eq!((transition.next.version, transition.alerts.len()), (1, 0));
        let mut history = Self {
            now,
            state: transition.next.clone(),
            sessions: Vec::new(),
            alerts: Vec::new(),
            attempts: Vec::new(),
            let_in: Vec::new(),
            told: Vec::new(),
        };
        history.apply(&transition);
        history
    }

    pub(super) fn wait(&mut self, wait: Wait) {
        self.now = self.now.plus(wait.duration());
    }

    pub(super) fn take(&mut self, event: &Event) -> Result<(), TestCaseError> {
        let Some(command) = self.command(event) else {
            self.request();
            return Ok(());
        };
        let answer = decide(&self.state, command.clone(), self.now, &POLICY);
        let mut after = self.clone();
        if let Ok(transition) = &answer {
            checks::transition(self, transition)?;
            after.apply(transition);
            if let Event::Login { on, on_conflict } = event {
                after.note_what_was_told(*on, *on_conflict, transition);
            }
        }
        events::check(self, event, &command, &answer, &after)?;
        *self = after;
        Ok(())
    }

    fn command(&self, event: &Event) -> Option<Command> {
        Some(match event {
            Event::Login { on, on_conflict } => Command::Login {
                device: on.device(),
                on_conflict: *on_conflict,
                new_ids: new_ids(self.sessions.len() as u128 + 1),
            },
            Event::Decide {
                by,
                attempt,
                decision,
            } => Command::Decide {
                actor: self.actor(by),
                attempt: self.attempt(attempt),
                decision: *decision,
            },
            Event::Invalidate { by, session } => Command::Invalidate {
                actor: self.actor(by),
                session: self.key(session),
            },
            Event::ChangePassword { by } => Command::ChangePassword {
                actor: self.actor(by),
                hash: PasswordHash::new(format!("hash {}", self.state.version)),
            },
            Event::Expire => Command::Expire,
            Event::Request => return None,
        })
    }

    fn actor(&self, by: &By) -> Actor {
        Actor::Session(match by {
            By::Service => return Actor::Service,
            By::Active => self.key(&Which::Active),
            By::Pending => self.key(&Which::Pending),
            By::Any(index) => self.key(&Which::Any(*index)),
            By::Nobody => self.key(&Which::Unknown),
        })
    }

    /// The recorded session, whether or not its time has passed; an unknown one where there is none.
    fn key(&self, which: &Which) -> SessionKey {
        let found = match which {
            Which::Active => self.state.active.as_ref(),
            Which::Pending => self.state.pending.as_ref(),
            Which::Any(index) => Some(index.get(&self.sessions)),
            Which::Unknown => None,
        };
        found.map_or(SessionKey::new(Uuid::nil()), |session| session.key)
    }

    fn attempt(&self, which: &Which) -> AttemptId {
        let key = self.key(which);
        let index = self.sessions.iter().position(|session| session.key == key);
        index
            .and_then(|index| self.attempts[index])
            .unwrap_or(AttemptId {
                user: self.state.owner.id,
                id: Uuid::nil(),
            })
    }

    /// A request with the active session's token: the store and the state learn of it, and nothing else changes.
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
            stored.expect("an active session is stored").touch(now);
        }
    }

    fn apply(&mut self, transition: &Transition) {
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
        match &transition.outcome {
            Outcome::LoggedIn(session) => self.let_in.push(session.key),
            Outcome::Decided(session) if session.status == Status::Active => {
                self.let_in.push(session.key);
            }
            _ => {}
        }
    }

    fn note_what_was_told(&mut self, on: On, on_conflict: OnConflict, transition: &Transition) {
        use crate::domain::AlertKind::{LoginPending, LoginRefused};
        for alert in &transition.alerts {
            if matches!(alert.kind, LoginRefused | LoginPending) {
                self.told
                    .push((on.name(), on_conflict, self.now, alert.session));
            }
        }
    }

    /// The one session whose token works now.
    pub(super) fn holder(&self) -> Option<&Session> {
        self.sessions
            .iter()
            .find(|session| session.stage(self.now) == Stage::Active)
    }

    /// The one session that waits now.
    pub(super) fn waiting(&self) -> Option<&Session> {
        self.sessions
            .iter()
            .find(|session| session.stage(self.now) == Stage::Pending)
    }

    pub(super) fn session(&self, key: SessionKey) -> Option<&Session> {
        self.sessions.iter().find(|session| session.key == key)
    }

    /// Whether the session that holds the place was told of this device's attempts within the quiet time.
    pub(super) fn was_told_lately(&self, on: On, on_conflict: OnConflict) -> bool {
        self.told.iter().any(|(device, how, at, holder)| {
            *device == on.name()
                && *how == on_conflict
                && self.now < at.plus(POLICY.quiet_for)
                && self.holder().is_some_and(|session| session.key == *holder)
        })
    }
}

/// Ids for the session that would be the `number`th.
pub(super) fn new_ids(number: u128) -> NewIds {
    let mut hash = [0; 32];
    hash[..16].copy_from_slice(&number.to_be_bytes());
    NewIds {
        session: SessionKey::new(Uuid::from_u128(1000 + number)),
        attempt: Uuid::from_u128(2000 + number),
        token_hash: TokenHash::from_bytes(hash),
    }
}

impl On {
    /// Its own name, its user agent and its address.
    const fn parts(self) -> (Option<&'static str>, &'static str, &'static str) {
        match self {
            Self::Phone => (Some("phone"), "App/1", "192.0.2.1"),
            Self::PhoneWithAnotherBrowser => (Some("phone"), "Firefox/128", "192.0.2.1"),
            Self::Laptop => (Some("laptop"), "Firefox/128", "192.0.2.2"),
            Self::Nameless => (None, "Firefox/128", "192.0.2.2"),
            Self::NamelessElsewhere => (None, "Firefox/128", "2001:db8::1"),
        }
    }

    pub(super) fn device(self) -> Device {
        let (id, user_agent, address) = self.parts();
        Device {
            id: id.map(|id| DeviceId::parse(id).unwrap()),
            user_agent: UserAgent::parse(user_agent).unwrap(),
            address: address.parse().unwrap(),
        }
    }

    const fn name(self) -> DeviceName {
        match self.parts() {
            (Some(id), ..) => (Some(id), None),
            // No two nameless devices here share an address.
            (None, _, address) => (None, Some(address)),
        }
    }
}

/// Whether the actor may act for the whole user now.
pub(super) fn is_in_charge(history: &History, actor: Actor) -> bool {
    match actor {
        Actor::Service => true,
        Actor::Session(key) => history.holder().is_some_and(|session| session.key == key),
    }
}
