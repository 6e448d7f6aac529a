//! Live delivery of alerts. Each user with subscribers has one `tokio::sync::broadcast` channel,
//! which is created with the first subscriber and dropped with the last.
//!
//! A channel only wakes its subscribers. They read every alert from the log in the store, in the
//! order of the sequence numbers. So a subscriber gets each alert once and in order, even if its
//! channel has missed notifications.

mod listeners;
mod subscriber;

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::sync::broadcast;

use self::listeners::Listeners;
pub use self::subscriber::{AlertSubscriber, SubscriptionScope};
use crate::{
    backoff::Backoff,
    clock::Clock,
    domain::{Session, SessionKey, Timestamp, UserId, UserState},
    store::{ChangeNotification, Store, StoreError},
};

/// The capacity of a channel. One notification has the same effect as many, so a subscriber that
/// lags behind misses nothing.
const CHANNEL_CAPACITY: usize = 1;

/// The first pause after the store was unavailable. Each further pause is twice as long.
const MIN_RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// The longest pause while the store is unavailable.
const MAX_RETRY_INTERVAL: Duration = Duration::from_secs(5);

const fn store_backoff() -> Backoff {
    Backoff::new(MIN_RETRY_INTERVAL, MAX_RETRY_INTERVAL)
}

/// Loads a session of an alert that is being delivered to a subscriber. Retries while the store is
/// unavailable: if the delivery failed, the subscriber would never get this alert.
///
/// # Errors
/// Returns [`StoreError::Damaged`] if the stored session is damaged.
pub async fn load_session(
    store: &dyn Store,
    user: UserId,
    key: SessionKey,
) -> Result<Option<Session>, StoreError> {
    let mut backoff = store_backoff();
    loop {
        match store.session(user, key).await {
            Err(StoreError::Unavailable(_)) => backoff.wait().await,
            result => return result,
        }
    }
}

/// Loads a user for an alert that is being delivered to a subscriber, as [`load_session`] does.
///
/// # Errors
/// Returns [`StoreError::Damaged`] if the stored user is damaged.
pub async fn load_user(store: &dyn Store, user: UserId) -> Result<Option<UserState>, StoreError> {
    let mut backoff = store_backoff();
    loop {
        match store.user(user).await {
            Err(StoreError::Unavailable(_)) => backoff.wait().await,
            result => return result,
        }
    }
}

/// The reason why a stream of alerts failed.
#[derive(Debug, thiserror::Error)]
pub enum AlertStreamError {
    /// Alerts that the subscriber has not received were purged.
    #[error("alerts of the log were purged before the subscriber received them")]
    Purged,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Forwards the change notifications of the store to the subscribers of the changed user.
#[derive(Debug)]
pub struct AlertHub {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    channels: Mutex<HashMap<UserId, broadcast::Sender<()>>>,
    listeners: Listeners,
}

impl AlertHub {
    /// Creates a hub without subscribers.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            channels: Mutex::default(),
            listeners: Listeners::default(),
        }
    }

    /// Forwards the notifications of the store from now on, as long as the hub is in use.
    pub fn listen(self: &Arc<Self>) {
        // The hub has the store, which must not keep it.
        let hub = Arc::downgrade(self);
        self.store.on_change(Box::new(move |notification| {
            if let Some(hub) = hub.upgrade() {
                hub.forward(notification);
            }
        }));
    }

    /// Forwards a notification. A user without subscribers costs a look-up.
    pub fn forward(&self, notification: ChangeNotification) {
        let channels = self.channels.lock();
        // Sending fails only without a receiver, and every channel in the map has one.
        match notification {
            ChangeNotification::Changed { user, .. } => {
                if let Some(channel) = channels.get(&user) {
                    let _ = channel.send(());
                }
            }
            ChangeNotification::Resync => {
                for channel in channels.values() {
                    let _ = channel.send(());
                }
            }
        }
    }

    /// Returns the number of users who have subscribers.
    #[must_use]
    pub fn subscribed_users(&self) -> usize {
        self.channels.lock().len()
    }

    /// Returns true if a subscription of this session is open on this node.
    #[must_use]
    pub fn is_listening(&self, session: SessionKey) -> bool {
        self.listeners.contains(session)
    }

    /// Returns the last time when a subscription of this session was open on this node: `now` if one
    /// is open. `None` if there was none, or if its end is forgotten.
    #[must_use]
    pub fn last_listened(&self, session: SessionKey, now: Timestamp) -> Option<Timestamp> {
        self.listeners.last_open(session, now)
    }

    /// Forgets the subscriptions that were closed before `before`.
    pub fn forget_listeners(&self, before: Timestamp) {
        self.listeners.forget_closed(before, self.clock.now());
    }

    /// Returns the sessions whose first subscription on this node was opened, or whose last one was
    /// closed, since the last call. Each comes with whether it has one now.
    #[must_use]
    pub fn take_listener_changes(&self) -> Vec<(SessionKey, bool)> {
        self.listeners.take_changes()
    }

    /// Adds sessions to the next [`AlertHub::take_listener_changes`].
    pub fn put_back_listener_changes(&self, sessions: impl IntoIterator<Item = SessionKey>) {
        self.listeners.put_back(sessions);
    }

    fn join(&self, user: UserId) -> broadcast::Receiver<()> {
        self.channels
            .lock()
            .entry(user)
            .or_insert_with(|| broadcast::Sender::new(CHANNEL_CAPACITY))
            .subscribe()
    }

    /// Drops a receiver, and the channel if this was its last receiver. One lock covers both steps:
    /// if two receivers leave at the same time, the second one drops the channel.
    fn leave(&self, user: UserId, receiver: broadcast::Receiver<()>) {
        let mut channels = self.channels.lock();
        drop(receiver);
        if channels
            .get(&user)
            .is_some_and(|channel| channel.receiver_count() == 0)
        {
            channels.remove(&user);
        }
    }
}
