//! The only writer of one number: registers and deletes its owners, and sends commands of every kind.

use std::{sync::Arc, time::Duration};

use sessiond::{
    domain::{
        Device, UserAgent,
        rules::{Decision, OnConflict},
    },
    store::{Commit, CommitError, Store, StoreError},
};
use sessiond_test_support::fixtures::{
    POLICY, START, StoredUser, commit_with_retries, device, registration_of,
};

use super::slot::{Position, Slot};

const COMMANDS: u32 = 150;

/// Lets SQLite roll back the whole batch of a login by this user agent.
const LOSING: &str = "loses its batch";
pub(super) const LOSE_BATCHES: &str = "CREATE TRIGGER lose BEFORE INSERT ON records \
     WHEN NEW.part = 2 AND NEW.user_agent = 'loses its batch' BEGIN SELECT RAISE(ROLLBACK, 'lost'); END";

/// Changes the owner of one number.
pub(super) struct Writer {
    slot: Arc<Slot>,
    user: StoredUser,
    owner: u32,
}

impl Writer {
    pub(super) async fn new(slot: Arc<Slot>, store: &Arc<dyn Store>) -> Self {
        let owner = 1;
        let user = Self::register(&slot, store, owner).await;
        Self { slot, user, owner }
    }

    async fn register(slot: &Slot, store: &Arc<dyn Store>, owner: u32) -> StoredUser {
        let commit = registration_of(slot.id(owner), slot.mobile.clone(), START);
        let user = StoredUser {
            store: Arc::clone(store),
            state: commit.user.clone(),
            now: START,
        };
        slot.begin(Position { owner, version: 1 });
        commit_with_retries(&**store, commit).await.unwrap();
        slot.answer(&user, owner);
        user
    }

    pub(super) async fn run(mut self) -> StoredUser {
        for step in 0..COMMANDS {
            self.user.advance(Duration::from_secs(1));
            // The writer of a number is its only writer, so it must find its own last state.
            let read = self.user.read_state().await;
            assert_eq!(read, self.user.state);
            let is_active = read.active.is_some();
            match self.slot.number.wrapping_mul(31).wrapping_add(step * 7) % 13 {
                0 => self.delete_and_register().await,
                1 | 2 if is_active => self.touch().await,
                3 if is_active => self.lose_a_batch().await,
                4 if is_active => self.commit_stale().await,
                5 if is_active => self.change(async |user| user.raise_alert(1).await).await,
                6 if is_active => {
                    self.change(async |user| {
                        user.log_in_pending(2).await;
                    })
                    .await;
                    let approve = Decision::Approve;
                    self.change(async |user| user.decide_pending_login(approve).await)
                        .await;
                }
                7 if is_active => {
                    self.change(async |user| user.invalidate_session(user.active()).await)
                        .await;
                }
                8 if is_active => {
                    self.user.advance(POLICY.idle_timeout);
                    self.change(async |user| user.expire().await).await;
                }
                _ => {
                    self.change(async |user| {
                        user.take_over(3 + step.to_le_bytes()[0] % 2).await;
                    })
                    .await;
                }
            }
        }
        self.user
    }

    async fn change(&mut self, command: impl AsyncFnOnce(&mut StoredUser)) {
        let version = self.user.state.version + 1;
        self.slot.begin(Position {
            owner: self.owner,
            version,
        });
        command(&mut self.user).await;
        assert_eq!(self.user.state.version, version);
        self.slot.answer(&self.user, self.owner);
    }

    async fn touch(&mut self) {
        let touch = self.user.active_touch(self.user.now);
        while let Err(error) = self.user.store.touch(&[touch]).await {
            assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        }
        self.user.state.active.as_mut().unwrap().touch(touch.at);
        self.slot.answer(&self.user, self.owner);
    }

    async fn delete_and_register(&mut self) {
        self.owner += 1;
        self.slot.begin(Position {
            owner: self.owner,
            version: 0,
        });
        while self.user.store.delete_user(self.user.id()).await.is_err() {}
        {
            let mut answered = self.slot.answered.lock();
            answered.position = self.slot.begun();
            answered.active = None;
            answered.ended = None;
            answered.last_alert = 0;
            answered.sessions_opened = 0;
        }
        let store = Arc::clone(&self.user.store);
        self.user = Self::register(&self.slot, &store, self.owner).await;
    }

    async fn commit_stale(&self) {
        let mut commit = self.user.decide_take_over(5);
        commit.expected_version -= 1;
        let outcome = commit_with_retries(&*self.user.store, commit).await;
        assert!(matches!(outcome, Err(CommitError::Stale)), "{outcome:?}");
    }

    async fn lose_a_batch(&self) {
        let outcome = self.user.store.commit(losing(&self.user)).await;
        let Err(CommitError::Store(StoreError::Unavailable(_))) = outcome else {
            panic!("{outcome:?}")
        };
    }
}

fn losing(user: &StoredUser) -> Commit {
    let device = Device {
        user_agent: UserAgent::parse(LOSING).unwrap(),
        ..device(9)
    };
    user.decide_login(device, OnConflict::TakeOver).0
}
