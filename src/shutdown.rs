//! Graceful shutdown: a cancellation token and a task tracker. Every task that is spawned with
//! [`Shutdown::spawn`] uses both.

use std::{future::Future, time::Duration};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Signals a group of tasks to end, and waits for them. Clones share the same token and tasks.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    token: CancellationToken,
    tracker: TaskTracker,
}

impl Shutdown {
    /// Begins the shutdown. Idempotent.
    pub fn begin(&self) {
        self.token.cancel();
    }

    /// Returns the token that is canceled when the shutdown begins.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Begins the shutdown when `signal` completes. The signal's name is logged.
    pub fn begin_on(&self, signal: impl Future<Output = &'static str> + Send + 'static) {
        let shutdown = self.clone();
        self.spawn(async move {
            if let Some(signal) = shutdown.token().run_until_cancelled_owned(signal).await {
                tracing::info!(signal, "shutting down");
            }
            shutdown.begin();
        });
    }

    /// Spawns a task. The task must end by itself after the token is canceled.
    #[expect(clippy::disallowed_methods, reason = "the task is tracked")]
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(tokio::spawn(self.tracker.track_future(task)));
    }

    /// Spawns a task and returns its result. The task runs to its end even if the returned future
    /// is dropped after its first poll. A panic of the task is passed on.
    #[expect(clippy::disallowed_methods, reason = "the task is tracked")]
    pub async fn run_to_end<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> T {
        match tokio::spawn(self.tracker.track_future(task)).await {
            Ok(result) => result,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime has shut down and drops every future, this one included.
                Err(_) => std::future::pending().await,
            },
        }
    }

    /// Waits until every task has ended. Returns false if some tasks still run after `grace`.
    pub async fn finished_within(&self, grace: Duration) -> bool {
        self.tracker.close();
        tokio::time::timeout(grace, self.tracker.wait())
            .await
            .is_ok()
    }
}

/// Installs handlers for SIGTERM and SIGINT (Ctrl-C). The returned future completes with the name
/// of the first signal that arrives.
///
/// # Errors
/// Returns an error if the operating system does not allow the handlers.
pub fn signal() -> std::io::Result<impl Future<Output = &'static str>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    })
}
