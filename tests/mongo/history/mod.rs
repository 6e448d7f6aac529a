//! Histories of one user, decided by the rules on the state of the SQLite store.

mod reading;

use std::{fmt, sync::Arc, time::Duration};

use sessiond::{
    domain::{
        Device, Mobile, Session, Timestamp, UserId, UserState,
        rules::{
            Actor, Context, DecideLogin, Decision, Login, OnConflict, Transition, decide_login,
            expire, invalidate_session, log_in,
        },
    },
    store::{Commit, CommitError, Purged, Store, StoreError},
};
use sessiond_test_support::fixtures::{
    POLICY, START, active, commit, device, new_ids, registration_of, unique_id, unique_mobile,
};

pub use self::reading::Reading;

/// One step of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Registers a new user with the number.
    Register,
    TakeOver,
    Refuse,
    Ask,
    Approve,
    Deny,
    Logout,
    Expire,
    /// Archives the tails that are older than a minute, and finishes deletions.
    Maintain,
    /// Deletes all ended sessions and all alerts.
    Purge,
    Delete,
}

/// What a step sends to a store.
#[derive(Clone)]
pub enum Command {
    Commit(Box<Commit>),
    Maintain(Timestamp),
    Purge(Timestamp),
    Delete(UserId),
}

/// The result of a command that may be repeated after its response was lost.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// The store does not know whether the command was applied.
    Unknown,
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Commit(commit) => {
                let kinds: Vec<_> = commit.alerts.iter().map(|alert| alert.kind).collect();
                write!(
                    f,
                    "the commit on version {} with {kinds:?}",
                    commit.expected_version
                )
            }
            Self::Maintain(_) => f.write_str("the maintenance"),
            Self::Purge(_) => f.write_str("the purge"),
            Self::Delete(_) => f.write_str("the deletion"),
        }
    }
}

impl Command {
    /// Executes the command. Panics if the store rejects it.
    pub async fn execute(&self, store: &dyn Store) -> Outcome {
        const LIMIT: usize = 100;
        let result = match self {
            Self::Commit(commit) => match store.commit(Commit::clone(commit)).await {
                Ok(()) => Ok(()),
                Err(CommitError::Store(error)) => Err(error),
                Err(error) => panic!("{error:?}: {self:?}"),
            },
            Self::Maintain(now) => store.maintain(*now, LIMIT).await,
            Self::Purge(before) => store.purge(*before, LIMIT).await.map(|_: Purged| ()),
            Self::Delete(user) => store.delete_user(*user).await.map(|_: bool| ()),
        };
        match result {
            Ok(()) => Outcome::Done,
            Err(StoreError::Unavailable(_)) => Outcome::Unknown,
            Err(error) => panic!("{error:?}: {self:?}"),
        }
    }
}

/// A user with a history, and the SQLite store that holds it.
pub struct History {
    pub sqlite: Arc<dyn Store>,
    mobile: Mobile,
    now: Timestamp,
    /// The last user with the number.
    user: Option<UserState>,
    devices: u8,
    /// All sessions that were opened, of deleted users too.
    opened: Vec<Session>,
    /// All users that had the number.
    users: Vec<UserId>,
}

impl History {
    pub fn new(sqlite: Arc<dyn Store>) -> Self {
        Self {
            sqlite,
            mobile: unique_mobile(),
            now: START,
            user: None,
            devices: 0,
            opened: Vec::new(),
            users: Vec::new(),
        }
    }

    /// The number of the user.
    pub const fn mobile(&self) -> &Mobile {
        &self.mobile
    }

    /// The steps that the present state allows.
    pub fn possible_steps(&self) -> Vec<Step> {
        let Some(user) = &self.user else {
            return vec![Step::Register, Step::Maintain];
        };
        let mut steps = vec![Step::TakeOver, Step::Maintain, Step::Delete];
        // The next step happens a second later.
        let next = self.now.plus(Duration::from_secs(1));
        let is_valid = |session: &Option<Session>| {
            let session = session.as_ref();
            session.is_some_and(|session| session.expires_at() > next)
        };
        if is_valid(&user.active) {
            steps.extend([Step::Refuse, Step::Ask, Step::Logout, Step::Expire]);
        }
        if is_valid(&user.pending) {
            steps.extend([Step::Approve, Step::Deny]);
        }
        steps
    }

    /// Decides what a step does. The user does not change before [`History::apply`], but the new
    /// ids are among those that [`History::read`] reads.
    pub fn decide(&mut self, step: Step) -> Command {
        let command = self.command(step);
        if let Command::Commit(commit) = &command {
            let writes = commit.sessions.iter().map(|write| write.session().clone());
            self.opened.extend(writes);
            self.users.push(commit.user.owner.id);
            self.users.dedup();
        }
        command
    }

    fn command(&mut self, step: Step) -> Command {
        // Alerts of one device are not folded if enough time passes.
        self.now = self.now.plus(Duration::from_secs(1));
        match step {
            Step::Register => {
                let id = UserId::new(unique_id());
                let commit = registration_of(id, self.mobile.clone(), self.now);
                return Command::Commit(Box::new(commit));
            }
            Step::Maintain => {
                self.now = self.now.plus(Duration::from_mins(2));
                return Command::Maintain(self.now);
            }
            Step::Purge => return Command::Purge(self.now.plus(Duration::from_secs(1))),
            Step::Delete => return Command::Delete(self.state().owner.id),
            Step::Expire => self.now = self.now.plus(POLICY.idle_timeout),
            _ => {}
        }
        self.devices = self.devices.wrapping_add(1);
        let context = Context {
            now: self.now,
            policy: &POLICY,
        };
        let (state, device) = (self.state(), device(self.devices));
        let transition = match step {
            Step::TakeOver => login(state, device, OnConflict::TakeOver, context),
            Step::Refuse => login(state, device, OnConflict::Reject, context),
            Step::Ask => login(state, device, OnConflict::Ask, context),
            Step::Approve => decide_pending(state, Decision::Approve, context),
            Step::Deny => decide_pending(state, Decision::Deny, context),
            Step::Logout => {
                let key = active(state).key;
                invalidate_session(state, Actor::Service, key, context).unwrap()
            }
            _ => expire(state, context),
        };
        Command::Commit(Box::new(commit(&transition, state.version)))
    }

    fn state(&self) -> &UserState {
        self.user.as_ref().expect("the user exists")
    }

    /// Executes the command on the SQLite store.
    pub async fn apply(&mut self, command: &Command) {
        assert_eq!(command.execute(&*self.sqlite).await, Outcome::Done);
        match command {
            Command::Commit(commit) => self.user = Some(commit.user.clone()),
            Command::Delete(_) => self.user = None,
            Command::Maintain(_) | Command::Purge(_) => {}
        }
    }

    /// Everything that a store returns about the users of the number.
    pub async fn read(&self, store: &dyn Store) -> Vec<Reading> {
        let mut readings = Vec::new();
        let by_number = store.user_by_mobile(&self.mobile).await.unwrap();
        for user in &self.users {
            readings.push(Reading::of(store, *user, &self.opened).await);
        }
        readings.push(Reading::of_owner(by_number));
        readings
    }
}

fn login(
    state: &UserState,
    device: Device,
    on_conflict: OnConflict,
    context: Context<'_>,
) -> Transition {
    let login = Login {
        device,
        on_conflict,
        by_service: true,
        is_new_place: None,
        is_elsewhere: false,
    };
    let ids = new_ids(state.owner.id);
    log_in(state, login, ids, context)
        .expect("the policy has no bound on alerts")
        .0
}

fn decide_pending(state: &UserState, decision: Decision, context: Context<'_>) -> Transition {
    let attempt = state.pending.as_ref().and_then(Session::attempt);
    let command = DecideLogin {
        actor: Actor::Service,
        attempt: attempt.expect("a login is pending"),
        decision,
        number: None,
    };
    decide_login(state, command, context)
        .expect("the login is pending")
        .0
}
