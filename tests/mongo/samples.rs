//! Users, commits and instants to test with.

use std::{
    net::Ipv4Addr,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use sessiond::{
    domain::{
        CommitId, Device, DeviceId, Mobile, Session, SessionKey, Timestamp, Token, UserAgent,
        UserId, UserState, Username,
        rules::{self, Actor, Context, Login, NewIds, NewUser, OnConflict, Policy, Transition},
    },
    store::Commit,
};
use uuid::Uuid;

pub const POLICY: Policy = Policy {
    idle_timeout: Duration::from_mins(30),
    session_lifetime: Duration::from_hours(24),
    approval_timeout: Duration::from_mins(2),
    alert_cooldown: Duration::ZERO,
};

/// The instant of everything that says no other: far ahead, so that no database finds it old and forgets it.
pub const NOW: Timestamp = Timestamp::from_millis(4_102_444_800_000);

static NEXT: AtomicU64 = AtomicU64::new(1);

/// A number that nothing else in this process has.
pub fn next() -> u64 {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

pub fn id() -> Uuid {
    Uuid::from_u128(u128::from(next()) << 64 | 7)
}

pub fn mobile() -> Mobile {
    Mobile::parse(&format!("+49{:010}", next())).unwrap()
}

pub fn device(name: &str) -> Device {
    Device {
        id: Some(DeviceId::parse(name).unwrap()),
        user_agent: UserAgent::parse("Firefox").unwrap(),
        address: Ipv4Addr::LOCALHOST.into(),
    }
}

pub fn new_ids(user: UserId) -> NewIds {
    let mut secret = [0; 32];
    secret[..8].copy_from_slice(&next().to_be_bytes());
    NewIds {
        session: SessionKey::new(id()),
        attempt: id(),
        token_hash: Token::new(user, secret).hash(),
    }
}

pub fn commit(transition: &Transition, expected_version: u64) -> Commit {
    Commit {
        id: CommitId::new(id()),
        expected_version,
        user: transition.next.clone(),
        sessions: transition.sessions.clone(),
        alerts: transition.alerts.clone(),
    }
}

pub fn registration(mobile: Mobile) -> Commit {
    let user = UserId::new(id());
    let new = NewUser {
        id: user,
        mobile,
        username: Username::parse("Ada").unwrap(),
        password: None,
    };
    let (transition, _) = rules::register(new, device("first"), new_ids(user), at(NOW));
    commit(&transition, 0)
}

pub fn login(state: &UserState, name: &str, on_conflict: OnConflict) -> Commit {
    let login = Login {
        device: device(name),
        on_conflict,
    };
    let (transition, _) = rules::log_in(state, login, new_ids(state.owner.id), at(NOW));
    commit(&transition, state.version)
}

pub fn logout(state: &UserState) -> Commit {
    let session = active(state).key;
    let transition = rules::invalidate_session(state, Actor::Service, session, at(NOW)).unwrap();
    commit(&transition, state.version)
}

pub fn expiry(state: &UserState, now: Timestamp) -> Commit {
    commit(&rules::expire(state, at(now)), state.version)
}

const fn at(now: Timestamp) -> Context<'static> {
    Context {
        now,
        policy: &POLICY,
    }
}

pub fn active(state: &UserState) -> &Session {
    state.active.as_ref().expect("a session is active")
}
