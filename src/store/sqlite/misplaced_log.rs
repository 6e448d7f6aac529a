//! Saves the changes of a write-ahead log whose name is gone: the next start would not find them.
//!
//! The connections still have the log open, so the writer copies it into the database. They keep using
//! it, because they share its index. So no change may be written until the log has its name again or
//! the server was restarted.

use std::{fmt::Display, time::Instant};

use rusqlite::Connection;

use super::{log_size::copy_all, placement::Placement};
use crate::log_limit::LogLimit;

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
