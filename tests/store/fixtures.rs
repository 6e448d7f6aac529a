//! Users to put into a store, made by the rules as the service makes them. The clock stands still until it is
//! moved, and every id is counted.

use std::{net::Ipv6Addr, sync::Arc, time::Duration};

use sessiond::{
    domain::{
        CommitId, Device, DeviceId, Mobile, SessionKey, Timestamp, TokenHash, UserAgent, UserId,
        UserState, Username,
        rules::{
            Actor, Command, Decision, NewIds, NewUser, OnConflict, Outcome, Policy, Transition,
            decide, register,
        },
    },
    store::{Commit, CommitError, Store, StoreError},
};
use uuid::Uuid;

pub const POLICY: Policy = Policy {
    idle_timeout: Duration::from_mins(30),
    session_lifetime: Duration::from_hours(24),
    approval_timeout: Duration::from_mins(2),
    quiet_for: Duration::from_mins(1),
};

/// When every user's clock starts.
pub const START: Timestamp = Timestamp::from_millis(1_750_000_000_000);

/// Waits for what should happen at once; a test that would wait for ever fails instead.
pub async fn soon<F: Future>(event: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), event)
        .await
        .expect("it happens within 20 seconds")
}

/// Commits, and again while the store is too busy to say what became of it: the same commit is applied once.
pub async fn decided(store: &dyn Store, commit: Commit) -> Result<(), CommitError> {
    let decided = async {
        loop {
            match store.commit(commit.clone()).await {
                Err(CommitError::Store(StoreError::Unavailable(_))) => {}
                outcome => break outcome,
            }
        }
    };
    tokio::time::timeout(Duration::from_mins(3), decided)
        .await
        .expect("it is decided")
}

/// One user in one store, with the state that it last knew.
pub struct Person {
    pub store: Arc<dyn Store>,
    pub state: UserState,
    pub now: Timestamp,
    /// Ids given out so far; other users' start elsewhere.
    ids: u128,
}

impl Person {
    /// The `number`th user, with a first session that is active.
    pub async fn registered(store: &Arc<dyn Store>, number: u32) -> Self {
        Self::registered_at(store, number, START).await
    }

    pub async fn registered_at(store: &Arc<dyn Store>, number: u32, now: Timestamp) -> Self {
        let (person, commit) = Self::about_to_register(store, number, now);
        person
            .store
            .commit(commit)
            .await
            .expect("the number is free");
        person
    }

    /// A user who is not in the store yet, and the commit that puts it there.
    pub fn about_to_register(
        store: &Arc<dyn Store>,
        number: u32,
        now: Timestamp,
    ) -> (Self, Commit) {
        let mut ids = u128::from(number + 1) << 64;
        let user = NewUser {
            id: UserId::new(next(&mut ids)),
            mobile: Mobile::parse(&format!("+49151{number:07}")).unwrap(),
            username: Username::parse("Ada").unwrap(),
            password: None,
        };
        let new_ids = new_ids(&mut ids);
        let transition = register(user, device(0), now, new_ids, &POLICY);
        let commit = commit(&mut ids, &transition, 0);
        (
            Self {
                store: Arc::clone(store),
                state: transition.next,
                now,
                ids,
            },
            commit,
        )
    }

    pub fn id(&self) -> UserId {
        self.state.owner.id
    }

    pub fn wait(&mut self, duration: Duration) {
        self.now = self.now.plus(duration);
    }

    pub fn active(&self) -> SessionKey {
        self.state.active.as_ref().expect("a session is active").key
    }

    pub fn pending(&self) -> SessionKey {
        self.state
            .pending
            .as_ref()
            .expect("a session is pending")
            .key
    }

    pub fn login(&mut self, device: Device, on_conflict: OnConflict) -> Command {
        Command::Login {
            device,
            on_conflict,
            new_ids: new_ids(&mut self.ids),
        }
    }

    /// Decides, and leaves it to the test to commit.
    pub fn decide(&mut self, command: Command) -> (Commit, Transition) {
        let transition =
            decide(&self.state, command, self.now, &POLICY).expect("the rules allow it");
        assert!(
            transition.changes(&self.state),
            "there is something to commit"
        );
        (
            commit(&mut self.ids, &transition, self.state.version),
            transition,
        )
    }

    /// Decides and commits.
    pub async fn take(&mut self, command: Command) -> Transition {
        self.try_take(command)
            .await
            .expect("nobody else changes this user")
    }

    pub async fn try_take(&mut self, command: Command) -> Result<Transition, CommitError> {
        let (commit, transition) = self.decide(command);
        self.store.commit(commit).await?;
        self.state = transition.next.clone();
        Ok(transition)
    }

    /// A login that goes through on the `number`th device; the new session's key.
    pub async fn take_over(&mut self, number: u8) -> SessionKey {
        let login = self.login(device(number), OnConflict::TakeOver);
        let Outcome::LoggedIn(session) = self.take(login).await.outcome else {
            panic!("it goes through")
        };
        session.key
    }

    /// A login that waits on the `number`th device; the new session's key.
    pub async fn ask(&mut self, number: u8) -> SessionKey {
        let login = self.login(device(number), OnConflict::Ask);
        let Outcome::AwaitingApproval(session) = self.take(login).await.outcome else {
            panic!("it waits")
        };
        session.key
    }

    /// A login that is refused, and raises the one alert that this makes.
    pub async fn refuse(&mut self, number: u8) {
        let login = self.login(device(number), OnConflict::Reject);
        let transition = self.take(login).await;
        assert_eq!(
            (transition.outcome, transition.alerts.len()),
            (Outcome::LoginRefused, 1)
        );
    }

    pub async fn answer(&mut self, decision: Decision) {
        let attempt = self
            .state
            .pending
            .as_ref()
            .and_then(sessiond::domain::Session::attempt);
        let attempt = attempt.expect("a login waits");
        self.take(Command::Decide {
            actor: Actor::Service,
            attempt,
            decision,
        })
        .await;
    }

    pub async fn invalidate(&mut self, session: SessionKey) {
        self.take(Command::Invalidate {
            actor: Actor::Service,
            session,
        })
        .await;
    }

    pub fn commit_id(&mut self) -> CommitId {
        CommitId::new(next(&mut self.ids))
    }
}

/// The `number`th of a user's devices, which no other looks like.
pub fn device(number: u8) -> Device {
    Device {
        id: Some(DeviceId::parse(&format!("device {number}")).unwrap()),
        user_agent: UserAgent::parse(
            "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        )
        .unwrap(),
        address: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number.into()).into(),
    }
}

fn next(ids: &mut u128) -> Uuid {
    *ids += 1;
    Uuid::from_u128(*ids)
}

fn new_ids(ids: &mut u128) -> NewIds {
    let mut hash = [7; 32];
    hash[..16].copy_from_slice(next(ids).as_bytes());
    NewIds {
        session: SessionKey::new(next(ids)),
        attempt: next(ids),
        token_hash: TokenHash::from_bytes(hash),
    }
}

fn commit(ids: &mut u128, transition: &Transition, expected_version: u64) -> Commit {
    Commit {
        id: CommitId::new(next(ids)),
        expected_version,
        user: transition.next.clone(),
        sessions: transition.sessions.clone(),
        alerts: transition.alerts.clone(),
    }
}
