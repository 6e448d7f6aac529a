//! The cache without a file.

use std::{
    net::Ipv4Addr,
    num::{NonZeroU32, NonZeroU64},
    time::Duration,
};

use uuid::Uuid;

use super::*;
use crate::domain::{
    Device, DeviceId, EndReason, Ended, Status, Timestamp, UserAgent, Username,
    rules::{Context, NewIds, NewUser, Policy, TakeOverLimit, register},
};

const NOW: Timestamp = Timestamp::from_millis(1_750_000_000_000);

const POLICY: Policy = Policy {
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
};

fn cache(capacity: u64) -> UserCache {
    UserCache::new(NonZeroU64::new(capacity).unwrap())
}

/// A user with an active session on a device that has an id and a usual user agent.
fn user(number: u32) -> UserState {
    let mut token_hash = [0; 32];
    token_hash[..4].copy_from_slice(&number.to_be_bytes());
    let new_ids = NewIds {
        session: SessionKey::new(Uuid::from_u128(number.into())),
        attempt: Uuid::nil(),
        token_hash: TokenHash::from_bytes(token_hash),
        match_seed: number.into(),
    };
    let user = NewUser {
        id: UserId::new(Uuid::from_u128(number.into())),
        mobile: Mobile::parse(&format!("+4915{number:09}")).unwrap(),
        username: Username::parse("Ada Lovelace").unwrap(),
        password: None,
    };
    let user_agent = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";
    let device = Device {
        id: Some(DeviceId::parse("4f9d5d5e-6b8a-4f0c-9a55-1f6d2f4d8c11").unwrap()),
        user_agent: UserAgent::parse(user_agent).unwrap(),
        address: Ipv4Addr::LOCALHOST.into(),
    };
    let context = Context {
        now: NOW,
        policy: &POLICY,
    };
    register(user, device, new_ids, context).0.next
}

fn add(cache: &UserCache, user: &UserState) {
    let load = cache.begin_load(user.owner.id).unwrap();
    cache.finish_load(&load, user);
}

/// Whether the cache returns the user in every way, or in none.
fn has(cache: &UserCache, user: &UserState) -> bool {
    let id = user.owner.id;
    let session = user.active.as_ref().unwrap();
    let found = [
        cache.user(id).as_ref() == Some(user),
        cache.user_by_mobile(&user.owner.mobile).as_ref() == Some(user),
        cache.session(id, session.key).as_ref() == Some(session),
        cache.session_by_token(id, &session.token_hash).as_ref() == Some(session),
    ];
    assert!(found.iter().all(|one| *one == found[0]), "{found:?}");
    found[0]
}

#[test]
fn a_user_who_was_read_before_a_change_is_not_added() {
    let (cache, ada) = (cache(1 << 20), user(1));
    let load = cache.begin_load(ada.owner.id).unwrap();
    let mut batch = Batch::new(Some(&cache));
    batch.take_out(ada.owner.id);
    batch.publish();
    cache.finish_load(&load, &ada);
    assert!(!has(&cache, &ada));
    add(&cache, &ada);
    assert!(has(&cache, &ada));
}

#[test]
fn a_user_of_an_unpublished_batch_is_neither_found_nor_added() {
    let (cache, ada) = (cache(1 << 20), user(1));
    add(&cache, &ada);
    let mut batch = Batch::new(Some(&cache));
    batch.take_out(ada.owner.id);
    assert!(!has(&cache, &ada));
    assert!(cache.begin_load(ada.owner.id).is_none());
    // The transaction is lost.
    drop(batch);
    assert!(!has(&cache, &ada));
    add(&cache, &ada);
    assert!(has(&cache, &ada));
}

#[test]
fn the_users_do_not_exceed_the_capacity_and_each_number_has_its_user() {
    const CAPACITY: u64 = 64 << 10;
    let cache = cache(CAPACITY);
    for number in 0..2000 {
        add(&cache, &user(number));
        // Added again, as by two readers at once.
        add(&cache, &user(number / 2));
    }
    assert!(cache.users.weight() <= CAPACITY);
    assert!((10..1000).contains(&cache.users.len()));
    let numbers = |shard: &Mutex<HashMap<Mobile, UserId>>| shard.lock().clone();
    let numbers: HashMap<_, _> = cache.numbers.iter().flat_map(numbers).collect();
    assert_eq!(numbers.len(), cache.users.len());
    for number in 0..2000 {
        let user = user(number);
        assert_eq!(has(&cache, &user), numbers.contains_key(&user.owner.mobile));
    }
}

#[test]
fn a_user_who_is_larger_than_the_cache_is_not_cached() {
    let (cache, ada) = (cache(100), user(1));
    add(&cache, &ada);
    assert!(!has(&cache, &ada));
    assert!(cache.numbers.iter().all(|shard| shard.lock().is_empty()));
}

#[test]
fn a_number_finds_its_present_owner_only() {
    let (cache, ada) = (cache(1 << 20), user(1));
    add(&cache, &ada);
    let mut batch = Batch::new(Some(&cache));
    batch.forget(ada.owner.id);
    batch.publish();
    let mobile = ada.owner.mobile;
    assert_eq!(cache.user_by_mobile(&mobile), None);
    let mut eve = user(2);
    eve.owner.mobile = mobile.clone();
    eve.active.as_mut().unwrap().owner.mobile = mobile.clone();
    add(&cache, &eve);
    assert_eq!(cache.user_by_mobile(&mobile), Some(eve));
}

#[test]
fn nothing_that_was_read_before_the_cache_was_emptied_is_added() {
    let (cache, ada, bob) = (cache(1 << 20), user(1), user(2));
    add(&cache, &ada);
    let load = cache.begin_load(bob.owner.id).unwrap();
    cache.clear();
    cache.finish_load(&load, &bob);
    assert!(!has(&cache, &ada) && !has(&cache, &bob));
    add(&cache, &ada);
    assert!(has(&cache, &ada));
    cache.close();
    assert!(!has(&cache, &ada));
    assert!(cache.begin_load(ada.owner.id).is_none());
}

#[test]
fn a_state_that_no_commit_leaves_in_the_file_is_not_cached() {
    let cache = cache(1 << 20);
    let mut ended = user(1);
    ended.active.as_mut().unwrap().status = Status::Ended(Ended {
        at: NOW,
        reason: EndReason::Expired,
        replaced_by: None,
    });
    let mut waits_for_nobody = user(2);
    waits_for_nobody.pending = waits_for_nobody.active.take();
    let mut of_another = user(3);
    of_another.active.as_mut().unwrap().owner.username = Username::parse("Eve").unwrap();
    for user in [ended, waits_for_nobody, of_another] {
        add(&cache, &user);
        assert_eq!(cache.user(user.owner.id), None, "{user:?}");
    }
}
