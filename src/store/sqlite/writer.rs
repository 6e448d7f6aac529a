//! The only thread that writes. It performs all queued commands in one transaction, syncs once, and
//! then replies to all of them (group commit), so that they share the cost of the sync under load.
//!
//! A command has no savepoint of its own. After a savepoint, SQLite copies each page before it
//! changes, and writes the copies of a large batch to a temporary file: 23 of the 25 writes of a
//! login, if 64 share a transaction. A command is therefore refused (stale, or a number that is
//! taken) before it writes anything, and an error after that loses the whole transaction. Its
//! commands are then performed again, each in a transaction of its own, so that only the one that
//! fails gets the error.

mod reply;

use std::{path::Path, thread::JoinHandle};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::mpsc;

pub(super) use self::reply::Reply;
use super::{
    cache::Batch,
    delete,
    errors::{classify, unavailable},
    failed_logins,
    log_size::LogFile,
    maintenance,
    publisher::Publisher,
    write,
};
use crate::{
    domain::{Timestamp, UserId},
    error_chain::ErrorChain,
    store::{ChangeNotification, Commit, CommitError, FailedLogins, Purged, StoreError, Touch},
};

/// The maximum number of commands that wait for the writer. If the queue is full, callers wait, and
/// their requests take longer.
const QUEUE_CAPACITY: usize = 1024;

/// The maximum number of commands in one transaction: enough to share the cost of a sync, and few
/// enough to reply to the first one soon.
const MAX_BATCH_SIZE: usize = 256;

/// A write, and where to send its result.
pub(super) enum Command {
    Commit {
        commit: Box<Commit>,
        reply: Reply<(), CommitError>,
    },
    DeleteUser {
        user: UserId,
        reply: Reply<bool, StoreError>,
    },
    Touch {
        touches: Vec<Touch>,
        reply: Reply<(), StoreError>,
    },
    Purge {
        before: Timestamp,
        limit: usize,
        reply: Reply<Purged, StoreError>,
    },
    SaveFailedLogins {
        failures: FailedLogins,
        now: Timestamp,
        reply: Reply<(), StoreError>,
    },
    /// Detects that another program has written the file, which every batch does. If the batch has
    /// no other command, it begins no transaction.
    DetectOtherWriters,
}

impl Command {
    /// Performs the command inside the batch's transaction, keeps its result, and notes the
    /// `changes` for the cache. An `Err` means that the transaction is lost, because a part of the
    /// command may have been written.
    fn perform(
        &mut self,
        connection: &Connection,
        changes: &mut Batch<'_>,
    ) -> Result<(), StoreError> {
        match self {
            Self::Commit { commit, reply } => {
                let user = commit.user.owner.id;
                changes.take_out(user);
                let rows_before = connection.total_changes();
                let result = write::commit(connection, commit)?;
                match &result {
                    // A commit that was applied before changes no row.
                    Ok(()) if connection.total_changes() == rows_before => {}
                    Ok(()) => changes.apply(commit),
                    // The next decision must be made on the state in the file.
                    Err(_) => changes.forget(user),
                }
                reply.result = Some(result);
            }
            Self::DeleteUser { user, reply } => {
                changes.forget(*user);
                let deleted = delete::delete_user(connection, *user).map_err(classify("user"))?;
                reply.result = Some(Ok(deleted));
            }
            Self::Touch { touches, reply } => {
                for touch in touches.iter() {
                    changes.take_out(touch.user);
                }
                maintenance::touch(connection, touches).map_err(classify("session"))?;
                changes.touch(touches);
                reply.result = Some(Ok(()));
            }
            Self::Purge {
                before,
                limit,
                reply,
            } => {
                let purged = maintenance::purge(connection, *before, *limit);
                reply.result = Some(Ok(purged.map_err(classify("session"))?));
            }
            Self::SaveFailedLogins {
                failures,
                now,
                reply,
            } => {
                let saved = failed_logins::save(connection, failures, *now);
                reply.result = Some(Ok(saved.map_err(classify("failed login"))?));
            }
            Self::DetectOtherWriters => {}
        }
        Ok(())
    }

    /// Sends the command's result to its caller. Returns the notification to send to subscribers.
    fn complete(self, durable: Result<(), StoreError>) -> Option<ChangeNotification> {
        match self {
            Self::Commit { commit, reply } => {
                reply.send(durable).then_some(ChangeNotification::Changed {
                    user: commit.user.owner.id,
                    sequence: commit.user.last_alert,
                })
            }
            Self::DeleteUser { user, reply } => {
                let existed = matches!(reply.result, Some(Ok(true)));
                (reply.send(durable) && existed)
                    .then_some(ChangeNotification::Changed { user, sequence: 0 })
            }
            Self::Touch { reply, .. } | Self::SaveFailedLogins { reply, .. } => {
                reply.send(durable);
                None
            }
            Self::Purge { reply, .. } => {
                reply.send(durable);
                None
            }
            Self::DetectOtherWriters => None,
        }
    }
}

/// Starts the writer thread for the database at `path`. It ends when all senders are dropped and
/// the queue is empty.
pub(super) fn start(
    connection: Connection,
    path: &Path,
    publisher: Publisher,
) -> std::io::Result<(mpsc::Sender<Command>, JoinHandle<()>)> {
    let (sender, commands) = mpsc::channel(QUEUE_CAPACITY);
    let log = LogFile::of(path);
    let thread = std::thread::Builder::new()
        .name("sqlite-writer".into())
        .spawn(move || run(connection, &log, commands, publisher))?;
    Ok((sender, thread))
}

fn run(
    mut connection: Connection,
    log: &LogFile,
    mut commands: mpsc::Receiver<Command>,
    mut publisher: Publisher,
) {
    while let Some(first) = commands.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < MAX_BATCH_SIZE
            && let Ok(next) = commands.try_recv()
        {
            batch.push(next);
        }
        let is_maintenance = batch
            .iter()
            .any(|command| matches!(command, Command::Purge { .. }));
        if let [Command::DetectOtherWriters] = batch[..] {
            if let Err(error) = publisher.detect_other_writers(&connection) {
                tracing::warn!(%error, "could not find out whether the database has changed");
            }
        } else {
            write_batch(&mut connection, batch, &mut publisher);
        }
        if is_maintenance {
            log.limit_size(&connection);
        }
    }
}

/// The reason why a transaction was lost.
enum Lost {
    /// A command has failed.
    Command(StoreError),
    /// The transaction could not begin, or could not be made durable.
    Transaction(rusqlite::Error),
}

fn write_batch(connection: &mut Connection, mut batch: Vec<Command>, publisher: &mut Publisher) {
    let lost = match perform_all(connection, &mut batch, publisher) {
        Ok(()) => None,
        Err(Lost::Command(_)) => {
            for command in batch {
                write_alone(connection, command, publisher);
            }
            return;
        }
        Err(Lost::Transaction(error)) => Some(error),
    };
    if let Some(error) = &lost {
        log_lost(&unavailable(error));
    }
    for command in batch {
        let durable = lost
            .as_ref()
            .map_or(Ok(()), |error| Err(unavailable(error)));
        complete(command, durable, publisher);
    }
}

/// Performs a command of a batch that was lost because of one of its commands.
fn write_alone(connection: &mut Connection, mut command: Command, publisher: &mut Publisher) {
    let batch = std::slice::from_mut(&mut command);
    let durable = perform_all(connection, batch, publisher).map_err(|lost| {
        let error = match lost {
            Lost::Command(error) => error,
            Lost::Transaction(error) => unavailable(&error),
        };
        log_lost(&error);
        error
    });
    complete(command, durable, publisher);
}

fn log_lost(error: &StoreError) {
    tracing::error!(error = %ErrorChain(error), "write transaction failed");
}

fn complete(command: Command, durable: Result<(), StoreError>, publisher: &Publisher) {
    if let Some(notification) = command.complete(durable) {
        publisher.notify(notification);
    }
}

/// Performs all commands in one transaction, and makes it durable. The cache then has the new states
/// of the users, before a caller gets a result. If the transaction is lost, the users leave the
/// cache.
fn perform_all(
    connection: &mut Connection,
    batch: &mut [Command],
    publisher: &mut Publisher,
) -> Result<(), Lost> {
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(Lost::Transaction)?;
    publisher
        .detect_other_writers(&transaction)
        .map_err(Lost::Transaction)?;
    let mut changes = publisher.batch();
    for command in batch {
        command
            .perform(&transaction, &mut changes)
            .map_err(Lost::Command)?;
    }
    transaction.commit().map_err(Lost::Transaction)?;
    changes.publish();
    Ok(())
}

#[cfg(test)]
mod tests;
