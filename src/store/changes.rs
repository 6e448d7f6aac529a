//! Change notifications, which both stores send the same way.

use std::{fmt, sync::Arc};

use futures_util::{StreamExt, stream::BoxStream};
use parking_lot::RwLock;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

use crate::domain::UserId;

/// The maximum number of unread notifications of a subscriber. If more arrive, the oldest ones are
/// dropped, and the subscriber receives [`ChangeNotification::Resync`] instead.
const NOTIFICATION_CAPACITY: usize = 1024;

/// A signal to read the log of alerts again. It carries no alerts: the log is the only source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeNotification {
    /// A commit changed this user, or the user was deleted.
    Changed {
        /// The changed user.
        user: UserId,
        /// The sequence of the user's last alert. It is 0 if the user has none or was deleted.
        sequence: u64,
    },
    /// Notifications may have been lost. Read the log of every user that you follow.
    Resync,
}

/// A function that is called with each notification, on the thread or task that sends it. It must
/// return soon, and must not call the store.
pub type ChangeListener = Box<dyn Fn(ChangeNotification) + Send + Sync>;

/// Sends a store's notifications to all of its listeners and subscribers.
#[derive(Clone)]
pub(super) struct ChangeNotifier {
    listeners: Arc<RwLock<Vec<ChangeListener>>>,
    subscribers: broadcast::Sender<ChangeNotification>,
}

impl ChangeNotifier {
    pub(super) fn new() -> Self {
        Self {
            listeners: Arc::default(),
            subscribers: broadcast::Sender::new(NOTIFICATION_CAPACITY),
        }
    }

    pub(super) fn send(&self, notification: ChangeNotification) {
        for listener in &*self.listeners.read() {
            listener(notification);
        }
        // Sending fails if there is no subscriber.
        let _ = self.subscribers.send(notification);
    }

    pub(super) fn listen(&self, listener: ChangeListener) {
        self.listeners.write().push(listener);
    }

    pub(super) fn subscribe(&self) -> BoxStream<'static, ChangeNotification> {
        BroadcastStream::new(self.subscribers.subscribe())
            .map(|received| received.unwrap_or(ChangeNotification::Resync))
            .boxed()
    }
}

impl fmt::Debug for ChangeNotifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChangeNotifier").finish_non_exhaustive()
    }
}
