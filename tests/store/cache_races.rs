//! Readers and writers race over a cache that is too small for all users. No reader ever gets a
//! state that is older than a change that was answered before the read began, and none gets a state
//! that nobody has asked for.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use futures_util::future::join_all;
use parking_lot::Mutex;
use sessiond::{
    domain::{
        Device, Mobile, SessionKey, Status, Timestamp, TokenHash, UserAgent, UserId, UserState,
        rules::{Decision, OnConflict},
    },
    store::{Commit, CommitError, Store, StoreError},
};
use sessiond_test_support::{
    contract::StoreFactory,
    fixtures::{POLICY, START, StoredUser, commit_with_retries, device, registration_of},
};
use tokio::runtime::Handle;
use uuid::Uuid;

use crate::sqlite_file::SqliteFile;

const USERS: u32 = 24;
const COMMANDS_PER_USER: u32 = 150;
const READERS: usize = 4;

/// Room for about half of the users.
const CACHE_SIZE: u64 = 8 << 10;

/// Lets SQLite roll back the whole batch of a login by this user agent.
const LOSING: &str = "loses its batch";
const LOSE_BATCHES: &str = "CREATE TRIGGER lose BEFORE INSERT ON alerts \
     WHEN NEW.user_agent = 'loses its batch' BEGIN SELECT RAISE(ROLLBACK, 'lost'); END";

/// A position in the history of one number: how often its owner has changed, and the version of the
/// owner. 0 means that nobody owns the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Position {
    owner: u32,
    version: u64,
}

impl Position {
    const fn encode(self) -> u64 {
        (self.owner as u64) << 32 | self.version
    }

    fn decode(encoded: u64) -> Self {
        Self {
            owner: (encoded >> 32) as u32,
            version: encoded & 0xffff_ffff,
        }
    }
}

/// What was answered last.
#[derive(Debug, Clone)]
struct Answered {
    position: Position,
    /// The active session: its key, its token, and the time of the last touch.
    active: Option<(SessionKey, TokenHash, Timestamp)>,
    /// The token of a session that has ended.
    ended: Option<TokenHash>,
    last_alert: u64,
}

/// One number, its owner, and what is known of it.
struct Slot {
    number: u32,
    mobile: Mobile,
    /// The position that the last command leads to, set before it is sent.
    begun: AtomicU64,
    answered: Mutex<Answered>,
}

impl Slot {
    fn new(number: u32) -> Self {
        Self {
            number,
            mobile: Mobile::parse(&format!("+49151{number:07}")).unwrap(),
            begun: AtomicU64::new(0),
            answered: Mutex::new(Answered {
                position: Position {
                    owner: 0,
                    version: 0,
                },
                active: None,
                ended: None,
                last_alert: 0,
            }),
        }
    }

    fn id(&self, owner: u32) -> UserId {
        UserId::new(Uuid::from_u128(
            u128::from(self.number + 1) << 64 | u128::from(owner),
        ))
    }

    fn begin(&self, position: Position) {
        self.begun.store(position.encode(), SeqCst);
    }

    fn begun(&self) -> Position {
        Position::decode(self.begun.load(SeqCst))
    }

    fn answer(&self, user: &StoredUser, owner: u32) {
        let mut answered = self.answered.lock();
        let active = user.state.active.as_ref();
        let active = active.map(|session| (session.key, session.token_hash, session.last_seen_at));
        if let Some((key, token, _)) = answered.active
            && active.is_none_or(|(now, ..)| now != key)
        {
            answered.ended = Some(token);
        }
        answered.active = active;
        answered.position = Position {
            owner,
            version: user.state.version,
        };
        answered.last_alert = user.state.last_alert;
    }
}

/// Changes the owner of one number.
struct Writer {
    slot: Arc<Slot>,
    user: StoredUser,
    owner: u32,
}

impl Writer {
    async fn new(slot: Arc<Slot>, store: &Arc<dyn Store>) -> Self {
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

    async fn run(mut self) -> StoredUser {
        for step in 0..COMMANDS_PER_USER {
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

/// One read of a number or its owner, compared with what was answered before it began and with what
/// was asked for when it ended.
async fn read(store: &dyn Store, slot: &Slot, kind: usize) {
    let before = slot.answered.lock().clone();
    let id = slot.id(before.position.owner);
    match kind {
        0 => check(slot, &before, store.user(id).await.unwrap()),
        1 => check(
            slot,
            &before,
            store.user_by_mobile(&slot.mobile).await.unwrap(),
        ),
        2 | 3 => {
            let Some((key, token, seen)) = before.active else {
                return;
            };
            let found = if kind == 2 {
                store.session_by_token(id, &token).await.unwrap()
            } else {
                store.session(id, key).await.unwrap()
            };
            if slot.begun() == before.position {
                let session = found.expect("the session is active");
                assert_eq!(session.status, Status::Active);
                assert!(session.last_seen_at >= seen, "{before:?}");
            }
        }
        4 => {
            let Some(token) = before.ended else { return };
            let found = store.session_by_token(id, &token).await.unwrap();
            let is_open = found.is_some_and(|found| !matches!(found.status, Status::Ended(_)));
            assert!(!is_open, "a session that has ended is open again");
        }
        _ => {
            let Some(after) = before.last_alert.checked_sub(1) else {
                return;
            };
            let alerts = store.alerts_after(id, after, 9).await.unwrap();
            let is_owner = slot.begun().owner == before.position.owner;
            let first = alerts.first().map(|alert| alert.sequence);
            assert!(first == Some(before.last_alert) || !is_owner, "{before:?}");
        }
    }
}

fn check(slot: &Slot, before: &Answered, found: Option<UserState>) {
    let begun = slot.begun();
    let observed = match &found {
        Some(user) => Position {
            owner: user.owner.id.as_uuid().as_u128() as u32,
            version: user.version,
        },
        None => Position {
            owner: begun.owner,
            version: 0,
        },
    };
    assert!(
        before.position <= observed,
        "{observed:?} is older than {before:?}"
    );
    assert!(observed <= begun, "{observed:?} is ahead of {begun:?}");
    if let (Some(user), Some((key, _, seen))) = (found, before.active)
        && observed == before.position
    {
        let active = user.active.expect("a session is active");
        assert!(active.key == key && active.last_seen_at >= seen);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_reader_gets_a_state_that_is_older_than_an_answered_change() {
    let file = SqliteFile::create().await;
    file.open().await.close().await;
    file.edit(LOSE_BATCHES);
    let store = file.open_with_cache(CACHE_SIZE);
    let slots: Vec<_> = (1..=USERS)
        .map(|number| Arc::new(Slot::new(number)))
        .collect();
    let writers = slots
        .iter()
        .map(|slot| Writer::new(Arc::clone(slot), &store));
    let writers = join_all(writers).await;
    let stop = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..READERS)
        .map(|reader| {
            let (store, slots, stop) = (Arc::clone(&store), slots.clone(), Arc::clone(&stop));
            tokio::task::spawn_blocking(move || {
                Handle::current().block_on(async {
                    let mut reads = reader;
                    while !stop.load(SeqCst) {
                        read(&*store, &slots[reads * 5 % slots.len()], reads % 6).await;
                        reads += 1;
                    }
                });
            })
        })
        .collect();
    let mut running = tokio::task::JoinSet::new();
    for writer in writers {
        running.spawn(writer.run());
    }
    let users = running.join_all().await;
    stop.store(true, SeqCst);
    for reader in join_all(readers).await {
        reader.unwrap();
    }
    store.close().await;

    let store = file.open_with_cache(0);
    for user in users {
        assert_eq!(store.user(user.id()).await.unwrap(), Some(user.state));
    }
    store.close().await;
}
