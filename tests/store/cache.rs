//! The cache of the SQLite store. The contract holds with a cache that always evicts and without a
//! cache, as it does with the default cache in `sqlite`.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use async_trait::async_trait;
use sessiond::{
    access::Caller,
    domain::{
        Session, SessionKey, UserAgent, UserState, Username,
        rules::{Decision, OnConflict},
    },
    service::{Client, CreateUser, DeviceInput, NewSession},
    store::{Page, Store, StoreError},
};
use sessiond_test_support::{
    StoreLists,
    contract::StoreFactory,
    fixtures::{POLICY, StoredUser, active, device, service, unique_id, unique_mobile},
    store_contract_tests,
};

use crate::sqlite_file::SqliteFile;

/// A cache for about three users.
pub(crate) const TINY: u64 = 2 << 10;

/// A file that is opened with a cache of this many bytes.
struct WithCache<const SIZE: u64>(SqliteFile);

#[async_trait]
impl<const SIZE: u64> StoreFactory for WithCache<SIZE> {
    async fn create() -> Self {
        Self(SqliteFile::create().await)
    }

    async fn open(&self) -> Arc<dyn Store> {
        self.0.open_with_cache(SIZE)
    }
}

mod with_a_tiny_cache {
    use super::*;
    store_contract_tests!(WithCache<TINY>);
}

mod without_a_cache {
    use super::*;
    store_contract_tests!(WithCache<0>);
}

/// Makes every read of a user or a session from the file fail, without the knowledge of the store.
pub(crate) fn hide_tables(file: &SqliteFile) {
    file.edit("DROP VIEW users; DROP VIEW sessions");
}

pub(crate) fn is_unavailable<T>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Unavailable(_)))
}

#[tokio::test]
async fn known_users_and_their_current_sessions_are_read_without_the_file() {
    let file = SqliteFile::create().await;
    let store = file.open().await;
    let written = StoredUser::register(&store, 1).await;
    let mut waiting = StoredUser::register(&store, 2).await;
    waiting.log_in_pending(1).await;
    store.close().await;

    let store = file.open().await;
    // One user is known because it was read, and the other one because it was changed.
    assert_eq!(
        store.user(waiting.id()).await.unwrap().as_ref(),
        Some(&waiting.state)
    );
    let mut written = StoredUser {
        store: Arc::clone(&store),
        ..written
    };
    let replaced = active(&written.state).clone();
    written.take_over(1).await;
    hide_tables(&file);
    for user in [&written.state, &waiting.state] {
        let id = user.owner.id;
        assert_eq!(store.user(id).await.unwrap().as_ref(), Some(user));
        let by_mobile = store.user_by_mobile(&user.owner.mobile).await.unwrap();
        assert_eq!(by_mobile.as_ref(), Some(user));
        for session in user.active.iter().chain(&user.pending) {
            let by_token = store.session_by_token(id, &session.token_hash).await;
            assert_eq!(by_token.unwrap().as_ref(), Some(session));
            let by_key = store.session(id, session.key).await;
            assert_eq!(by_key.unwrap().as_ref(), Some(session));
        }
    }
    // A session that has ended is read from the file, unless a page has it.
    let ended = store.session_by_token(written.id(), &replaced.token_hash);
    assert!(is_unavailable(&ended.await));
    assert!(is_unavailable(
        &store.session(written.id(), replaced.key).await
    ));
    store.close().await;
}

#[tokio::test]
async fn a_closed_store_returns_nothing_from_its_cache() {
    let file = SqliteFile::create().await;
    let store = file.open().await;
    let ada = StoredUser::register(&store, 1).await;
    ada.assert_stored().await;
    store.close().await;
    let session = active(&ada.state);
    assert!(is_unavailable(&store.user(ada.id()).await));
    assert!(is_unavailable(
        &store.user_by_mobile(&ada.state.owner.mobile).await
    ));
    let by_token = store.session_by_token(ada.id(), &session.token_hash).await;
    assert!(is_unavailable(&by_token));
}

#[tokio::test]
async fn the_session_of_a_token_is_readable_if_its_user_is_damaged() {
    let file = SqliteFile::create().await;
    let store = file.open().await;
    let ada = StoredUser::register(&store, 1).await;
    store.close().await;
    file.edit("UPDATE records SET version = -1 WHERE part = 0");
    let store = file.open().await;
    let hash = active(&ada.state).token_hash;
    let session = store.session_by_token(ada.id(), &hash).await.unwrap();
    assert_eq!(session, ada.state.active);
    store.close().await;
}

#[tokio::test]
async fn the_session_that_authentication_has_read_is_not_read_again() {
    let file = SqliteFile::create().await;
    let store = file.open_with_cache(0);
    let service = Arc::new(service(&store));
    let client = Client {
        user_agent: UserAgent::from_header(None),
        address: Ipv4Addr::LOCALHOST.into(),
    };
    let input = CreateUser {
        mobile: unique_mobile(),
        username: Username::parse("Ada").unwrap(),
        password: None,
        device: DeviceInput::default(),
    };
    let created = service
        .create_user(&Caller::development(), &client, input)
        .await;
    let NewSession { session, token } = created.unwrap().1;
    let caller = service.authenticate(Some(&token.reveal())).await.unwrap();
    assert!(matches!(caller, Caller::Session(_)));
    hide_tables(&file);
    let own = service.visible_session(&caller, session.key).await.unwrap();
    assert_eq!(own.map(|(own, _)| own), Some(session));
    let other = SessionKey::new(unique_id());
    assert!(service.visible_session(&caller, other).await.is_err());
    store.close().await;
}

/// Each command, in an order that depends on the user's number, with touches in between.
async fn live(mut user: StoredUser, number: u32) -> UserState {
    let second = Duration::from_secs(1);
    for step in 0..12_u8 {
        user.advance(second);
        user.state = user.read_state().await;
        let has_active = user.state.active.is_some();
        match (number * 7 + u32::from(step * step)) % 9 {
            0 if has_active => {
                let commit = user.decide_take_over(1);
                let touch = [user.active_touch(user.now.plus(second))];
                // Both in one batch, in either order.
                let (touched, committed) =
                    tokio::join!(user.store.touch(&touch), user.store.commit(commit));
                touched.unwrap();
                committed.unwrap();
            }
            1 if has_active => user.raise_alert(100 + step).await,
            2 if has_active => {
                user.log_in_pending(3).await;
                user.advance(second);
                user.log_in(device(3), OnConflict::Ask).await;
            }
            3 if has_active && user.state.pending.is_some() => {
                user.decide_pending_login(Decision::Approve).await;
            }
            4 if user.state.pending.is_some() => {
                user.decide_pending_login(Decision::Deny).await;
            }
            5 if has_active => user.invalidate_session(user.active()).await,
            6 if has_active => {
                user.advance(2 * POLICY.idle_timeout);
                user.expire().await;
            }
            // The clock is set back by an hour.
            7 if has_active => {
                user.now = user.now.minus(3600 * second);
                user.expire().await;
            }
            _ => {
                user.take_over(10 + step).await;
            }
        }
    }
    user.read_state().await
}

/// The limits of the pages that are read, one after the other. Some are read again after a longer
/// one, from which they follow, and some before.
const LIMITS: [usize; 8] = [2, 1, 3, 3, 0, 5, 100, 4];

async fn first_page(
    store: &Arc<dyn Store>,
    user: &UserState,
    limit: usize,
) -> (Vec<Session>, bool) {
    let page = Page {
        before: None,
        limit,
    };
    let page = store.sessions(user.owner.id, page).await.unwrap();
    (page.items, page.has_more)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cache_has_what_the_file_has_after_any_history() {
    let file = SqliteFile::create().await;
    let store = file.open().await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 1..=150 {
        let user = StoredUser::register(&store, number).await;
        tasks.spawn(live(user, number));
    }
    let cached = tasks.join_all().await;
    let mut pages = Vec::new();
    for (user, limit) in cached
        .iter()
        .flat_map(|user| LIMITS.map(|limit| (user, limit)))
    {
        pages.push(first_page(&store, user, limit).await);
    }
    store.close().await;
    let store = file.open_with_cache(0);
    for user in &cached {
        let stored = store.user(user.owner.id).await.unwrap();
        assert_eq!(stored.as_ref(), Some(user));
        for limit in LIMITS {
            let stored = first_page(&store, user, limit).await;
            assert_eq!(pages.remove(0), stored, "{limit}");
        }
    }
    store.close().await;
}
