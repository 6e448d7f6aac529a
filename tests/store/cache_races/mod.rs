//! Readers and writers race over a cache that is too small for all users. No reader ever gets a
//! state that is older than a change that was answered before the read began, and none gets a state
//! that nobody has asked for.

mod slot;
mod writer;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use futures_util::future::join_all;
use sessiond::{
    domain::{Session, Status, UserState},
    store::{Page, Slice, Store},
};
use sessiond_test_support::{StoreLists, contract::StoreFactory};
use tokio::{runtime::Handle, task::JoinSet};

use self::{
    slot::{Answered, Position, Slot},
    writer::{LOSE_BATCHES, Writer},
};
use crate::sqlite_file::SqliteFile;

const USERS: u32 = 24;
const READERS: usize = 4;

/// Room for about half of the users.
const CACHE_SIZE: u64 = 8 << 10;

const FIRST_PAGE: Page = Page {
    before: None,
    limit: 3,
};

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
        5 => check_page(
            slot,
            &before,
            &store.sessions(id, FIRST_PAGE).await.unwrap(),
        ),
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

/// Checks a first page. The sessions of a user have consecutive numbers, because none is purged.
fn check_page(slot: &Slot, before: &Answered, page: &Slice<Session>) {
    if slot.begun().owner != before.position.owner || before.position.version == 0 {
        return;
    }
    let first = page.items.first().expect("the user has a session");
    assert!(first.number >= before.sessions_opened, "{before:?}");
    let numbers = page.items.iter().map(|session| session.number);
    assert!(
        numbers
            .clone()
            .rev()
            .eq(first.number + 1 - page.items.len() as u64..=first.number)
    );
    assert_eq!(page.has_more, numbers.min() > Some(1));
    let open = |session: &&Session| session.status == Status::Active;
    let active = page.items.iter().find(open);
    let ended = active.is_some_and(|active| Some(active.token_hash) == before.ended);
    assert!(!ended, "a session that has ended is active again");
    if let Some((key, _, seen)) = before.active
        && slot.begun() == before.position
    {
        let active = active.expect("a session is active");
        assert!(
            active.key == key && active.last_seen_at >= seen,
            "{before:?}"
        );
    }
}

fn check(slot: &Slot, before: &Answered, found: Option<UserState>) {
    let begun = slot.begun();
    let observed = match &found {
        Some(user) => Position {
            owner: slot.owner(user.owner.id),
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
                        read(&*store, &slots[reads * 5 % slots.len()], reads % 7).await;
                        reads += 1;
                    }
                });
            })
        })
        .collect();
    let mut running = JoinSet::new();
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
