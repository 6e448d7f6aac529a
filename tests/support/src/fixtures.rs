//! Users for tests of a store, as the rules make them. Their clock stands still until a test
//! advances it, and no id is used twice in a process.

use std::{
    net::Ipv6Addr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sessiond::{
    domain::{
        CommitId, Device, DeviceId, Mobile, Session, SessionKey, Timestamp, Token, UserAgent,
        UserId, UserState, Username,
        rules::{
            Actor, Context, DecideLogin, Decision, Login, LoginOutcome, NewIds, NewUser,
            OnConflict, Policy, Transition, decide_login, expire, invalidate_session, log_in,
            register,
        },
    },
    store::{Commit, CommitError, Store, StoreError},
};
use uuid::Uuid;

use crate::within;

/// The policy of all commits here.
pub const POLICY: Policy = Policy {
    idle_timeout: Duration::from_mins(30),
    session_lifetime: Duration::from_hours(24),
    approval_timeout: Duration::from_mins(2),
    alert_cooldown: Duration::from_mins(1),
};

/// The time at which every user's clock starts: in the year 2100, so that a database that deletes
/// by its own clock finds none of the data old.
pub const START: Timestamp = Timestamp::from_millis(4_102_444_800_000);

const fn at(now: Timestamp) -> Context<'static> {
    Context {
        now,
        policy: &POLICY,
    }
}

/// A number that nothing else in this process has.
pub fn unique_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// An id that nothing else in this process has.
pub fn unique_id() -> Uuid {
    Uuid::from_u128(u128::from(unique_number()) << 64 | 7)
}

/// A mobile number that nobody else in this process has.
pub fn unique_mobile() -> Mobile {
    Mobile::parse(&format!("+49{:010}", unique_number())).unwrap()
}

/// The device with this id.
pub fn device_named(id: &str) -> Device {
    Device {
        id: Some(DeviceId::parse(id).unwrap()),
        user_agent: UserAgent::parse(
            "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        )
        .unwrap(),
        address: Ipv6Addr::LOCALHOST.into(),
    }
}

/// A device with an id and an address of its own.
pub fn device(number: u8) -> Device {
    Device {
        address: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number.into()).into(),
        ..device_named(&format!("device {number}"))
    }
}

/// Fresh ids for a session of `user`.
pub fn new_ids(user: UserId) -> NewIds {
    let mut secret = [0; 32];
    secret[..8].copy_from_slice(&unique_number().to_be_bytes());
    NewIds {
        session: SessionKey::new(unique_id()),
        attempt: unique_id(),
        token_hash: Token::new(user, secret).hash(),
    }
}

/// The commit of a transition that was decided on this version.
pub fn commit(transition: &Transition, expected_version: u64) -> Commit {
    Commit {
        id: CommitId::new(unique_id()),
        expected_version,
        user: transition.next.clone(),
        sessions: transition.sessions.clone(),
        alerts: transition.alerts.clone(),
    }
}

/// The registration of the user `id`, whose first session becomes active.
pub fn registration_of(id: UserId, mobile: Mobile, now: Timestamp) -> Commit {
    let user = NewUser {
        id,
        mobile,
        username: Username::parse("Ada").unwrap(),
        password: None,
    };
    let (transition, _) = register(user, device(0), new_ids(id), at(now));
    commit(&transition, 0)
}

/// The registration of a new user at [`START`].
pub fn registration(mobile: Mobile) -> Commit {
    registration_of(UserId::new(unique_id()), mobile, START)
}

/// A login at [`START`] on the device with this id.
pub fn login(state: &UserState, device_id: &str, on_conflict: OnConflict) -> Commit {
    login_on(state, device_named(device_id), on_conflict, START).0
}

fn login_on(
    state: &UserState,
    device: Device,
    on_conflict: OnConflict,
    now: Timestamp,
) -> (Commit, LoginOutcome) {
    let login = Login {
        device,
        on_conflict,
    };
    let (transition, outcome) = log_in(state, login, new_ids(state.owner.id), at(now));
    (commit(&transition, state.version), outcome)
}

/// A take-over at [`START`] on the device with this id.
pub fn take_over(state: &UserState, device_id: &str) -> Commit {
    login(state, device_id, OnConflict::TakeOver)
}

/// The end of the active session at [`START`], by the service.
pub fn logout(state: &UserState) -> Commit {
    let session = active(state).key;
    let transition = invalidate_session(state, Actor::Service, session, at(START)).unwrap();
    commit(&transition, state.version)
}

/// The expiry of the sessions whose limits have passed at `now`.
pub fn expiry(state: &UserState, now: Timestamp) -> Commit {
    commit(&expire(state, at(now)), state.version)
}

/// The active session.
pub fn active(state: &UserState) -> &Session {
    state.active.as_ref().expect("a session is active")
}

/// Commits, and retries while the store is too busy to report the outcome. The store applies the
/// same commit once only.
pub async fn commit_with_retries(store: &dyn Store, commit: Commit) -> Result<(), CommitError> {
    within(Duration::from_mins(3), async {
        loop {
            match store.commit(commit.clone()).await {
                Err(CommitError::Store(StoreError::Unavailable(_))) => {}
                outcome => return outcome,
            }
        }
    })
    .await
}

/// A user in a store, with the state after the last commit and a clock.
#[derive(Clone)]
pub struct StoredUser {
    /// The store that the user's commits go to.
    pub store: Arc<dyn Store>,
    /// The state after the last commit.
    pub state: UserState,
    /// The time of the next decision.
    pub now: Timestamp,
}

impl StoredUser {
    /// Registers a user at [`START`]. The number determines the user's id and mobile number.
    pub async fn register(store: &Arc<dyn Store>, number: u32) -> Self {
        Self::register_at(store, number, START).await
    }

    /// Registers a user at `now`.
    pub async fn register_at(store: &Arc<dyn Store>, number: u32, now: Timestamp) -> Self {
        let (user, registration) = Self::unregistered(store, number, now);
        user.store
            .commit(registration)
            .await
            .expect("the number is free");
        user
    }

    /// A user who is not in the store yet, and the commit of the registration.
    pub fn unregistered(store: &Arc<dyn Store>, number: u32, now: Timestamp) -> (Self, Commit) {
        let id = UserId::new(Uuid::from_u128(u128::from(number + 1) << 64));
        let mobile = Mobile::parse(&format!("+49151{number:07}")).unwrap();
        let registration = registration_of(id, mobile, now);
        let user = Self {
            store: Arc::clone(store),
            state: registration.user.clone(),
            now,
        };
        (user, registration)
    }

    /// The user's id.
    pub fn id(&self) -> UserId {
        self.state.owner.id
    }

    /// The key of the active session.
    pub fn active(&self) -> SessionKey {
        active(&self.state).key
    }

    /// The key of the session that waits for approval.
    pub fn pending(&self) -> SessionKey {
        self.state
            .pending
            .as_ref()
            .expect("a session is pending")
            .key
    }

    /// Moves the user's clock forward.
    pub fn advance(&mut self, by: Duration) {
        self.now = self.now.plus(by);
    }

    /// Decides on a login, without a commit.
    pub fn decide_login(&self, device: Device, on_conflict: OnConflict) -> (Commit, LoginOutcome) {
        login_on(&self.state, device, on_conflict, self.now)
    }

    /// Decides on a take-over on the `number`th device, without a commit.
    pub fn decide_take_over(&self, number: u8) -> Commit {
        self.decide_login(device(number), OnConflict::TakeOver).0
    }

    /// Logs in and commits. Returns the commit.
    pub async fn log_in(
        &mut self,
        device: Device,
        on_conflict: OnConflict,
    ) -> (Commit, LoginOutcome) {
        let (commit, outcome) = self.decide_login(device, on_conflict);
        self.apply(commit.clone()).await;
        (commit, outcome)
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
        let (commit, outcome) = self.log_in(device(number), OnConflict::Reject).await;
        assert_eq!((outcome, commit.alerts.len()), (LoginOutcome::Refused, 1));
    }

    /// The service decides on the pending login.
    pub async fn decide(&mut self, decision: Decision) {
        let attempt = self.state.pending.as_ref().and_then(Session::attempt);
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

    /// Records that sessions have expired.
    pub async fn expire(&mut self) {
        self.change(expire).await;
    }

    /// Decides and commits.
    pub async fn change(&mut self, decide: impl FnOnce(&UserState, Context<'_>) -> Transition) {
        let transition = decide(&self.state, at(self.now));
        self.apply(commit(&transition, self.state.version)).await;
    }

    async fn apply(&mut self, commit: Commit) {
        assert!(
            commit.user != self.state || !commit.sessions.is_empty() || !commit.alerts.is_empty(),
            "the commit changes nothing"
        );
        let next = commit.user.clone();
        self.store
            .commit(commit)
            .await
            .expect("nobody else changes this user");
        self.state = next;
    }

    /// Panics if the store does not hold the user with this state.
    pub async fn assert_stored(&self) {
        let stored = self.store.user(self.id()).await.unwrap();
        assert_eq!(stored.as_ref(), Some(&self.state));
    }
}
