//! The store's handle on its writer thread.

use std::{sync::Arc, thread::JoinHandle};

use tokio::sync::mpsc;

use super::{lock::Lock, writer::Command};

/// The running writer thread, and the lock of its file.
#[derive(Debug)]
pub(super) struct Writer {
    pub commands: mpsc::Sender<Command>,
    pub thread: JoinHandle<()>,
    pub lock: Arc<Lock>,
}

impl Writer {
    /// Waits until the accepted writes are finished. Returns the lock, which must be held until the
    /// other connections are closed.
    pub(super) async fn finish(self) -> Arc<Lock> {
        let Self {
            commands,
            thread,
            lock,
        } = self;
        drop(commands);
        let joined = tokio::task::spawn_blocking(move || thread.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            tracing::error!("the SQLite writer thread panicked");
        }
        lock
    }
}
