//! The only thread that writes. It performs all queued commands in one transaction, syncs once, and
//! then replies to all of them (group commit), so that they share the cost of the sync under load.

use std::{path::Path, thread::JoinHandle};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::{
    cache::Batch,
    delete,
    errors::{classify, unavailable},
    log_size::LogFile,
    maintenance,
    publisher::Publisher,
    write,
};
use crate::{
    domain::{Timestamp, UserId},
    error_chain::ErrorChain,
    store::{ChangeNotification, Commit, CommitError, Purged, StoreError, Touch},
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
    /// Detects that another program has written the file, which every batch does. If the batch has
    /// no other command, it begins no transaction.
    DetectOtherWriters,
}

impl Command {
    /// Sends `error` to the caller. The command was not performed.
    fn fail(self, error: StoreError) {
        match self {
            Self::Commit { reply, .. } => reply.send(Err(error.into())),
            Self::DeleteUser { reply, .. } => reply.send(Err(error)),
            Self::Touch { reply, .. } => reply.send(Err(error)),
            Self::Purge { reply, .. } => reply.send(Err(error)),
            Self::DetectOtherWriters => {}
        }
    }
}

/// The channel to the caller that waits for a command's result.
pub(super) struct Reply<T, E>(oneshot::Sender<Result<T, E>>);

impl<T, E> Reply<T, E> {
    pub(super) fn channel() -> (Self, oneshot::Receiver<Result<T, E>>) {
        let (sender, receiver) = oneshot::channel();
        (Self(sender), receiver)
    }

    fn send(self, result: Result<T, E>) {
        // Sending fails if the caller has stopped waiting. A performed write remains applied.
        let _ = self.0.send(result);
    }
}

/// A performed command that waits for its transaction to be durable.
enum Performed {
    Commit(Unsynced<(), CommitError>),
    DeleteUser(Unsynced<bool, StoreError>),
    Touch(Unsynced<(), StoreError>),
    Purge(Unsynced<Purged, StoreError>),
    /// Nothing, because nobody waits for the result.
    DetectOtherWriters,
}

impl Performed {
    /// Sends the command's result to its caller. Returns the notification to send to subscribers.
    fn complete(self, durable: Result<(), StoreError>) -> Option<ChangeNotification> {
        match self {
            Self::Commit(unsynced) => unsynced.complete(durable),
            Self::DeleteUser(unsynced) => unsynced.complete(durable),
            Self::Touch(unsynced) => unsynced.complete(durable),
            Self::Purge(unsynced) => unsynced.complete(durable),
            Self::DetectOtherWriters => None,
        }
    }
}

/// The result of a performed command before its transaction is durable.
struct Unsynced<T, E> {
    reply: Reply<T, E>,
    /// The result if the transaction becomes durable.
    result: Result<T, E>,
    /// Sent to subscribers if the command has succeeded.
    notification: Option<ChangeNotification>,
}

impl<T, E: From<StoreError>> Unsynced<T, E> {
    /// Performs `work` in a savepoint, which is rolled back if `work` fails. An `Err` of this
    /// function means that the whole transaction is lost. In that case, the error has been sent to
    /// the caller of the command.
    fn perform(
        transaction: &mut Transaction<'_>,
        reply: Reply<T, E>,
        work: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> rusqlite::Result<Self> {
        match in_savepoint(transaction, work) {
            Ok(result) => Ok(Self {
                reply,
                result,
                notification: None,
            }),
            Err(error) => {
                reply.send(Err(unavailable(&error).into()));
                Err(error)
            }
        }
    }

    fn complete(self, durable: Result<(), StoreError>) -> Option<ChangeNotification> {
        // If the transaction is lost, so is everything that the command was decided against.
        let result = durable.map_err(E::from).and(self.result);
        let notification = self.notification.filter(|_| result.is_ok());
        self.reply.send(result);
        notification
    }
}

fn in_savepoint<T, E>(
    transaction: &mut Transaction<'_>,
    work: impl FnOnce(&Connection) -> Result<T, E>,
) -> rusqlite::Result<Result<T, E>> {
    let mut savepoint = transaction.savepoint()?;
    let result = work(&savepoint);
    if result.is_err() {
        savepoint.rollback()?;
    }
    savepoint.commit()?;
    Ok(result)
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

fn write_batch(connection: &mut Connection, batch: Vec<Command>, publisher: &mut Publisher) {
    let mut performed = Vec::with_capacity(batch.len());
    let mut batch = batch.into_iter();
    let written = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .and_then(|mut transaction| {
            publisher.detect_other_writers(&transaction)?;
            let mut changes = publisher.batch();
            for command in batch.by_ref() {
                performed.push(perform(&mut transaction, command, &mut changes)?);
            }
            transaction.commit()?;
            changes.publish();
            Ok(())
        });
    if let Err(error) = &written {
        let error = unavailable(error);
        tracing::error!(error = %ErrorChain(&error), "write transaction failed");
    }
    for command in performed {
        let durable = written.as_ref().copied().map_err(unavailable);
        if let Some(notification) = command.complete(durable) {
            publisher.notify(notification);
        }
    }
    // The commands after the one that lost the transaction were not performed.
    if let Err(error) = &written {
        batch.for_each(|command| command.fail(unavailable(error)));
    }
}

/// Performs one command inside the batch's transaction. An `Err` means that the transaction is
/// lost.
fn perform(
    transaction: &mut Transaction<'_>,
    command: Command,
    changes: &mut Batch<'_>,
) -> rusqlite::Result<Performed> {
    Ok(match command {
        Command::Commit { commit, reply } => {
            changes.take_out(commit.user.owner.id);
            let rows_before = transaction.total_changes();
            let mut unsynced = Unsynced::perform(transaction, reply, |connection| {
                write::commit(connection, &commit)
            })?;
            match unsynced.result {
                // A commit that was applied before changes no row.
                Ok(()) if transaction.total_changes() == rows_before => {}
                Ok(()) => changes.apply(&commit),
                // The next decision must be made on the state in the file.
                Err(_) => changes.forget(commit.user.owner.id),
            }
            unsynced.notification = Some(ChangeNotification::Changed {
                user: commit.user.owner.id,
                sequence: commit.user.last_alert,
            });
            Performed::Commit(unsynced)
        }
        Command::DeleteUser { user, reply } => {
            changes.forget(user);
            let mut unsynced = Unsynced::perform(transaction, reply, |connection| {
                delete::delete_user(connection, user).map_err(classify("user"))
            })?;
            if matches!(unsynced.result, Ok(true)) {
                unsynced.notification = Some(ChangeNotification::Changed { user, sequence: 0 });
            }
            Performed::DeleteUser(unsynced)
        }
        Command::Touch { touches, reply } => {
            let users = touches.iter().map(|touch| touch.user);
            users.clone().for_each(|user| changes.take_out(user));
            let unsynced = Unsynced::perform(transaction, reply, |connection| {
                maintenance::touch(connection, &touches).map_err(classify("session"))
            })?;
            match unsynced.result {
                Ok(()) => changes.touch(&touches),
                Err(_) => users.for_each(|user| changes.forget(user)),
            }
            Performed::Touch(unsynced)
        }
        Command::Purge {
            before,
            limit,
            reply,
        } => Performed::Purge(Unsynced::perform(transaction, reply, |connection| {
            maintenance::purge(connection, before, limit).map_err(classify("session"))
        })?),
        Command::DetectOtherWriters => Performed::DetectOtherWriters,
    })
}

#[cfg(test)]
mod tests;
