//! Makes the changes of the file visible: to the cache, to those who follow the alert logs, and to the
//! callers of the writer.

use std::{sync::Arc, time::Instant};

use rusqlite::Connection;

use super::{
    cache::{Batch, UserCache},
    writer::{Command, Replies},
};
use crate::{
    log_limit::LogLimit,
    store::{ChangeNotification, changes::ChangeNotifier},
};

/// The cache and the subscribers of one store, as the writer sees them.
#[derive(Debug)]
pub(super) struct Publisher {
    cache: Option<Arc<UserCache>>,
    notifier: ChangeNotifier,
    replies: Replies,
    /// The version of the file that the writer knows. SQLite changes it for the writer's connection
    /// whenever another connection commits.
    file_version: i64,
    other_writes: LogLimit,
}

impl Publisher {
    /// `connection` is the writer's. If this thread belongs to a runtime, the results of the commits
    /// are sent on its threads.
    pub(super) fn new(
        connection: &Connection,
        cache: Option<Arc<UserCache>>,
        notifier: ChangeNotifier,
    ) -> rusqlite::Result<Self> {
        Ok(Self {
            cache,
            replies: Replies::start(notifier.clone()),
            notifier,
            file_version: file_version(connection)?,
            other_writes: LogLimit::default(),
        })
    }

    /// If another program has written the file since the last call, empties the cache, and lets
    /// every subscriber read its log again. Inside a write transaction, no program can write until
    /// its end.
    pub(super) fn detect_other_writers(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let version = file_version(connection)?;
        if version != self.file_version {
            self.file_version = version;
            if let Some(cache) = &self.cache {
                cache.clear();
            }
            self.notifier.send(ChangeNotification::Resync);
            if let Some(count) = self.other_writes.record(Instant::now()) {
                tracing::warn!(count, "another program has written the database");
            }
        }
        Ok(())
    }

    /// The changes of a new batch to the cache.
    pub(super) fn batch(&self) -> Batch<'_> {
        Batch::new(self.cache.as_deref())
    }

    /// Sends the results of the commands of a batch that is durable, and their notifications.
    pub(super) fn send_results(&self, batch: Vec<Command>) {
        self.replies.send(batch);
    }

    /// Sends a notification to all subscribers.
    pub(super) fn notify(&self, notification: ChangeNotification) {
        self.notifier.send(notification);
    }
}

fn file_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("PRAGMA data_version")?
        .query_row([], |row| row.get(0))
}
