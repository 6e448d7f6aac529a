//! Users to put into a store, made by the rules as the service makes them. The clock stands still
//! until it is moved, and every id is counted.

use std::{net::Ipv6Addr, sync::Arc, time::Duration};

use sessiond::{
    domain::{
        CommitId, Device, DeviceId, Mobile, SessionKey, Timestamp, TokenHash, UserAgent, UserId,
        UserState, Username,
        rules::{
            Actor, Context, DecideLogin, Decision, Login, LoginOutcome, NewIds, NewUser,
            OnConflict, Policy, Transition, decide_login, expire, invalidate_session, log_in,
            register,
        },
    },
    store::{Commit, CommitError, Store, StoreError},
};
use uuid::Uuid;

pub const POLICY: Policy = Policy {
    idle_timeout: Duration::from_mins(30),
    session_lifetime: Duration::from_hours(24),
    approval_timeout: Duration::from_mins(2),
    alert_cooldown: Duration::from_mins(1),
};

/// When every user's clock starts.
pub const START: Timestamp = Timestamp::from_millis(1_750_000_000_000);

/// Waits for what should happen at once; a test that would wait for ever fails instead.
pub async fn soon<F: Future>(event: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), event)
        .await
        .expect("it happens within 20 seconds")
}

/// Commits, and again while the store is too busy to say what became of it: the same commit is
/// applied once.
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
        let context = Context {
            now,
            policy: &POLICY,
        };
        let (transition, _) = register(user, device(0), new_ids, context);
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

    /// Decides on a login, and leaves the commit to the test.
    pub fn decide_login(
        &mut self,
        device: Device,
        on_conflict: OnConflict,
    ) -> (Commit, Transition, LoginOutcome) {
        let login = Login {
            device,
            on_conflict,
        };
        let new_ids = new_ids(&mut self.ids);
        let (transition, outcome) = log_in(&self.state, login, new_ids, self.context());
        (self.commit_of(&transition), transition, outcome)
    }

    /// Decides on an expiry, and leaves the commit to the test.
    pub fn decide_expiry(&mut self) -> (Commit, Transition) {
        let transition = expire(&self.state, self.context());
        (self.commit_of(&transition), transition)
    }

    /// Logs in and commits.
    pub async fn log_in(
        &mut self,
        device: Device,
        on_conflict: OnConflict,
    ) -> (Transition, LoginOutcome) {
        let (commit, transition, outcome) = self.decide_login(device, on_conflict);
        self.apply(commit).await;
        (transition, outcome)
    }

    /// A login on the `number`th device that succeeds. Returns the key of the new session.
    pub async fn take_over(&mut self, number: u8) -> SessionKey {
        let (_, outcome) = self.log_in(device(number), OnConflict::TakeOver).await;
        let LoginOutcome::LoggedIn(session) = outcome else {
            panic!("the login does not succeed: {outcome:?}")
        };
        session.key
    }

    /// A login on the `number`th device that waits for approval. Returns the key of the pending
    /// session.
    pub async fn ask(&mut self, number: u8) -> SessionKey {
        let (_, outcome) = self.log_in(device(number), OnConflict::Ask).await;
        let LoginOutcome::AwaitingApproval(session) = outcome else {
            panic!("the login does not wait: {outcome:?}")
        };
        session.key
    }

    /// A login on the `number`th device that is refused and raises one alert.
    pub async fn refuse(&mut self, number: u8) {
        let (transition, outcome) = self.log_in(device(number), OnConflict::Reject).await;
        assert_eq!(
            (outcome, transition.alerts.len()),
            (LoginOutcome::Refused, 1)
        );
    }

    /// The service decides on the pending login.
    pub async fn answer(&mut self, decision: Decision) {
        let attempt = self
            .state
            .pending
            .as_ref()
            .and_then(sessiond::domain::Session::attempt);
        let command = DecideLogin {
            actor: Actor::Service,
            attempt: attempt.expect("a login is pending"),
            decision,
        };
        self.change(|state, context| {
            let (transition, _) =
                decide_login(state, command, context).expect("the login is pending");
            transition
        })
        .await;
    }

    /// The service ends a session.
    pub async fn invalidate(&mut self, session: SessionKey) {
        self.change(|state, context| {
            invalidate_session(state, Actor::Service, session, context)
                .expect("the service may end any session")
        })
        .await;
    }

    /// Records what has expired.
    pub async fn expire(&mut self) {
        self.change(expire).await;
    }

    /// Decides and commits.
    pub async fn change(&mut self, decide: impl FnOnce(&UserState, Context<'_>) -> Transition) {
        let transition = decide(&self.state, self.context());
        let commit = self.commit_of(&transition);
        self.apply(commit).await;
    }

    async fn apply(&mut self, commit: Commit) {
        let next = commit.user.clone();
        self.store
            .commit(commit)
            .await
            .expect("nobody else changes this user");
        self.state = next;
    }

    fn commit_of(&mut self, transition: &Transition) -> Commit {
        assert!(
            transition.changes(&self.state),
            "there is something to commit"
        );
        commit(&mut self.ids, transition, self.state.version)
    }

    const fn context(&self) -> Context<'static> {
        Context {
            now: self.now,
            policy: &POLICY,
        }
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
