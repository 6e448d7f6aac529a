//! A store whose alerts are routed to subscribers.

use std::sync::Arc;

use futures_util::{StreamExt, stream::BoxStream};
use sessiond::{
    access::Visibility,
    alerts::{AlertHub, AlertStreamError, AlertSubscriber, SubscriptionScope},
    clock::SystemClock,
    domain::{Alert, AlertKind},
    store::Store,
};
use sessiond_test_support::{
    fixtures::{POLICY, StoredUser},
    within_deadline,
};
use tempfile::TempDir;

use crate::sqlite_store;

pub(crate) type Stream = BoxStream<'static, Result<(Alert, Visibility), AlertStreamError>>;

/// A store, and a hub that routes its change notifications.
pub(crate) struct RoutedStore {
    pub store: Arc<dyn Store>,
    pub hub: Arc<AlertHub>,
    _folder: TempDir,
}

impl RoutedStore {
    pub(crate) fn start() -> Self {
        let (store, folder) = sqlite_store();
        let hub = Arc::new(AlertHub::new(Arc::clone(&store), Arc::new(SystemClock)));
        hub.listen();
        Self {
            store,
            hub,
            _folder: folder,
        }
    }

    pub(crate) fn subscribe(&self, user: &StoredUser, scope: SubscriptionScope) -> Stream {
        self.subscribe_after(user, scope, user.state.last_alert)
    }

    pub(crate) fn subscribe_after(
        &self,
        user: &StoredUser,
        scope: SubscriptionScope,
        after: u64,
    ) -> Stream {
        AlertSubscriber::new(Arc::clone(&self.hub), user.id(), scope).after(after)
    }

    pub(crate) async fn stop(self) {
        self.store.close().await;
    }
}

/// A subscription with the token of the active session.
pub(crate) fn active(user: &StoredUser) -> SubscriptionScope {
    let session = user.state.active.as_ref().expect("a session is active");
    SubscriptionScope::Session {
        key: session.key,
        token_hash: session.token_hash,
        is_active: true,
    }
}

/// A subscription with the token of the pending session.
pub(crate) fn pending(user: &StoredUser) -> SubscriptionScope {
    let session = user.state.pending.as_ref().expect("a session is pending");
    SubscriptionScope::Session {
        key: session.key,
        token_hash: session.token_hash,
        is_active: false,
    }
}

pub(crate) async fn next(stream: &mut Stream) -> Alert {
    within_deadline(stream.next())
        .await
        .expect("the stream continues")
        .expect("the store is available, and nothing was purged")
        .0
}

pub(crate) async fn next_sequences(stream: &mut Stream, count: usize) -> Vec<u64> {
    let mut sequences = Vec::new();
    for _ in 0..count {
        sequences.push(next(stream).await.sequence);
    }
    sequences
}

pub(crate) async fn read_to_end(stream: Stream) -> Vec<(u64, AlertKind)> {
    let alerts: Vec<_> = within_deadline(stream.collect()).await;
    alerts
        .into_iter()
        .map(|alert| alert.expect("the store is available").0)
        .map(|a| (a.sequence, a.kind))
        .collect()
}

/// Raises `count` alerts: each login is refused, and the next one follows after the alert cooldown.
/// The active session is touched, so that it does not expire.
pub(crate) async fn raise_alerts(user: &mut StoredUser, count: usize) {
    for _ in 0..count {
        user.raise_alert(1).await;
        user.advance(POLICY.alert_cooldown);
        let touch = user.active_touch(user.now);
        user.store.touch(&[touch]).await.unwrap();
        user.state = user.read_state().await;
    }
}
