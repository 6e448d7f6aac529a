//! Saves the changes of a write-ahead log whose name is gone: the next start would not find them.
//!
//! The connections still have the log open, so the writer copies it into the database. They keep using
//! it, because they share its index. So no change may be written until the log has its name again or
//! the server was restarted.

use std::{
    fmt::Display,
    time::{Duration, Instant},
};

use rusqlite::Connection;

use super::{log_size::copy_all, placement::Placement};
use crate::log_limit::LogLimit;

/// How often the log is copied at most before the server stops.
const LAST_ATTEMPTS: usize = 50;

/// The time between two of these attempts.
const PAUSE: Duration = Duration::from_millis(100);

/// The progress of the writer.
#[derive(Debug, Default)]
pub(super) struct MisplacedLog {
    is_copied: bool,
    failures: LogLimit,
}

impl MisplacedLog {
    /// Notes that the log has its name, so that it may get further changes.
    pub(super) fn is_back(&mut self) {
        self.is_copied = false;
    }

    /// Copies the log into the database, unless this was done. The caller repeats it: a program that
    /// reads the database can prevent it for a while.
    pub(super) fn save(&mut self, writer: &Connection, placement: &Placement) {
        if self.is_copied {
            return;
        }
        match copy_all(writer) {
            Ok(true) => match placement.sync() {
                Ok(()) => {
                    self.is_copied = true;
                    tracing::warn!(
                        "the database has all changes of the write-ahead log that was moved; \
                         restart the server"
                    );
                }
                Err(error) => self.log_failure(error),
            },
            Ok(false) => self.log_failure("a program is reading the database"),
            Err(error) => self.log_failure(error),
        }
    }

    /// Copies the log as [`Self::save`] does, and waits some seconds for the programs that prevent it:
    /// afterward, its changes are gone.
    pub(super) fn save_at_the_end(&mut self, writer: &Connection, placement: &Placement) {
        for _ in 0..LAST_ATTEMPTS {
            self.save(writer, placement);
            if self.is_copied {
                return;
            }
            std::thread::sleep(PAUSE);
        }
        tracing::error!(
            "the server stops, and the changes of the write-ahead log that was moved are lost unless \
             that file is put back"
        );
    }

    fn log_failure(&self, error: impl Display) {
        if let Some(count) = self.failures.record(Instant::now()) {
            tracing::error!(
                %error,
                count,
                "cannot copy the write-ahead log that was moved into the database, will retry; do \
                 not stop the server"
            );
        }
    }
}
