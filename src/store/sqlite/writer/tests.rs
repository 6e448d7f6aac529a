//! The writer with batches that the test chooses.

use std::{
    net::Ipv4Addr,
    num::{NonZeroU32, NonZeroU64},
    sync::Arc,
    time::Duration,
};

use super::*;
use crate::{
    domain::{
        CommitId, Device, Mobile, SessionKey, Timestamp, TokenHash, UserAgent, UserId, UserState,
        Username,
        rules::{
            self, Context, Login, NewIds, NewUser, OnConflict, Policy, TakeOverLimit, Transition,
        },
    },
    store::{
        Commit, CommitError, Touch,
        changes::ChangeNotifier,
        sqlite::{cache::UserCache, open, read},
    },
};
use tokio::sync::oneshot;
use uuid::Uuid;

const CONTEXT: Context<'static> = Context {
    now: Timestamp::from_millis(1_750_000_000_000),
    policy: &Policy {
        idle_timeout: Duration::from_mins(30),
        session_lifetime: Duration::from_hours(24),
        approval_timeout: Duration::from_mins(2),
        alert_cooldown: Duration::from_mins(1),
        max_alerts_per_minute: NonZeroU32::MAX,
        match_numbers: true,
        take_over_limit: TakeOverLimit {
            count: NonZeroU32::MAX,
            window: Duration::from_mins(10),
        },
        max_self_freeze: Duration::from_hours(24),
    },
};

/// The user agent of a login that loses its batch.
const LOSING: &str = "loses its batch";

/// SQLite rolls the transaction back in the middle of the batch.
const LOSE_AT_STATEMENT: &str = "CREATE TRIGGER lose BEFORE INSERT ON records \
     WHEN NEW.part = 2 AND NEW.user_agent = 'loses its batch' BEGIN SELECT RAISE(ROLLBACK, 'lost'); END";

/// All statements succeed, but the transaction cannot be committed.
const LOSE_AT_COMMIT: &str = "CREATE TABLE parents (id INTEGER PRIMARY KEY); \
     CREATE TABLE children (id REFERENCES parents DEFERRABLE INITIALLY DEFERRED); \
     CREATE TRIGGER lose BEFORE INSERT ON records WHEN NEW.part = 2 AND NEW.user_agent = 'loses its batch' \
     BEGIN INSERT INTO children VALUES (1); END";

/// A writer that runs in the thread of the test, so that the test chooses the batches.
struct TestWriter {
    connection: Connection,
    publisher: Publisher,
    cache: Arc<UserCache>,
    next_id: u128,
    _folder: tempfile::TempDir,
}

impl TestWriter {
    fn new(schema: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let connection = open::open_writer(&folder.path().join("sessiond.db")).unwrap();
        connection.execute_batch(schema).unwrap();
        let cache = Arc::new(UserCache::new(NonZeroU64::new(1 << 20).unwrap()));
        let notifier = ChangeNotifier::new();
        let publisher = Publisher::new(&connection, Some(Arc::clone(&cache)), notifier).unwrap();
        Self {
            connection,
            publisher,
            cache,
            next_id: 1,
            _folder: folder,
        }
    }

    fn id(&mut self) -> Uuid {
        self.next_id += 1;
        Uuid::from_u128(self.next_id)
    }

    fn new_ids(&mut self) -> NewIds {
        let session = self.id();
        let mut hash = [0; 32];
        hash[..16].copy_from_slice(session.as_bytes());
        NewIds {
            session: SessionKey::new(session),
            attempt: self.id(),
            token_hash: TokenHash::from_bytes(hash),
            match_seed: session.as_u128(),
        }
    }

    fn commit(&mut self, expected_version: u64, transition: Transition) -> Commit {
        Commit {
            id: CommitId::new(self.id()),
            expected_version,
            user: transition.next,
            sessions: transition.sessions,
            alerts: transition.alerts,
            active_change: transition.active_change,
        }
    }

    fn registration(&mut self, mobile: &str) -> Commit {
        let user = NewUser {
            id: UserId::new(self.id()),
            mobile: Mobile::parse(mobile).unwrap(),
            username: Username::parse("Ada").unwrap(),
            password: None,
        };
        let (transition, _) = rules::register(user, device("phone"), self.new_ids(), CONTEXT);
        self.commit(0, transition)
    }

    fn take_over(&mut self, user: &UserState, user_agent: &str) -> Commit {
        let login = Login {
            device: device(user_agent),
            on_conflict: OnConflict::TakeOver,
            by_service: true,
            is_new_place: None,
            is_elsewhere: false,
        };
        let (transition, _) = rules::log_in(user, login, self.new_ids(), CONTEXT).unwrap();
        self.commit(user.version, transition)
    }

    /// Performs the commits in one batch.
    fn write(&mut self, commits: Vec<Commit>) -> Vec<Result<(), CommitError>> {
        let (batch, outcomes): (Vec<_>, Vec<_>) = commits
            .into_iter()
            .map(|commit| {
                let (reply, outcome) = Reply::channel();
                let commit = Box::new(commit);
                (Command::Commit { commit, reply }, outcome)
            })
            .unzip();
        let statements = Prepared::new(&self.connection);
        write_batch(&statements, batch, &mut self.publisher);
        let sent = |mut outcome: oneshot::Receiver<_>| outcome.try_recv().unwrap();
        outcomes.into_iter().map(sent).collect()
    }

    fn register(&mut self, mobile: &str) -> UserState {
        let commit = self.registration(mobile);
        let user = commit.user.clone();
        self.write(vec![commit]).remove(0).unwrap();
        user
    }

    fn stored(&self, user: &UserState) -> Option<UserState> {
        read::user(&self.connection, user.owner.id).unwrap()
    }

    fn cached(&self, user: &UserState) -> Option<UserState> {
        self.cache.user(user.owner.id)
    }
}

fn device(user_agent: &str) -> Device {
    Device {
        id: None,
        user_agent: UserAgent::parse(user_agent).unwrap(),
        address: Ipv4Addr::LOCALHOST.into(),
    }
}

/// A batch whose transaction is lost, and the users that it changes.
struct LosingBatch {
    ada: UserState,
    bob: UserState,
    newcomer: UserState,
    bystander: UserState,
    outcomes: Vec<Result<(), CommitError>>,
}

fn write_losing_batch(writer: &mut TestWriter) -> LosingBatch {
    let (ada, bob) = (writer.register("9012345671"), writer.register("9012345672"));
    let bystander = writer.register("9012345673");
    let registration = writer.registration("9012345674");
    let newcomer = registration.user.clone();
    let commits = vec![
        writer.take_over(&ada, "tablet"),
        // Stale, because of the one before.
        writer.take_over(&ada, "laptop"),
        registration,
        // The number is taken, because of the one before.
        writer.registration("9012345674"),
        writer.take_over(&bob, LOSING),
        writer.take_over(&bob, "laptop"),
    ];
    let outcomes = writer.write(commits);
    LosingBatch {
        ada,
        bob,
        newcomer,
        bystander,
        outcomes,
    }
}

fn is_unavailable(outcome: &Result<(), CommitError>) -> bool {
    matches!(outcome, Err(CommitError::Store(StoreError::Unavailable(_))))
}

#[test]
fn every_command_of_a_batch_that_is_not_committed_is_unavailable_and_its_users_leave_the_cache() {
    let mut writer = TestWriter::new(LOSE_AT_COMMIT);
    let batch = write_losing_batch(&mut writer);
    assert!(
        batch.outcomes.iter().all(is_unavailable),
        "{:?}",
        batch.outcomes
    );
    for user in [&batch.ada, &batch.bob] {
        assert_eq!(writer.stored(user).as_ref(), Some(user));
        assert_eq!(writer.cached(user), None);
    }
    assert_eq!(writer.stored(&batch.newcomer), None);
    assert_eq!(writer.cached(&batch.bystander), Some(batch.bystander));

    // The next batch is applied as usual.
    let commits = vec![
        writer.take_over(&batch.ada, "tablet"),
        writer.take_over(&batch.ada, "laptop"),
    ];
    let expected = commits[0].user.clone();
    let outcomes = writer.write(commits);
    assert!(matches!(outcomes[..], [Ok(()), Err(CommitError::Stale)]));
    assert_eq!(writer.stored(&batch.ada), Some(expected));
}

#[test]
fn a_command_that_loses_its_batch_fails_alone_and_the_others_are_decided_again() {
    let mut writer = TestWriter::new(LOSE_AT_STATEMENT);
    let batch = write_losing_batch(&mut writer);
    assert!(
        matches!(
            &batch.outcomes[..],
            [
                Ok(()),
                Err(CommitError::Stale),
                Ok(()),
                Err(CommitError::MobileTaken),
                lost,
                Ok(()),
            ] if is_unavailable(lost)
        ),
        "{:?}",
        batch.outcomes
    );
    for user in [&batch.ada, &batch.bob] {
        let stored = writer.stored(user).unwrap();
        assert_eq!(stored.version, user.version + 1);
        // A refused commit takes its user out of the cache.
        assert!(writer.cached(user).is_none_or(|cached| cached == stored));
    }
    assert_eq!(writer.cached(&batch.bob), writer.stored(&batch.bob));
    assert_eq!(writer.stored(&batch.newcomer), Some(batch.newcomer));
    assert_eq!(writer.cached(&batch.bystander), Some(batch.bystander));
}

#[test]
fn several_commits_of_a_user_in_one_batch_leave_the_last_state_in_the_cache() {
    let mut writer = TestWriter::new("");
    let registration = writer.registration("9012345671");
    let first = writer.take_over(&registration.user, "tablet");
    let second = writer.take_over(&first.user, "laptop");
    let last = second.user.clone();
    let outcomes = writer.write(vec![registration, first.clone(), second]);
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(writer.cached(&last).as_ref(), Some(&last));
    assert_eq!(writer.stored(&last).as_ref(), Some(&last));

    // A commit that is repeated later is not applied again.
    assert!(matches!(
        writer.write(vec![first])[..],
        [Err(CommitError::Stale)]
    ));
    assert_eq!(writer.cached(&last), None);
}

#[test]
fn a_repeated_commit_does_not_take_back_a_later_touch() {
    let mut writer = TestWriter::new("");
    let user = writer.register("9012345671");
    let commit = writer.take_over(&user, "tablet");
    writer.write(vec![commit.clone()]).remove(0).unwrap();
    let mut expected = commit.user.clone();
    let session = expected.active.as_mut().unwrap();
    let at = CONTEXT.now.plus(Duration::from_secs(9));
    session.touch(at);
    let touch = Touch {
        user: user.owner.id,
        session: session.key,
        at,
    };
    let (reply, _) = Reply::channel();
    let touches = vec![touch];
    let batch = vec![Command::Touch { touches, reply }];
    write_batch(
        &Prepared::new(&writer.connection),
        batch,
        &mut writer.publisher,
    );
    writer.write(vec![commit]).remove(0).unwrap();
    assert_eq!(writer.cached(&user).as_ref(), Some(&expected));
    assert_eq!(writer.stored(&user), Some(expected));
}
