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
        rules::{self, Actor, Command, NewIds, NewUser, OnConflict, Policy, Transition},
    },
    store::Commit,
};
use uuid::Uuid;

pub const POLICY: Policy = Policy {
    idle_timeout: Duration::from_mins(30),
    session_lifetime: Duration::from_hours(24),
    approval_timeout: Duration::from_mins(2),
    quiet_for: Duration::ZERO,
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
    commit(
        &rules::register(new, device("first"), NOW, new_ids(user), &POLICY),
        0,
    )
}

pub fn decided(state: &UserState, command: Command, now: Timestamp) -> Commit {
    commit(
        &rules::decide(state, command, now, &POLICY).unwrap(),
        state.version,
    )
}

pub fn login(state: &UserState, name: &str, on_conflict: OnConflict) -> Commit {
    let command = Command::Login {
        device: device(name),
        on_conflict,
        new_ids: new_ids(state.owner.id),
    };
    decided(state, command, NOW)
}

pub fn logout(state: &UserState) -> Commit {
    let session = active(state).key;
    decided(
        state,
        Command::Invalidate {
            actor: Actor::Service,
            session,
        },
        NOW,
    )
}

pub fn active(state: &UserState) -> &Session {
    state.active.as_ref().expect("a session is active")
}
