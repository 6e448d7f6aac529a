//! The database of a run. The rules of the domain decide its contents, and the store writes them.
//!
//! User number `n` registers on a phone and then logs in on a laptop, which takes over: two
//! sessions, of which the second is active, and one alert. Ids and tokens follow from the number,
//! so that the load generator knows the tokens.

use std::{
    net::{IpAddr, Ipv4Addr},
    num::NonZeroU32,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    rc::Rc,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use sessiond::{
    clock::{Clock, SystemClock},
    domain::{
        CommitId, Device, DeviceId, Mobile, SessionKey, Timestamp, Token, UserAgent, UserId,
        UserState, Username,
        rules::{
            Context, Login, NewIds, NewUser, OnConflict, Policy, TakeOverLimit, Transition, log_in,
            register,
        },
    },
    store::{ClockMark, Commit, Store, sqlite::SqliteStore},
};
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use crate::users::Users;

/// Long limits, so that no session expires during a run.
const POLICY: Policy = Policy {
    idle_timeout: Duration::from_hours(24 * 30),
    session_lifetime: Duration::from_hours(24 * 365),
    approval_timeout: Duration::from_mins(2),
    alert_cooldown: Duration::from_mins(1),
    max_alerts_per_minute: NonZeroU32::MAX,
    match_numbers: true,
    take_over_limit: TakeOverLimit {
        count: NonZeroU32::MAX,
        window: Duration::from_mins(10),
    },
    max_self_freeze: Duration::from_hours(24),
};

/// The age of the sessions when a run starts. Their last-seen times are as old, so that the first
/// check of each session records a new one.
const AGE: Duration = Duration::from_hours(1);

/// The service key of the measured sessiond.
pub(crate) const SERVICE_KEY: &str = "the service key of the benchmark, 32 characters or more";

/// The number of sessions of each user.
pub(crate) const SESSIONS_PER_USER: u64 = 2;

/// The number of users that are written at the same time, so that they share a sync.
const CONCURRENT_USERS: usize = 256;

/// The kinds of the secrets of the two tokens. The second session is the active one.
const PHONE_TOKEN: &str = "phone token";
const LAPTOP_TOKEN: &str = "token";

/// One user in this many is reserved for logins, which end the session whose token is known.
const USERS_PER_LOGIN_USER: u32 = 10;

/// The prepared files.
#[derive(Debug, Clone)]
pub(crate) struct Data {
    /// sessiond's database. Some peers read it too.
    pub(crate) database: PathBuf,
    /// Its size divided by its sessions, when it was created.
    pub(crate) bytes_per_session: u64,
    /// The file with the service key.
    pub(crate) service_key_file: PathBuf,
    /// The database of better-auth, which has a layout of its own.
    pub(crate) better_auth_database: PathBuf,
    /// The users that send the requests that read.
    pub(crate) readers: Users,
    /// The token of the active session of each of `readers`.
    pub(crate) tokens: Rc<[Box<str>]>,
    /// The session cookies of better-auth.
    pub(crate) cookies: Rc<[Box<str>]>,
    /// The users that log in, which ends the session whose token is known.
    pub(crate) logins: Users,
}

impl Data {
    /// The number of users that the store wrote through the rules.
    pub(crate) const fn users(&self) -> u32 {
        self.readers.count + self.logins.count
    }

    /// Creates the databases in this folder.
    pub(crate) async fn create(folder: &Path, users: u32, peers: Option<&Path>) -> Result<Self> {
        let logins = users / USERS_PER_LOGIN_USER;
        let readers = users - logins;
        ensure!(
            logins > 0,
            "the benchmark needs at least {USERS_PER_LOGIN_USER} users"
        );
        let consecutive = |first, count| Users {
            first,
            step: 1,
            count,
        };
        let mut data = Self {
            database: folder.join("sessiond.db"),
            bytes_per_session: 0,
            service_key_file: folder.join("service-key"),
            better_auth_database: folder.join("better-auth.db"),
            readers: consecutive(0, readers),
            tokens: tokens(consecutive(0, readers)),
            cookies: match peers {
                Some(peers) => create_better_auth(peers, folder, readers)?,
                None => Rc::default(),
            },
            logins: consecutive(readers, logins),
        };
        std::fs::write(&data.service_key_file, SERVICE_KEY)?;
        let store = SqliteStore::open(&data.database)?;
        let age = i64::try_from(AGE.as_millis())?;
        let created_at = Timestamp::from_millis(SystemClock.now().as_millis() - age);
        stream::iter(0..users)
            .map(|number| create_user(&store, number, created_at))
            .buffer_unordered(CONCURRENT_USERS)
            .try_collect::<()>()
            .await?;
        // As a node that stops does. Without the mark, the first start would read all users.
        let mark = ClockMark::At(SystemClock.now());
        store.save_clock_mark(mark).await?;
        store.close().await;
        let size = std::fs::metadata(&data.database)?.len();
        data.bytes_per_session = size / (u64::from(users) * SESSIONS_PER_USER);
        Ok(data)
    }
}

/// The token of each user's active session.
pub(crate) fn tokens(users: Users) -> Rc<[Box<str>]> {
    let tokens = users.numbers().map(|number| token(number).reveal().into());
    tokens.collect()
}

/// The mobile number of a user. All have the same length.
pub(crate) fn mobile(number: u32) -> String {
    format!("+4915{number:09}")
}

fn token(number: u32) -> Token {
    Token::new(user_id(number), digest(LAPTOP_TOKEN, number))
}

/// Every value that only this user has, the id first. Each has the same length for all users.
pub(crate) fn known_values(number: u32) -> Vec<Vec<u8>> {
    let id = user_id(number);
    let mut values = vec![
        id.as_uuid().as_bytes().to_vec(),
        mobile(number).into_bytes(),
    ];
    for kind in ["phone", "laptop"] {
        values.push(session_key(kind, number).as_uuid().as_bytes().to_vec());
    }
    for kind in ["phone attempt", "laptop attempt", "registration", "login"] {
        values.push(time_ordered(kind, number).as_bytes().to_vec());
    }
    for secret in [PHONE_TOKEN, LAPTOP_TOKEN] {
        let hash = Token::new(id, digest(secret, number)).hash();
        values.push(hash.as_bytes().to_vec());
    }
    values
}

/// The id is in the order of the registrations, as sessiond's own ids are.
fn user_id(number: u32) -> UserId {
    UserId::new(time_ordered("user", number))
}

fn session_key(kind: &str, number: u32) -> SessionKey {
    let mut random = [0; 8];
    random.copy_from_slice(&digest(kind, number)[..8]);
    let key = SessionKey::of_user(user_id(number), u64::from_be_bytes(random));
    key.numbered(if kind == "phone" { 1 } else { 2 })
}

fn time_ordered(kind: &str, number: u32) -> Uuid {
    const START: u64 = 1_750_000_000_000;
    let mut random = [0; 10];
    random.copy_from_slice(&digest(kind, number)[..10]);
    Builder::from_unix_timestamp_millis(START + u64::from(number), &random).into_uuid()
}

fn digest(kind: &str, number: u32) -> [u8; 32] {
    Sha256::new_with_prefix(kind)
        .chain_update(number.to_be_bytes())
        .finalize()
        .into()
}

async fn create_user(store: &SqliteStore, number: u32, now: Timestamp) -> Result<()> {
    let context = Context {
        now,
        policy: &POLICY,
    };
    let id = user_id(number);
    let new_ids = |session, attempt, secret| NewIds {
        session: session_key(session, number),
        attempt: time_ordered(attempt, number),
        token_hash: Token::new(id, digest(secret, number)).hash(),
        match_seed: number.into(),
    };
    let new_user = NewUser {
        id,
        mobile: Mobile::parse(&mobile(number))?,
        username: Username::parse("Ada")?,
        password: None,
    };
    let phone = device("phone", number)?;
    let first = new_ids("phone", "phone attempt", PHONE_TOKEN);
    let (transition, _) = register(new_user, phone, first, context);
    let state = commit(store, "registration", number, 0, transition).await?;
    let login = Login {
        device: device("laptop", number)?,
        on_conflict: OnConflict::TakeOver,
        by_service: true,
        is_new_place: None,
        is_elsewhere: false,
    };
    let second = new_ids("laptop", "laptop attempt", LAPTOP_TOKEN);
    let (transition, _) = log_in(&state, login, second, context)?;
    commit(store, "login", number, state.version, transition).await?;
    Ok(())
}

fn device(kind: &str, number: u32) -> Result<Device> {
    let [a, b, c, ..] = digest("address", number);
    Ok(Device {
        id: Some(DeviceId::parse(&format!("{kind} {number}"))?),
        user_agent: UserAgent::parse(
            "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        )?,
        address: IpAddr::V4(Ipv4Addr::new(10, a, b, c)),
    })
}

async fn commit(
    store: &SqliteStore,
    kind: &str,
    number: u32,
    expected_version: u64,
    transition: Transition,
) -> Result<UserState> {
    let Transition {
        next,
        sessions,
        alerts,
        active_change,
    } = transition;
    let commit = Commit {
        id: CommitId::new(time_ordered(kind, number)),
        expected_version,
        user: next.clone(),
        sessions,
        alerts,
        active_change,
    };
    store.commit(commit).await?;
    Ok(next)
}

/// Creates the database of better-auth. Returns the cookie of each user's session.
fn create_better_auth(peers: &Path, folder: &Path, users: u32) -> Result<Rc<[Box<str>]>> {
    let cookies = folder.join("cookies");
    let status = Command::new("node")
        .arg(peers.join("better-auth.mjs"))
        .arg(folder.join("better-auth.db"))
        .args(["prepare", &users.to_string()])
        .arg(&cookies)
        .stdin(Stdio::null())
        .status()
        .context("cannot run node")?;
    ensure!(
        status.success(),
        "the database of better-auth was not created"
    );
    Ok(std::fs::read_to_string(cookies)?
        .lines()
        .map(Into::into)
        .collect())
}
