//! What the turns of a sender share: its parts, and the pause that the receiver wants.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{lease::Lease, sender::Sender};
use crate::domain::Timestamp;

/// The time that running requests have after the server begins to stop. It is shorter than the time
/// that the server gives to its background tasks.
const STOP_GRACE: Duration = Duration::from_secs(3);

/// What the turns of a round share.
pub(super) struct Shared<'a> {
    pub sender: &'a Sender,
    pub lease: &'a Lease,
    pub stop: &'a CancellationToken,
    /// Until when the receiver wants no message at all.
    paused_until: Mutex<Option<Timestamp>>,
}

impl<'a> Shared<'a> {
    pub fn new(sender: &'a Sender, lease: &'a Lease, stop: &'a CancellationToken) -> Self {
        Self {
            sender,
            lease,
            stop,
            paused_until: Mutex::new(None),
        }
    }

    /// Ends when a request that still runs may no longer delay the end of the server.
    pub async fn stop_grace(&self) {
        self.stop.cancelled().await;
        sleep(STOP_GRACE).await;
    }

    /// Begins no further try for this time.
    pub fn pause_for(&self, pause: Duration) {
        let until = self.sender.clock.now().plus(pause);
        let mut paused_until = self.paused_until.lock();
        *paused_until = (*paused_until).max(Some(until));
    }

    /// Until when no try may begin. `None` if one may begin now.
    pub fn paused_until(&self) -> Option<Timestamp> {
        let until = *self.paused_until.lock();
        until.filter(|until| *until > self.sender.clock.now())
    }
}
