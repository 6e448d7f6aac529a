//! Messages to the service manager: the server is ready, is stopping, or still responds
//! (sd_notify(3)). Without a service manager, nothing is sent.

use sd_notify::NotifyState;
use tokio::time::interval;

use crate::{error_chain::ErrorChain, shutdown::Shutdown};

/// Reports that the server is ready. Then reports twice in each watchdog interval that the runtime
/// still responds, until the shutdown begins.
pub fn ready(shutdown: &Shutdown) {
    notify(NotifyState::Ready);
    let Some(timeout) = sd_notify::watchdog_enabled() else {
        return;
    };
    let stop = shutdown.token();
    shutdown.spawn(async move {
        let mut ticks = interval(timeout / 2);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            notify(NotifyState::Watchdog);
        }
    });
}

/// Reports that the shutdown has begun.
pub fn stopping() {
    notify(NotifyState::Stopping);
}

fn notify(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(error = %ErrorChain(&error), "could not notify the service manager");
    }
}
