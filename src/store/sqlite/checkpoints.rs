//! Checkpoints: they copy the write-ahead log into the database, so that SQLite can start again at
//! the beginning of the log.
//!
//! By default, SQLite makes a checkpoint in the commit that brings the log to 1,000 pages, and every
//! login of that commit and behind it waits. Here a thread of its own copies the log while the
//! writer continues. SQLite starts the log again only if all of it is copied. The writer therefore
//! copies the rest, which it has written in the meantime, between two batches.
//!
//! SQLite syncs the database only in the checkpoint that copies the rest, so it would write all pages
//! to the disk while the logins wait. The thread therefore syncs what it has copied, and copies again,
//! until little is left.

use std::{
    cell::Cell,
    fmt::Display,
    path::Path,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::{Builder, JoinHandle},
    time::Instant,
};

use rusqlite::{Connection, hooks::Wal};

use super::{open, placement::Placement};
use crate::{log_limit::LogLimit, store::OpenError};

/// The size of the log at which a checkpoint starts, in pages of 4 KiB: 8 MB. In a longer log, more
/// of the pages have a newer version behind them, and only the newest version is copied.
const MIN_LOG_PAGES: i32 = 2000;

/// The size of the log at which the writer waits for the thread: 16 MB. Otherwise the log would grow
/// as long as the writer is faster than the thread.
const MAX_LOG_PAGES: i32 = 4000;

/// The thread copies again if it has copied more pages than this.
const FEW_PAGES: i64 = 200;

/// How often the thread copies at most before the writer copies the rest.
const MAX_PASSES: usize = 5;

thread_local! {
    /// The size of the log after the last commit of this thread, in pages.
    static LOG_PAGES: Cell<i32> = const { Cell::new(0) };
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of the hook")]
fn note_log_pages(_: &Wal, pages: i32) -> rusqlite::Result<()> {
    LOG_PAGES.set(pages);
    Ok(())
}

/// Makes the checkpoints of the writer.
#[derive(Debug)]
pub(super) struct Checkpoints {
    requests: SyncSender<()>,
    thread: JoinHandle<()>,
    progress: Progress,
    /// The thread sends a message after each checkpoint.
    copied: Receiver<()>,
    failures: LogLimit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Idle,
    Running,
}

impl Checkpoints {
    /// Starts the thread, and turns off the checkpoints in the commits of `writer`.
    ///
    /// # Errors
    /// [`OpenError`] if the file cannot be opened again or the thread cannot be started.
    pub(super) fn start(writer: &Connection, placement: &Placement) -> Result<Self, OpenError> {
        let placement = placement.clone();
        let path = placement.path();
        let connection = open_with_log(path).map_err(|error| open::cannot_open(path, &error))?;
        let (requests, received) = sync_channel(1);
        let (done, copied) = sync_channel(1);
        let thread = Builder::new()
            .name("sqlite-checkpoint".into())
            .spawn(move || run(&connection, &placement, &received, &done))
            .map_err(|error| OpenError(format!("cannot start a thread: {error}")))?;
        writer.wal_hook(Some(note_log_pages));
        Ok(Self {
            requests,
            thread,
            progress: Progress::Idle,
            copied,
            failures: LogLimit::default(),
        })
    }

    /// Starts or ends a checkpoint if it is time. The writer calls this after each batch, on its
    /// thread.
    pub(super) fn after_batch(&mut self, writer: &Connection) {
        let pages = LOG_PAGES.get();
        match self.progress {
            Progress::Idle if pages >= MIN_LOG_PAGES => {
                // If the thread has panicked, the writer copies everything at the maximum.
                let _ = self.requests.try_send(());
                self.progress = Progress::Running;
            }
            Progress::Running if self.is_copied(pages) => {
                self.progress = Progress::Idle;
                // Otherwise nothing was left, and the log has started again.
                if pages >= MIN_LOG_PAGES {
                    copy_log(writer, &self.failures);
                }
            }
            Progress::Idle | Progress::Running => {}
        }
    }

    /// Returns whether the thread has copied its part of the log. Waits for it if the log is large.
    fn is_copied(&self, pages: i32) -> bool {
        if pages < MAX_LOG_PAGES {
            return self.copied.try_recv().is_ok();
        }
        let _ = self.copied.recv();
        true
    }

    /// Waits until the thread has ended.
    pub(super) fn stop(self) {
        drop(self.requests);
        if self.thread.join().is_err() {
            tracing::error!("the SQLite checkpoint thread panicked");
        }
    }
}

/// SQLite opens the log with the first statement. The log must be the one of the writer: a checkpoint
/// would not notice another one.
fn open_with_log(path: &Path) -> rusqlite::Result<Connection> {
    let connection = open::open(path)?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(connection)
}

fn run(
    connection: &Connection,
    placement: &Placement,
    requests: &Receiver<()>,
    copied: &SyncSender<()>,
) {
    let failures = LogLimit::default();
    while let Ok(()) = requests.recv() {
        copy_most(connection, placement, &failures);
        let _ = copied.send(());
    }
}

/// Copies the log, and what the writer has written in the meantime, until little is left.
fn copy_most(connection: &Connection, placement: &Placement, failures: &LogLimit) {
    let mut copied = 0;
    for _ in 0..MAX_PASSES {
        let before = copied;
        let Some(now) = copy_log(connection, failures) else {
            return;
        };
        copied = now;
        // A reader that needs an older part of the log may leave nothing to copy.
        if copied <= before {
            return;
        }
        if let Err(error) = placement.sync() {
            // The writer's checkpoint syncs again, before the log starts again.
            log_failure(error, failures);
            return;
        }
        if copied - before <= FEW_PAGES {
            return;
        }
    }
}

/// Copies as much of the log as can be copied without waiting for a reader. Returns how many pages of
/// the log have been copied since it started, unless it fails.
fn copy_log(connection: &Connection, failures: &LogLimit) -> Option<i64> {
    let copied = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
        row.get("checkpointed")
    });
    copied
        .inspect_err(|error| log_failure(error, failures))
        .ok()
}

fn log_failure(error: impl Display, failures: &LogLimit) {
    if let Some(count) = failures.record(Instant::now()) {
        tracing::warn!(
            %error,
            count,
            "cannot copy the write-ahead log into the database"
        );
    }
}
