//! Change notifications, which both stores send the same way.

use futures_util::{StreamExt, stream::BoxStream};
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

/// Sends a store's notifications to all of its subscribers.
#[derive(Debug, Clone)]
pub(super) struct ChangeNotifier(broadcast::Sender<ChangeNotification>);

impl ChangeNotifier {
    pub(super) fn new() -> Self {
        Self(broadcast::Sender::new(NOTIFICATION_CAPACITY))
    }

    pub(super) fn send(&self, notification: ChangeNotification) {
        // Sending fails if there is no subscriber.
        let _ = self.0.send(notification);
    }

    pub(super) fn subscribe(&self) -> BoxStream<'static, ChangeNotification> {
        BroadcastStream::new(self.0.subscribe())
            .map(|received| received.unwrap_or(ChangeNotification::Resync))
            .boxed()
    }
}
